"""Cards that come and go at a real agent, over the real PC/SC and two vendors' modules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from smartcard import scard

from custode_drivers.testing.openpgp import OpenPgpCard
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard
from custode_drivers.testing.readers import shows

from .agents import Desk, desk
from .judges import OPENSC, YKCS11

RECOVERED_S = 2.0


def serial_of(card: PivCard, module: str) -> str:
    """What a module makes of a card's serial number: OpenSC tells it in hex, of eight bytes."""
    return str(card.serial) if "ykcs11" in module else f"{card.serial:016x}"


@pytest.fixture(params=[YKCS11, OPENSC], ids=["ykcs11", "opensc"])
def at(request: pytest.FixtureRequest, pcscd: PcscDaemon, tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home", [request.param]) as opened:
        yield opened


@pytest.fixture
def module(at: Desk) -> str:
    (row,) = at.status()["drivers"]
    return str(row["module"])


def test_the_gate_closes_at_the_event_and_the_token_follows(
    at: Desk, pcscd: PcscDaemon, module: str
) -> None:
    card = PivCard(serial=1001)
    serial = serial_of(card, module)
    assert at.serials() == []
    pcscd.readers[0].insert(card)
    assert at.until("token_inserted")["serial"] == serial
    assert at.until("gate_opened")
    assert at.names() == ["gate_closed", "token_inserted", "gate_opened"]
    status = at.status()
    assert [row["serial"] for row in status["tokens"]] == [serial]
    assert status["readers"]["ok"] is True
    assert [row["card"] for row in status["readers"]["readers"]] == [True, False]
    pcscd.readers[0].remove()
    assert at.until("token_removed")["serial"] == serial
    assert at.until("gate_opened")
    assert at.names() == ["gate_closed", "token_removed", "gate_opened"]
    assert at.serials() == []


def test_ten_times_in_and_out_without_a_miss(at: Desk, pcscd: PcscDaemon, module: str) -> None:
    card = PivCard(serial=1001)
    serial = serial_of(card, module)
    for _ in range(10):
        pcscd.readers[0].insert(card)
        assert at.until("token_inserted")["serial"] == serial
        pcscd.readers[0].remove()
        assert at.until("token_removed")["serial"] == serial
    told = at.names()
    assert [told.count(name) for name in ("token_inserted", "token_removed")] == [10, 10]
    assert at.serials() == []


def test_two_readers_of_one_make_and_a_card_that_changes_places(
    at: Desk, pcscd: PcscDaemon, module: str
) -> None:
    """A token is who it is in whichever reader, and in each of them at its own time."""
    one, two = PivCard(serial=1001), PivCard(serial=2002)
    first, second = serial_of(one, module), serial_of(two, module)
    names = [row["name"] for row in at.status()["readers"]["readers"]]
    assert len(set(names)) == 2
    pcscd.readers[0].insert(one)
    pcscd.readers[1].insert(two)
    arrived = {at.until("token_inserted")["serial"], at.until("token_inserted")["serial"]}
    assert arrived == {first, second}
    pcscd.readers[0].remove()
    assert at.until("token_removed")["serial"] == first
    assert at.serials() == [second]
    pcscd.readers[1].remove()
    assert at.until("token_removed")["serial"] == second
    pcscd.readers[1].insert(one)
    assert at.until("token_inserted")["serial"] == first
    assert at.serials() == [first]


def test_a_card_that_is_in_at_the_start_is_there_at_once(pcscd: PcscDaemon, tmp_path: Path) -> None:
    pcscd.readers[1].insert(PivCard(serial=3003))
    shows(pcscd.readers[1].name, card=True)
    with desk(tmp_path / "home", [YKCS11]) as at:
        assert at.serials() == ["3003"]


def test_a_service_that_stops_is_told_and_is_not_an_empty_reader(
    at: Desk, pcscd: PcscDaemon, module: str
) -> None:
    card = PivCard(serial=1001)
    pcscd.readers[0].insert(card)
    at.until("token_inserted")
    at.until("gate_opened")
    at.names()
    pcscd.kill()
    assert at.until("readers_unavailable")["why"] == "no_service"
    assert at.until("token_removed")["serial"] == serial_of(card, module)
    status = at.status()
    assert (status["readers"]["ok"], status["readers"]["readers"]) == (False, [])
    codes = [reason["code"] for reason in status["gate"]["reasons"]]
    assert "readers_unseen" in codes  # it may be in the reader still
    assert "token_unreadable" not in codes
    shown = at.command("status")
    assert "the reader service (PC/SC) does not run" in shown.stdout
    assert "systemctl start pcscd" in shown.stdout
    listed = at.command("token", "list")
    assert "the reader service (PC/SC) does not run" in listed.stdout + listed.stderr
    pcscd.start()
    began_s = time.monotonic()
    at.until("readers_available")
    assert time.monotonic() - began_s < RECOVERED_S
    at.until("gate_opened")
    assert at.status()["readers"]["ok"] is True
    pcscd.readers[0].insert(card)
    assert at.until("token_inserted")["serial"] == serial_of(card, module)


def test_a_card_that_shows_itself_twice_is_one_token(
    pcscd: PcscDaemon, tmp_path: Path, openpgp_card: OpenPgpCard
) -> None:
    """OpenSC gives an OpenPGP card a slot for each of its PINs."""
    with desk(tmp_path / "home", [OPENSC]) as at:
        pcscd.readers[0].insert(openpgp_card)
        at.until("token_inserted")
        at.until("gate_opened")
        assert at.names() == ["gate_closed", "token_inserted", "gate_opened"]
        assert len(at.serials()) == 1
        pcscd.readers[0].remove()
        at.until("token_removed")
        at.until("gate_opened")
        assert at.names() == ["gate_closed", "token_removed", "gate_opened"]


@pytest.mark.parametrize("path", [OPENSC, YKCS11], ids=["opensc", "ykcs11"])
def test_a_command_that_needs_a_token_says_that_readers_cannot_be_seen(
    pcscd: PcscDaemon, tmp_path: Path, path: Path
) -> None:
    """Without the service ykcs11 does not work either, and is not the one to be mended."""
    pcscd.stop()
    with desk(tmp_path / "home", [path]) as at:
        refused = at.command("token", "init", "--so-pin-source", "fd:0", "--new-pin-source", "fd:0")
        assert refused.returncode == 11, refused
        assert "card readers cannot be seen" in refused.stderr
        assert "systemctl start pcscd" in refused.stderr


def test_a_command_that_needs_a_token_says_that_another_program_holds_it(
    at: Desk, pcscd: PcscDaemon, module: str
) -> None:
    card = PivCard(serial=1001)
    serial = serial_of(card, module)
    pcscd.readers[0].insert(card)
    at.until("token_inserted")
    command = ("token", "pin", "change", "--pin-source", "fd:0", "--new-pin-source", "fd:0")
    with held_exclusively(pcscd.readers[0].name):
        refused = at.command(*command, "--token", serial)
        assert refused.returncode == 16, refused
        assert "Another program holds the card" in refused.stderr
        assert at.serials() == []
    assert at.serials() == [serial]  # no event told of it: whoever asks has it looked at


@contextmanager
def held_exclusively(reader: str) -> Iterator[None]:
    """As a program does that wants a card for itself."""
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    code, card, _ = scard.SCardConnect(
        context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_ANY
    )
    assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)
    try:
        yield
    finally:
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)
