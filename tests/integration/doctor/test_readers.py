"""The reader service: stopped, killed, silent, refusing; a card that another program holds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from custode_drivers.api.checks import Case
from custode_drivers.pcsc import checks
from custode_drivers.pcsc.scard import Code, Scard
from custode_drivers.testing.fake_scard import FakeService
from custode_drivers.testing.pcscd import PcscDaemon, PcscUnavailable, available_isolation
from custode_drivers.testing.piv import PivCard
from custode_drivers.testing.readers import put, shared_runtime

from .conftest import Row, Ward

MODULE = '[[module]]\npath = "/usr/lib/x.so"\n'

# Another program at the same card: what it does until its standard input ends.
HOLDER = """
import os, sys
from smartcard import scard
ours = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
reader = scard.SCardListReaders(ours, [])[1][0]
share = scard.SCARD_SHARE_EXCLUSIVE if sys.argv[1] == "exclusive" else scard.SCARD_SHARE_SHARED
result, card, _ = scard.SCardConnect(ours, reader, share, scard.SCARD_PROTOCOL_ANY)
assert result == 0, result
if sys.argv[1] == "transaction":
    assert scard.SCardBeginTransaction(card) == 0
print(os.getpid(), flush=True)
sys.stdin.read()
"""

# The one check, in a process whose environment has led to the service from its beginning.
LOOK = """
import json, sys
from custode.doctor.answer import row
from custode.doctor.patient import patient
from custode.doctor.registry import REGISTRY
from custode.doctor.running import examine
from custode.paths import Paths
print(json.dumps([row(one) for one in examine([REGISTRY[sys.argv[1]]], patient(Paths.find()))]))
"""


def looked(ward: Ward, check_id: str) -> Row:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, check_id],
        env={**os.environ, **ward.paths.environment()},
        capture_output=True,
        check=True,
        timeout=60,
    )
    (found,) = json.loads(done.stdout)
    row: Row = found
    return row


@pytest.fixture
def daemon() -> Iterator[PcscDaemon]:
    try:
        available_isolation()
    except PcscUnavailable as exc:
        pytest.skip(str(exc))
    with PcscDaemon(("Desk",), runtime=shared_runtime()) as running:
        yield running


@pytest.fixture
def desk(ward: Ward, daemon: PcscDaemon) -> Ward:
    """A home with one module whose tokens are cards, and a service that runs."""
    assert daemon.pid
    ward.configure(MODULE)
    return ward


def outcome(row: Row) -> tuple[str, str]:
    return row["outcome"], row["code"]


def test_no_module_needs_readers(ward: Ward) -> None:
    for check in ("pcsc.service", "pcsc.cards", "pcsc.holders"):
        assert ward.code(check) == "not_needed"


def test_a_service_that_is_stopped_killed_or_silent(
    desk: Ward, daemon: PcscDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.code("pcsc.service") == "works"
    down = {"systemd": "not_running_systemd", "sysv": "not_running_sysv", "none": "not_running"}
    for end in (daemon.stop, daemon.kill):  # in order; as a crash: its socket stays behind
        end()
        for init, code in down.items():
            with monkeypatch.context() as patched:
                patched.setattr(checks, "init_system", lambda init=init: init)
                (found,) = desk.rows("pcsc.service")
            assert outcome(found) == ("fail", code)
            assert found["mend"]["command"].startswith("sudo ")
            assert "pcscd" in found["mend"]["command"]
        assert desk.code("pcsc.cards") == "no_service"
        assert desk.code("pcsc.holders") == "no_service"
        daemon.start()  # what the command does
        assert desk.code("pcsc.service") == "works"
    daemon.stop()
    monkeypatch.setattr(checks, "program", lambda *_: None)
    (found,) = desk.rows("pcsc.service")
    assert outcome(found) == ("fail", "not_installed")
    monkeypatch.undo()
    daemon.start()
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        monkeypatch.setattr(
            "custode.doctor.registry.REGISTRY._checks",
            {"pcsc.service": _hasty(checks.CHECKS[0])},
        )
        (found,) = desk.rows("pcsc.service")
        assert outcome(found) == ("fail", "hung")
        assert found["mend"]["step"]
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    assert desk.code("pcsc.service") == "works"


def _hasty(check: Any) -> Any:
    from dataclasses import replace

    return replace(check, deadline_s=1.0)


def test_cards_and_who_holds_them(desk: Ward, daemon: PcscDaemon) -> None:
    assert desk.code("pcsc.cards") == "no_card"
    assert desk.code("pcsc.holders") == "free"
    put(daemon.readers[0], PivCard(serial=7))
    (found,) = desk.rows("pcsc.cards")
    assert outcome(found) == ("pass", "reached")
    assert found["about"] == daemon.readers[0].name
    for how in ("exclusive", "transaction"):
        with holder(how) as pid:
            found = looked(desk, "pcsc.holders")
            assert outcome(found) == ("fail", "held_by")
            assert f"({pid})" in found["what"]
            assert f"({pid})" in found["mend"]["step"]
            # It is no refusal: one waits for one's turn.
            turn = {"exclusive": "reached", "transaction": "busy"}[how]
            assert desk.code("pcsc.cards") == turn
        # That program was ended; the service, and whoever waited for a turn, let go a little later.
        deadline = time.monotonic() + 20.0
        while (code := desk.code("pcsc.holders")) != "free":
            assert time.monotonic() < deadline, code


@contextmanager
def holder(how: str) -> Iterator[int]:
    """Another program that holds the first card in this way: none that we have started."""
    apart = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    argv = [sys.executable, "-c", apart, sys.executable, "-c", HOLDER, how]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(20)


# --- polkit: no pcscd that asks it can be had here, so what it answers is faked ---------------


def found_by(check: Any, ward: Ward, service: FakeService) -> tuple[str, str]:
    """What a check finds with this service's library."""
    case: Case = _case(ward, service)

    def make() -> Scard:
        return service.client()

    (found,) = check.run(case, "", make)
    return check.outcome(found.code).value, found.code


def _case(ward: Ward, service: FakeService) -> Case:
    from custode.doctor.patient import patient

    from .conftest import NoAgent

    ward.configure(MODULE)
    case = patient(ward.paths, NoAgent(ward.paths))
    case.environ["PCSCLITE_CSOCK_NAME"] = str(service.socket)  # type: ignore[index]  # a dict here
    return case


def test_polkit_keeps_this_user_out_of_the_service(ward: Ward, tmp_path: Path) -> None:
    service_check, cards_check, _ = checks.CHECKS
    service = FakeService(tmp_path)
    service.start(["Desk 00 00"])
    assert found_by(service_check, ward, service) == ("pass", "works")
    service.refuses = Code.SECURITY_VIOLATION  # pcsc-lite today
    assert found_by(service_check, ward, service) == ("fail", "refused")
    # Older libraries only see that the service hung up on them.
    service.socket.unlink()
    with socket.create_server(str(service.socket), family=socket.AF_UNIX) as door:
        door.settimeout(10)
        for code in (Code.COMM_ERROR, Code.NO_SERVICE):
            service.refuses = code
            with _hanging_up(door):
                assert found_by(service_check, ward, service) == ("fail", "refused")
        # One that waits for our first word has not refused us.
        service.refuses = 0x80100001
        assert found_by(service_check, ward, service) == ("fail", "failed")
    service.refuses = None  # the administrator's rule
    assert found_by(service_check, ward, service) == ("pass", "works")
    assert found_by(cards_check, ward, service) == ("not_applicable", "no_card")


@contextmanager
def _hanging_up(door: socket.socket) -> Iterator[None]:
    import threading

    def serve() -> None:
        client, _ = door.accept()
        client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(10)


def test_polkit_keeps_this_user_from_the_card(ward: Ward, tmp_path: Path) -> None:
    """The service answers and the card is in, and yet every module would show no token."""
    _, cards_check, _ = checks.CHECKS
    service = FakeService(tmp_path)
    service.start(["Desk 00 00"])
    service.insert("Desk 00 00")
    assert found_by(cards_check, ward, service) == ("pass", "reached")
    service.refuses_cards = Code.SECURITY_VIOLATION
    assert found_by(cards_check, ward, service) == ("fail", "refused")
    service.refuses_cards = 0x8010000B  # SCARD_E_SHARING_VIOLATION: somebody else's turn
    assert found_by(cards_check, ward, service) == ("pass", "reached")
    service.remove("Desk 00 00")
    service.insert("Desk 00 00", mute=True)
    assert found_by(cards_check, ward, service) == ("fail", "mute")
    service.unplug("Desk 00 00")
    assert found_by(cards_check, ward, service) == ("not_applicable", "no_reader")
