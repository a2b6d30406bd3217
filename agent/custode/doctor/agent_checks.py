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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from custode.domain.cards import Why
from custode.error_codes import ErrorCode
from custode.release import VERSION
from custode_drivers.api.checks import Check, Finding, ModuleCase, Outcome, When
from custode_drivers.pcsc.checks import BY_READERS, program
from custode_drivers.pkcs11.checks import EXAMINE_S, JUDGED, judged

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
    if fault is not None and (
        fault is line.settings_fault or fault.code is ErrorCode.CONFIG_INVALID
    ):
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


def cards(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether each card that is in has a module that shows a token on it."""
    rows = patient.line.status()["cards"]
    for row in rows:
        told = {"reader": row["reader"], "card": row["name"], "module": row["module"]}
        told |= {"file": str(patient.config_file)}
        if row["state"] == "unknown":
            yield _unknown(row["tried"], told)
        else:
            yield Finding(row["state"], row["reader"], told)
    if not rows:
        yield Finding("none")


def _unknown(tried: Sequence[Mapping[str, Any]], told: dict[str, Any]) -> Finding:
    """Why no module shows this card: one is not installed, one failed, or nobody knows it."""
    for state, code in (("missing", "to_install"), ("failed", "failed")):
        for one in tried:
            if one["state"] == state and (state == "failed" or one["package"]):
                more = {"package": one["package"], "why": one["reason"], "module": one["name"]}
                return Finding(code, told["reader"], {**told, **more})
    return Finding("unknown", told["reader"], told)


def found_modules(patient: Patient, _subject: str) -> Iterator[Finding]:
    """The modules that were found for a card, or because their device is here: do they work."""
    status = patient.line.status()
    named = {module.name for module in patient.modules}
    if status["config"]["modules_changed"]:  # named when the agent started; `agent.modules` says so
        named |= {row["name"] for row in status["modules"] if row["why"] == Why.CONFIG}
    rows = [row for row in status["drivers"] if row["module"] not in named and row["path"]]
    for row in rows:
        yield judged(patient, ModuleCase(row["module"], row["path"], {}, BY_READERS))
    if not rows:
        yield Finding("none")


def waiting(patient: Patient, _subject: str) -> Iterator[Finding]:
    """Whether something that was begun waits for the person."""
    rows = [row for row in patient.line.status()["needs"] if row["need"] == "operation_can_go_on"]
    for row in rows:
        told = {**row["text_args"], "serial": (row.get("token") or {}).get("serial")}
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
            "agent.cards",
            cards,
            {
                "served": Outcome.PASS,
                "none": Outcome.NOT_APPLICABLE,
                "ignored": Outcome.NOT_APPLICABLE,
                "identifying": Outcome.NOT_MADE,
                "to_install": Outcome.FAIL,
                "failed": Outcome.FAIL,
                "unknown": Outcome.FAIL,
            },
            when=When.WITH_AGENT,
        ),
        Check(
            "agent.found",
            found_modules,
            {**JUDGED, "none": Outcome.NOT_APPLICABLE},
            when=When.WITH_AGENT,
            deadline_s=2 * EXAMINE_S + 4.0,
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
