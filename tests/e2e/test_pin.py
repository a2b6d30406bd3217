"""PINs as a person meets them: counted, changed, unblocked, never used up by accident."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custode.demo.card_stage import CardStage, CardToken
from custode.demo.stage import Module, new_pin, processes_of
from custode.errors import CustodeError
from custode.rpc.client import AgentClient
from custode_drivers.testing.piv import PivCard

from .conftest import Player, with_card

pytestmark = pytest.mark.e2e

WAIT_S = 30.0


def row_of(player: Player) -> dict[str, Any]:
    rows = player.run("token", "list").answer["tokens"]
    return next(row for row in rows if row["serial"] == player.token.serial)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


# --- on SoftHSM, which flags wrong PINs but never locks ---------------------------------------


def test_a_pin_is_changed_and_unblocked(player: Player, tmp_path: Path) -> None:
    player.initialised()
    token, old = player.token, player.token.pin
    named = ("--token", token.serial)

    ran = player.run("token", "pin", "change", *named, pin=b"0" * 9, new_pin=b"12345678", expect=12)
    data = ran.error["data"]
    assert (ran.error["code"], data["token"], data["serial"]) == (
        "pin_incorrect",
        "Carla",
        token.serial,
    )
    assert row_of(player)["pin_failures"] == 1
    ran = player.run("token", "pin", "change", *named, pin=old, new_pin=old, expect=12)
    assert ran.error["code"] == "pin_unchanged"
    ran = player.run("token", "pin", "change", *named, pin=old, new_pin=b"123", expect=12)
    assert ran.error["code"] == "pin_length"
    assert "not sent" in ran.error["message"]
    assert row_of(player)["pin_failures"] == 1, "what was not sent cost nothing"

    token.pin = new_pin()
    done = player.run("token", "pin", "change", *named, pin=old, new_pin=token.pin).answer
    assert done == {"serial": token.serial, "label": "Carla", "role": "user"}
    assert row_of(player)["pin_failures"] == 0
    csr = ("csr", "--key", "p256", "--out")
    assert player.run(*csr, tmp_path / "a.csr", pin=old, expect=12).error["code"] == "pin_incorrect"

    token.pin = new_pin()
    wrong: dict[str, Any] = {"so_pin": b"0" * 12, "new_pin": token.pin}
    ran = player.run("token", "pin", "unblock", *named, expect=12, **wrong)
    assert ran.error["data"]["pin"] == "SO PIN (PUK)"
    right: dict[str, Any] = {"so_pin": token.so_pin, "new_pin": token.pin}
    player.run("token", "pin", "unblock", *named, **right)
    row = row_of(player)
    assert (row["pin_failures"], row["so_pin_failures"]) == (0, 0)
    player.run(*csr, tmp_path / "b.csr", pin=token.pin)

    so_pin = new_pin(12)
    player.run("token", "pin", "change", "--so", *named, so_pin=token.so_pin, new_pin=so_pin)
    right = {"so_pin": so_pin, "new_pin": new_pin()}
    player.run("token", "pin", "unblock", *named, **right)
    audited = player.run("audit", "show").answer["entries"]
    names = [entry["name"] for entry in audited]
    assert names.count("pin_changed") == 2
    assert names.count("pin_unblocked") == 2


def test_a_token_is_named_by_its_uri_and_the_original_is_not_forgotten_by_accident(
    player: Player, tmp_path: Path
) -> None:
    player.certified()
    uri = row_of(player)["uri"]
    assert uri.startswith("pkcs11:model=SoftHSM%20v2;")
    out = tmp_path / "x.csr"
    player.run("csr", "--key", "p256", "--token", uri, "--out", out, pin=player.token.pin)
    ran = player.run("csr", "--token", "pkcs11:serial=0", "--out", tmp_path / "y.csr", expect=11)
    assert ran.error["code"] == "no_such_token"
    ran = player.run(
        *("csr", "--token", "pkcs11:token=x?pin-value=1234"),
        *("--out", tmp_path / "y.csr"),
        expect=2,
    )
    assert ran.error["code"] == "token_uri_invalid"
    assert "1234" not in json.dumps(ran.answer)

    with (
        AgentClient.connect(player.person.paths()) as agent,
        pytest.raises(CustodeError) as refused,
    ):
        agent.call("token.forget", {"serial": player.token.serial})
    assert (refused.value.code.value, refused.value.exit) == ("token_in_use", 31)
    player.run("token", "forget", uri, "--yes")
    assert player.run("status").answer["identity"]["primary"] is None


def test_a_try_whose_answer_never_came_counts(player: Player, tmp_path: Path) -> None:
    """The agent is killed between "about to try" and the answer, twice: one attempt is left."""
    player.initialised()
    _killed_over_a_pin(player)
    row = row_of(player)
    assert (row["pin_failures"], row["pin_attempts_remaining"]) == (1, None)
    _killed_over_a_pin(player)
    row = row_of(player)
    assert row["pin_failures"] == 2
    assert row["pin_attempts_remaining"] == 1
    assert player.needs()[0] == "last_pin_attempt"
    csr = ("csr", "--key", "p256", "--out", tmp_path / "x.csr")
    pin: dict[str, Any] = {"pin": player.token.pin}
    ran = player.run(*csr, expect=14, **pin)
    assert ran.error["code"] == "pin_last_attempt"
    assert "--use-last-attempt" in ran.error["hint"]
    player.run(*csr, "--use-last-attempt", **pin)
    assert row_of(player)["pin_failures"] == 0
    assert "last_pin_attempt" not in player.needs()
    names = [entry["name"] for entry in player.run("audit", "show").answer["entries"]]
    assert names.count("pin_try_unanswered") == 2


def _killed_over_a_pin(player: Player) -> None:
    """Kill the agent while the token's worker waits for a PIN that does not end."""
    paths = player.person.paths()
    read, write = os.pipe()
    agent = AgentClient.connect(paths)
    pid = agent.agent["pid"]
    done = threading.Event()

    def work() -> None:
        with agent, suppress(CustodeError):
            agent.call("csr.create", {"key": "p256"}, on_secret=lambda _wanted: read)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        wait_for(lambda: _unanswered(player))
        os.kill(pid, signal.SIGKILL)
        assert done.wait(WAIT_S)
    finally:
        os.close(write)
    wait_for(lambda: pid not in processes_of(player.person.home))


def _unanswered(player: Player) -> bool:
    with closing(sqlite3.connect(player.person.home / "state.sqlite")) as database:
        rows = database.execute("SELECT * FROM tokens").fetchall()
    return any(b'"user_pin_unanswered":true' in _bytes(row) for row in rows)


def _bytes(row: tuple[Any, ...]) -> bytes:
    return b" ".join(v if isinstance(v, bytes) else str(v).encode() for v in row)


# --- on a PIV card, which counts and locks ----------------------------------------------------


class UnblockingStage(CardStage):
    """OpenSC unblocks a PIN in the SO's session only when its configuration says so."""

    def module_for(self, folder: Path) -> Module:
        file = folder / "opensc.conf"
        file.write_text(
            "app default { }\n"
            "app opensc-pkcs11 { pkcs11 { user_pin_unblock_style = init_pin_in_so_session; } }\n"
        )
        module = super().module_for(folder)
        return replace(module, env={"OPENSC_CONF": str(file)})


@pytest.fixture
def card_player() -> Iterator[Player]:
    with with_card("piv") as player:
        yield player


def card_of(player: Player) -> PivCard:
    assert isinstance(player.token, CardToken)
    assert isinstance(player.token.card, PivCard)
    return player.token.card


def test_a_cards_last_attempt_is_the_persons_own_decision(card_player: Player) -> None:
    player, card = card_player, card_of(card_player)
    change = ("token", "pin", "change", "--token", player.token.serial)

    ran = player.run(*change, pin=b"111111", new_pin=b"654321", expect=12)
    assert ran.error["data"]["attempts_remaining"] is None
    ran = player.run(*change, pin=b"111111", new_pin=b"654321", expect=12)
    assert ran.error["data"]["attempts_remaining"] == 1
    assert "Attempts left: 1." in ran.error["message"]
    row = row_of(player)
    assert (row["pin_attempts_remaining"], row["pin_final_try"]) == (1, True)
    assert player.needs()[0] == "last_pin_attempt"

    ran = player.run(*change, pin=player.token.pin, new_pin=b"654321", expect=14)
    assert ran.error["code"] == "pin_last_attempt"
    assert card.pin_attempts_remaining == 1, "nothing was sent"
    player.run(*change, "--use-last-attempt", pin=player.token.pin, new_pin=b"654321")
    assert card.pin_attempts_remaining == 3
    assert row_of(player)["pin_attempts_remaining"] is None
    assert "last_pin_attempt" not in player.needs()


def test_a_locked_card_stays_locked_and_says_what_helps(card_player: Player) -> None:
    player, card = card_player, card_of(card_player)
    change = ("token", "pin", "change", "--token", player.token.serial)
    wrong: dict[str, Any] = {"pin": b"111111", "new_pin": b"654321"}
    for exit_, more in ((12, ()), (12, ()), (13, ("--use-last-attempt",))):
        player.run(*change, *more, expect=exit_, **wrong)
    assert card.pin_attempts_remaining == 0
    right: dict[str, Any] = {"pin": player.token.pin, "new_pin": b"654321"}
    ran = player.run(*change, "--use-last-attempt", expect=13, **right)
    assert f"custode token pin unblock --token {player.token.serial}" in ran.error["hint"]
    assert row_of(player)["pin_attempts_remaining"] == 0
    assert "pin_locked" in player.needs()

    unblock = ("token", "pin", "unblock", "--token", player.token.serial)
    ran = player.run(*unblock, expect=31, so_pin=player.token.so_pin, new_pin=b"654321")
    assert ran.error["data"]["capability"] == "unblock_pin"
    assert "Yubico" in ran.error["hint"], "ykcs11 has no C_InitPIN: its maker's program unblocks"
    assert row_of(player)["so_pin_failures"] == 0, "the SO PIN was not what failed"


def test_a_locked_card_is_unblocked_with_its_so_pin() -> None:
    with with_card("openpgp", UnblockingStage) as player:
        named = ("--token", player.token.serial)
        change = ("token", "pin", "change", *named)
        wrong: dict[str, Any] = {"pin": b"111111", "new_pin": b"654321"}
        for exit_, more in ((12, ()), (12, ()), (14, ()), (13, ("--use-last-attempt",))):
            player.run(*change, *more, expect=exit_, **wrong)
        unblock = ("token", "pin", "unblock", *named)
        ran = player.run(*unblock, expect=12, so_pin=b"11111111", new_pin=b"654321")
        assert ran.error["data"]["role"] == "so"
        assert row_of(player)["so_pin_failures"] == 1
        player.run(*unblock, so_pin=player.token.so_pin, new_pin=b"654321")
        assert row_of(player)["so_pin_failures"] == 0
        assert row_of(player)["pin_attempts_remaining"] is None
        player.run(*change, pin=b"654321", new_pin=b"765432")
        assert "pin_locked" not in player.needs()
