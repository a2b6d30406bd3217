"""Checks of the reader service (PC/SC): is it there, does it let us in, who holds a card.

How pcsc-lite says no, by its own change log and source: a service that polkit keeps a user from
closes the connection at once, and SCardEstablishContext returns SCARD_W_SECURITY_VIOLATION, older
libraries SCARD_F_COMM_ERROR or SCARD_E_NO_SERVICE (action access_pcsc). A card that polkit keeps
it from answers SCardConnect with SCARD_W_SECURITY_VIOLATION (action access_card; from 2.0.1 on):
every module then shows no token, though a card is in.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from custode_drivers.api.checks import Case, Check, Finding, Outcome, When
from custode_drivers.pcsc import holders, scard
from custode_drivers.pcsc.scard import Code, LibraryMissing, PyScard, Scard, ScardError
from custode_drivers.pcsc.watch import service_socket

BY_READERS: Final = "pcsc"
_EOF_S: Final = 0.3  # pcscd reads first: one that hangs up by itself has refused us
_TURN_S: Final = 1.0
_SYSTEMD: Final = Path("/run/systemd/system")  # sd_booted(3)
_INIT_SCRIPT: Final = Path("/etc/init.d/pcscd")
_SBIN: Final = "/usr/sbin:/sbin:/usr/local/sbin"

Make = Callable[[], Scard]


def init_system() -> str:
    """What starts services here: `systemd`, `sysv` (an init script is there), or `none`."""
    if _SYSTEMD.is_dir():
        return "systemd"
    return "sysv" if _INIT_SCRIPT.exists() else "none"


def program(environ: dict[str, str] | None = None) -> str | None:
    """Path of pcscd, also where a user's PATH does not lead to it."""
    path = (environ or os.environ).get("PATH", os.defpath)
    return shutil.which("pcscd", path=f"{path}:{_SBIN}")


def service(case: Case, _subject: str, make: Make = PyScard) -> Iterator[Finding]:
    """Whether the service runs and lets this user in."""
    if not _wanted(case):
        yield Finding("not_needed")
        return
    where = service_socket(case.environ)
    told = {"socket": str(where), "init": init_system(), "program": program(dict(case.environ))}
    try:
        client = make()
        context = client.establish()
    except LibraryMissing as exc:
        code = "no_library" if _needed(case) else "optional"
        yield Finding(code, data={**told, "why": str(exc)})
    except ScardError as exc:
        code = _why(exc, where) if _needed(case) else "optional"
        yield Finding(code, data={**told, "answer": scard.name_of(exc.code)})
    else:
        readers = client.readers(context)
        with suppress(ScardError):
            client.release(context)
        yield Finding("works", data={**told, "readers": len(readers)})


def _why(exc: ScardError, where: Path) -> str:
    door = _knock(where)
    if exc.code == Code.SECURITY_VIOLATION or door == "hangs_up":
        return "refused"
    if door == "accepts":
        return "failed"  # it is there, lets us in, and says something nobody knows
    if program() is None:
        return "not_installed"
    return {
        "systemd": "not_running_systemd",
        "sysv": "not_running_sysv",
        "none": "not_running",
    }[init_system()]


def _knock(where: Path) -> str:
    """What the service's socket does: `absent`, `nobody`, `accepts`, or `hangs_up` by itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect(str(where))
        except FileNotFoundError:
            return "absent"
        except OSError:
            return "nobody"
        # A client has the first word: it is not spoken here.
        if not select.select([door], [], [], _EOF_S)[0]:
            return "accepts"
        with suppress(OSError):
            return "accepts" if door.recv(1) else "hangs_up"
        return "hangs_up"


def cards(case: Case, _subject: str, make: Make = PyScard) -> Iterator[Finding]:
    """Whether each card that is in may be reached by this user, and answers."""
    if not _wanted(case):
        yield Finding("not_needed")
        return
    try:
        client = make()
        context = client.establish()
    except (LibraryMissing, ScardError):
        yield Finding("no_service")
        return
    try:
        yield from _each_card(client, context)
    finally:
        with suppress(ScardError):
            client.release(context)


def _each_card(client: Scard, context: int) -> Iterator[Finding]:
    names = client.readers(context)
    if not names:
        yield Finding("no_reader")
        return
    try:
        rows = client.wait(context, [scard.Row(name, scard.UNAWARE) for name in names], 0)
    except ScardError as exc:
        if exc.code not in {Code.TIMEOUT, Code.UNKNOWN_READER}:
            raise
        rows = []
    full = [row for row in rows if row.state & scard.PRESENT]
    for row in full:
        yield Finding(_reached(client, row), row.name, {"reader": row.name})
    if not full:
        yield Finding("no_card", data={"readers": len(names)})


def _reached(client: Scard, row: scard.Row) -> str:
    """Connect to a card; pcsc-lite makes whoever comes during a transaction wait, without an end.

    So a thread waits, with a context of its own; it lets go as soon as its turn comes.
    """
    if row.state & scard.MUTE:
        return "mute"
    answers: list[str] = []

    def connect() -> None:
        try:
            context = client.establish()
            try:
                client.reach(context, row.name)
            finally:
                client.release(context)
        except ScardError as exc:
            answers.append("refused" if exc.code == Code.SECURITY_VIOLATION else "reached")
        else:
            answers.append("reached")

    waiting = threading.Thread(target=connect, daemon=True)
    waiting.start()
    waiting.join(_TURN_S)
    return answers[0] if answers else "busy"


def holding(case: Case, _subject: str, make: Make = PyScard) -> Iterator[Finding]:
    """Whether another program keeps a card for itself, and which one that may be."""
    if not _wanted(case):
        yield Finding("not_needed")
        return
    try:
        client = make()
        client.release(client.establish())
    except (LibraryMissing, ScardError):
        yield Finding("no_service")
        return
    alone, ours = holders.is_held(), case.ours()
    if not alone and not holders.in_transaction():
        yield Finding("free")
        return
    by = holders.named(ours)
    if by is not None:
        yield Finding("held_by_gpg" if "scdaemon" in by else "held_by", data={"by": by})
    else:
        # A transaction may be our own agent's, which works with the card just now.
        yield Finding("held" if alone or not ours else "free")


def _wanted(case: Case) -> bool:
    return case.discovers or any(module.watch == BY_READERS for module in case.modules)


def _needed(case: Case) -> bool:
    """Whether its absence is a fault: not where all modules that are named do without."""
    return not case.modules or any(module.watch == BY_READERS for module in case.modules)


_NOT_NEEDED: Final = {"not_needed": Outcome.NOT_APPLICABLE}

CHECKS: Final = (
    Check(
        "pcsc.service",
        service,
        {
            "works": Outcome.PASS,
            **_NOT_NEEDED,
            "optional": Outcome.NOT_APPLICABLE,
            "no_library": Outcome.FAIL,
            "not_installed": Outcome.FAIL,
            "not_running_systemd": Outcome.FAIL,
            "not_running_sysv": Outcome.FAIL,
            "not_running": Outcome.FAIL,
            "refused": Outcome.FAIL,
            "failed": Outcome.FAIL,
        },
        deadline_s=4.0,
    ),
    Check(
        "pcsc.cards",
        cards,
        {
            "reached": Outcome.PASS,
            **_NOT_NEEDED,
            "no_service": Outcome.NOT_MADE,
            "no_reader": Outcome.NOT_APPLICABLE,
            "no_card": Outcome.NOT_APPLICABLE,
            "busy": Outcome.NOT_MADE,
            "refused": Outcome.FAIL,
            "mute": Outcome.FAIL,
        },
        deadline_s=4.0,
    ),
    Check(
        "pcsc.holders",
        holding,
        {
            "free": Outcome.PASS,
            "no_service": Outcome.NOT_MADE,
            **_NOT_NEEDED,
            "held": Outcome.FAIL,
            "held_by": Outcome.FAIL,
            "held_by_gpg": Outcome.FAIL,
        },
        when=When.FIRST,
        deadline_s=4.0,
    ),
)
