"""Clocks that are wrong, databases that were put back, commands that meet: closed, and said so."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custode.demo.stage import Ran, processes_of

from .conftest import Player

pytestmark = pytest.mark.e2e

SHIFTED = Path(__file__).with_name("shifted")
TEN_YEARS = 3650


def stopped(player: Player) -> None:
    """Stop the agent, and with it its authority, and wait for their end."""
    player.run("agent", "stop")
    until = time.monotonic() + 20
    while processes_of(player.person.home):
        assert time.monotonic() < until
        time.sleep(0.05)


class Kept:
    """A database as it was on an earlier day."""

    def __init__(self, database: Path, to: Path) -> None:
        self._database, self._kept = database, to
        to.mkdir()
        for path in self._parts():
            shutil.copy(path, to)

    def _parts(self) -> list[Path]:
        return list(self._database.parent.glob(f"{self._database.name}*"))

    def put_back(self) -> None:
        for path in self._parts():
            path.unlink()
        for path in self._kept.iterdir():
            shutil.copy(path, self._database.parent)


def test_databases_that_were_put_back(player: Player, tmp_path: Path) -> None:
    """What ended stays ended: the agent's own log says so, and what the authority signed."""
    folder, home = player.backed_up(), player.person.home
    stopped(player)
    agent = Kept(home / "state.sqlite", tmp_path / "agent")
    authority = Kept(home / "authority" / "authority.sqlite", tmp_path / "authority")
    (row,) = player.run("certificates").answer["certificates"]
    player.run(
        *("cancel", row["id_operazione"], "--reason", "other", "--note", "n", "--yes"),
        pin=player.token.pin,
    )
    player.pull()
    stopped(player)
    newest = Kept(home / "authority" / "authority.sqlite", tmp_path / "newest")

    # The agent's: closed again from its log, found out, told, and every log still verifies.
    agent.put_back()
    found = player.run("status").answer
    assert found["agent"]["rolled_back_at"] is not None
    assert [row["state"] for row in found["certificates"]] == ["cancelled"]
    assert player.run("audit", "verify").answer["ok"] is True
    assert player.run("certificates").answer["certificates"][0]["state"] == "cancelled"
    stopped(player)

    # The authority's, and both of them: it does not know what it signed; nothing is believed.
    for put_back in ([authority], [agent, authority]):
        for database in put_back:
            database.put_back()
        for words in (
            ["certificates"],
            ["backup", "open", folder],
            ["backup", "create", "--to", tmp_path],
        ):
            ran = player.run(*words, expect=None)
            assert (ran.exit, ran.error["code"]) == (30, "authority_rolled_back"), words
        found = player.run("status").answer
        assert [row["state"] for row in found["certificates"]] == ["cancelled"]
        assert found["gate"]["allowed"] is False
        stopped(player)

    # With the newest one in its place everything is as it was.
    newest.put_back()
    (row,) = player.run("certificates").answer["certificates"]
    assert row["state"] == "cancelled"


def test_a_clock_ten_years_off(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority's signed time decides; one that is off itself is not believed at all."""
    folder = player.backed_up()
    before = player.run("certificates").answer
    backups = player.run("backup", "list").answer
    player.pull()
    pin = {"backup_pin": player.person.backup_pin}
    table = [
        # whose clock, days off, what closes the gate, how the list ends
        ("agent", TEN_YEARS, {"original_active", "no_grant"}, (0, None)),
        ("agent", -TEN_YEARS, {"original_active", "no_grant"}, (0, None)),
        ("authority", TEN_YEARS, {"status_unknown", "no_grant"}, (20, "clock_wrong")),
        ("authority", -TEN_YEARS, {"status_unknown", "no_grant"}, (20, "clock_wrong")),
    ]
    stopped(player)
    for whose, days, reasons, (status, code) in table:
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", str(SHIFTED))
            patched.setenv("CUSTODE_TEST_CLOCK", f"{whose}:{days}")
            listed = player.run("certificates", expect=None)
            assert (listed.exit, listed.error.get("code")) == (status, code), (whose, days)
            ran = player.run("backup", "open", folder, expect=10, **pin)
            assert set(ran.reasons) == reasons, (whose, days)
            stopped(player)
    # The clock is right again: nothing was changed.
    assert player.run("certificates").answer == before
    assert player.run("backup", "list").answer == backups
    assert player.run("audit", "verify").answer["ok"] is True


def at_once(*calls: Callable[[], Ran]) -> list[Ran]:
    """Run commands at the same time; their ends, in order."""
    ends: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        ends[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)
    assert None not in ends
    return ends


def test_two_commands_at_once(player: Player, tmp_path: Path) -> None:
    """Same token, same request, same backup: done once, or twice cleanly, and never half."""
    player.initialised()
    token, person = player.token, player.person

    def told(*words: str | Path, **secret: bytes) -> Callable[[], Ran]:
        return lambda: player.run(*words, expect=None, **secret)

    files = [tmp_path / "a.csr", tmp_path / "b.csr"]
    made = at_once(*(told("csr", "--key", "p256", "--out", file, pin=token.pin) for file in files))
    assert [ran.exit for ran in made] == [0, 0], [ran.error for ran in made]
    assert files[0].read_bytes() != files[1].read_bytes()

    sent = at_once(*[told("request", "--csr", files[0], "--wait")] * 2)
    assert [ran.exit for ran in sent] == [0, 0], [ran.error for ran in sent]
    assert sent[0].answer["id_operazione"] == sent[1].answer["id_operazione"]
    assert len(player.run("certificates").answer["certificates"]) == 1
    installed = at_once(*[told("install", pin=token.pin)] * 2)
    assert [ran.exit for ran in installed] == [0, 0], [ran.error for ran in installed]

    stick = tmp_path / "stick"
    stick.mkdir()
    secrets = {"pin": token.pin, "backup_pin": person.backup_pin}
    backups = at_once(*[told("backup", "create", "--to", stick, **secrets)] * 2)
    assert [ran.exit for ran in backups] == [0, 0], [ran.error for ran in backups]
    folders = sorted(Path(ran.answer["path"]) for ran in backups)
    assert sorted(stick.iterdir()) == folders
    assert [len(list(folder.iterdir())) for folder in folders] == [2, 2]

    # The same backup, activated twice at once: one successor, whoever came first.
    player.pull()
    player.run("report", "malfunction", password=person.password)
    activate = ("backup", "activate", folders[0], "--reason", "malfunction", "--wait")
    ends = at_once(*[told(*activate, backup_pin=person.backup_pin)] * 2)
    assert 0 in {ran.exit for ran in ends}
    assert {ran.exit for ran in ends} <= {0, 10, 21}
    assert all(ran.error["message"] for ran in ends if ran.exit)
    states = [row["state"] for row in player.run("certificates").answer["certificates"]]
    assert sorted(states) == ["active", "cancelled"]
    assert player.run("audit", "verify").answer["ok"] is True
