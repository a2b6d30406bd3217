"""The agent's own checks: its socket, start, version and settings, and what waits in it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from custode.error_codes import ErrorCode
from custode.release import VERSION
from custode_drivers.api.checks import Check, Finding, Outcome, When
from custode_drivers.pcsc.checks import program

if TYPE_CHECKING:
    from custode.doctor.patient import Patient

# Which value of CONFIG_INVALID tells which sentence it is (error_general.py has the same choice).
_FAULTS: Final = {
    "toml": "not_toml",
    "unknown": "unknown_key",
    "relative": "relative",
    "fault": "value",
}
_ASK_S: Final = 2.0
_PACKAGES: Final = ("python-pkcs11", "pyscard", "cryptography", "msgspec", "httpx", "watchdog")


def socket_place(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the place of the agent's sockets is free, or holds its sockets."""
    run = patient.paths.run
    try:
        found = run.lstat()
    except FileNotFoundError:
        yield Finding("free")  # it is made when the agent starts
        return
    if not stat.S_ISDIR(found.st_mode):
        yield Finding("in_the_way", data={"path": str(run)})
        return
    if found.st_uid != os.getuid():
        yield Finding("of_another", data={"path": str(run)})
        return
    for place in (patient.paths.agent_socket, patient.paths.secrets_socket):
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(place.lstat().st_mode):
                yield Finding("in_the_way", place.name, {"path": str(place)})
                return
    yield Finding("free")


def starts(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the agent runs, or can be started."""
    line, log = patient.line, str(patient.paths.log)
    if line.wait():
        yield Finding("ran" if line.ran_before else "started", data={"pid": line.hello["pid"]})
        return
    fault = line.fault
    if fault is not None and fault.code is ErrorCode.TIMED_OUT:
        yield Finding("silent", data={"path": str(patient.paths.agent_socket), "log": log})
        return
    if fault is not None and fault.code is ErrorCode.CONFIG_INVALID:
        yield Finding("config", data={"file": str(patient.config_file)})
        return
    why = "" if fault is None else str(fault.data.get("why") or fault)
    cause = None if fault is None else fault.data.get("cause", fault.code.value)
    told = {"why": why, "cause": cause, "log": log}
    yield Finding("cannot_with_reason" if why else "cannot", data=told)


def same_version(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the agent that runs is of the version that is installed."""
    running = str(patient.line.hello.get("version"))
    told = {"agent": running, "installed": VERSION}
    yield Finding("same" if running == VERSION else "other", data=told)


def config(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether config.toml can be read; every fault with its line."""
    path = patient.config_file
    told = {"path": str(path)}
    if not patient.faults:
        yield Finding("valid" if path.exists() else "none", data=told)
    for fault in patient.faults:
        if fault.code is ErrorCode.FILE_UNREADABLE:
            closed = path.is_file() and not os.access(path, os.R_OK)
            code = "closed" if closed else "unreadable"
            yield Finding(code, data={**told, "why": fault.data.get("why")})
        else:
            at = fault.data.get("line")
            code = next((code for key, code in _FAULTS.items() if key in fault.data), "fault")
            values = {**fault.data, **told, "fault_text": fault.data.get("what")}
            values.pop("what", None)  # an English text; the code says which sentence it is
            yield Finding(code, f"{path.name}:{at}" if at else path.name, values)


def config_in_use(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the agent works with the modules that the file names now."""
    changed = patient.line.status()["config"]["modules_changed"]
    yield Finding("changed" if changed else "in_use", data={"file": str(patient.config_file)})


def tokens(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether each card that is in is shown by some module."""
    status = patient.line.status()
    readers = status.get("readers") or {}
    cards = sum(bool(row["card"]) for row in readers.get("readers", []))
    seen = set(readers.get("modules", []))
    shown = [row for row in status["tokens"] if row["present"]]
    over_readers = [row for row in shown if row.get("module") in seen]
    told = {"cards": cards, "tokens": len(shown)}
    if cards and not over_readers:
        yield Finding("unknown_card", data={**told, "file": str(patient.config_file)})
    elif shown:
        yield Finding("shown", data=told)
    else:
        yield Finding("none", data=told)


def waiting(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether something that was begun waits for the person."""
    rows = [row for row in patient.line.status()["needs"] if row["need"] == "operation_can_go_on"]
    for row in rows:
        told = dict(row["text_args"])
        yield Finding("left", str(told.get("what", "")), told)
    if not rows:
        yield Finding("nothing")


def rolled_back(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether the agent found its database put back to an earlier state."""
    at = patient.line.status()["agent"]["rolled_back_at"]
    if at is None:
        yield Finding("never")
    else:
        yield Finding("once", data={"at": at})


def software(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Which versions work together here."""
    told: dict[str, object] = {
        "custode": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
    }
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            told[name] = version(name)
    if (pcscd := program(dict(patient.environ))) is not None:
        told["pcscd"] = _said([pcscd, "--version"])
    if (openssl := shutil.which("openssl")) is not None:
        told["openssl_program"] = _said([openssl, "version"])
    supported = sys.version_info >= (3, 11)
    yield Finding("told" if supported else "old_python", data=told)


def _said(argv: list[str]) -> str:
    """First line of what a program says of itself; nothing when it says nothing in time."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_ASK_S, check=False, errors="replace"
        )
        return (done.stdout or done.stderr).partition("\n")[0].strip()
    return ""


def checks() -> tuple[Check[Patient], ...]:
    """The checks of this file, in the order in which people read them."""
    return (
        Check(
            "agent.config",
            config,
            {
                "valid": Outcome.PASS,
                "none": Outcome.PASS,
                **dict.fromkeys((*_FAULTS.values(), "fault"), Outcome.FAIL),
                "closed": Outcome.FAIL,
                "unreadable": Outcome.FAIL,
            },
        ),
        Check(
            "agent.socket",
            socket_place,
            {"free": Outcome.PASS, "in_the_way": Outcome.FAIL, "of_another": Outcome.FAIL},
        ),
        Check(
            "agent.starts",
            starts,
            {
                "ran": Outcome.PASS,
                "started": Outcome.PASS,
                "silent": Outcome.FAIL,
                "config": Outcome.FAIL,
                "cannot_with_reason": Outcome.FAIL,
                "cannot": Outcome.FAIL,
            },
            when=When.AFTERWARDS,
        ),
        Check(
            "agent.version",
            same_version,
            {"same": Outcome.PASS, "other": Outcome.FAIL},
            when=When.WITH_AGENT,
        ),
        Check(
            "agent.modules",
            config_in_use,
            {"in_use": Outcome.PASS, "changed": Outcome.FAIL},
            when=When.WITH_AGENT,
        ),
        Check(
            "agent.tokens",
            tokens,
            {
                "shown": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
                "unknown_card": Outcome.FAIL,
            },
            when=When.WITH_AGENT,
        ),
        Check(
            "agent.journal",
            waiting,
            {"nothing": Outcome.PASS, "left": Outcome.FAIL},
            when=When.WITH_AGENT,
        ),
        Check(
            "agent.rollback",
            rolled_back,
            {"never": Outcome.PASS, "once": Outcome.PASS},
            when=When.WITH_AGENT,
        ),
        Check("agent.software", software, {"told": Outcome.PASS, "old_python": Outcome.FAIL}),
    )
