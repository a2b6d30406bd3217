"""The gate while people take their time, and commands that come at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient, WantedSecret

from .conftest import Player

pytestmark = pytest.mark.e2e


def test_the_original_comes_back_while_the_pin_is_being_typed(player: Player) -> None:
    """Judged again after the prompt: nothing is sent, and nothing opens."""
    folder = player.backed_up()
    player.pull()
    player.run("report", "malfunction", password=player.person.password)
    pin: dict[str, Any] = {"backup_pin": player.person.backup_pin}
    player.run("backup", "activate", folder, "--reason", "malfunction", "--wait", **pin)
    assert player.run("backup", "open", folder, **pin).answer["proved"] is True

    asked: list[str] = []

    def slow_fingers(wanted: WantedSecret) -> int:
        asked.append(wanted.kind)
        player.plug()
        read, write = os.pipe()
        os.write(write, player.person.backup_pin)
        os.close(write)
        return read

    with AgentClient.connect(player.person.paths()) as agent, pytest.raises(CustodeError) as error:
        agent.call("backup.open", {"folder": str(folder)}, on_secret=slow_fingers)
    assert asked == ["backup_pin"]
    assert error.value.code is ErrorCode.GATE_CLOSED
    assert [reason["code"] for reason in error.value.data["reasons"]] == ["original_present"]


def test_two_backups_at_once_wait_for_each_other(player: Player) -> None:
    """One procedure at a time works with a token; neither ends the other's session."""
    player.certified()
    with ThreadPoolExecutor(2) as two:
        folders = list(two.map(player.backup, ("first", "second")))
    states = [row["state"] for row in player.run("backup", "list").answer["backups"]]
    assert states == ["registered", "registered"]
    assert all((folder / "iw.iwk").is_file() for folder in folders)
