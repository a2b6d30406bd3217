"""What a driver can find out about its own health: the contract of `custode doctor`.

A check looks, and answers with findings: a code and values, never a sentence. What each code means
for the person (all is well, a fault, does not apply here) stands in the check's own table, so that
the documentation and the sentences are held against it. A check changes nothing, asks for no PIN,
and ends before its deadline or is given up.

A driver names its checks in `checks.py` as `CHECKS`; the agent's composition names that module in
one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Generic, TypeVar


class Outcome(StrEnum):
    """What a finding means."""

    PASS = "pass"  # noqa: S105 - a word for people, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    """There is nothing here that it could be about."""
    NOT_MADE = "not_made"
    """It could not be looked at, because something else does not work; counts as no fault."""


class When(StrEnum):
    """What a check needs of the agent."""

    FIRST = "first"
    """Nothing, and it is not even started before this is over: it would disturb the answer."""
    AT_ONCE = "at_once"
    """Nothing."""
    AFTERWARDS = "afterwards"
    """Nothing, but it begins only when the agent is up, or is known not to start."""
    WITH_AGENT = "with_agent"
    """The agent's answers: not made without."""


HUNG: Final = "hung"
"""A check that did not end in time; every check may answer so, with `seconds`."""
BROKE: Final = "broke"
"""A check that failed in a way nobody foresaw, with `kind`."""
AGENT_MISSING: Final = "agent_missing"
"""A check that needs the agent, and there is none."""

ALWAYS: Final[Mapping[str, Outcome]] = {
    HUNG: Outcome.FAIL,
    BROKE: Outcome.FAIL,
    AGENT_MISSING: Outcome.NOT_MADE,
}
"""What may be found by any check, beside its own codes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a check: a code of its table, what it is about, and values."""

    code: str
    about: str = ""
    """Which one, where the check looks at several: a module, a file, a reader."""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModuleCase:
    """A PKCS#11 module as it is configured or was found."""

    name: str
    path: str
    env: Mapping[str, str]
    watch: str
    """`pcsc`, `none`, or the folder of SoftHSM's tokens."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of loading a module afresh, in a process of its own, and listing its tokens."""

    load_s: float | None = None
    """Until C_Initialize returned; None when it was not loaded for this."""
    list_s: float | None = None
    library: str = ""
    """What it says of itself, with its version (C_GetInfo)."""
    tokens: int = 0
    unreadable: int = 0
    """Tokens in a slot that answer nothing."""
    in_use: bool = False
    """The agent works with it right now, so it was left alone."""
    failure: str | None = None
    """The code of what went wrong: `timed_out`, `module_failed`, …"""
    why: str = ""
    doing: str | None = None
    """What it was asked to do when it hung or broke down."""


@dataclass(frozen=True, slots=True)
class AuthorityCase:
    """Where the authority is; or why that cannot be said."""

    state: str
    """`there`, `none` (not made yet), `stopped`, `lost`, `not_started`, `agent_missing`."""
    embedded: bool
    url: str = ""
    pin_sha256: str = ""
    ca_certificate: str = ""
    """Path of its PEM file."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be looked at."""

    home: Path
    config_file: Path
    modules: Sequence[ModuleCase]
    settings_read: bool
    """Whether the settings could be read at all; else nobody knows which modules they name."""
    discovers: bool
    """Whether modules are also found for each card."""
    backup_folders: Sequence[Path]
    now: Callable[[], datetime]
    environ: Mapping[str, str]
    examine: Callable[[ModuleCase], Examined]
    """Load a module afresh. Blocks; has a deadline of its own."""
    authority: Callable[[], AuthorityCase]
    """Have the embedded authority run, if there is one. Blocks; may be called by several."""
    ours: Callable[[], frozenset[int]]
    """Process ids of ourselves: the agent and what it has started."""


C_contra = TypeVar("C_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Check(Generic[C_contra]):
    """One check. `says`: every code it may answer with, beside ALWAYS, and what that means."""

    id: str
    run: Callable[[C_contra, str], Iterable[Finding]]
    says: Mapping[str, Outcome]
    subjects: Callable[[C_contra], Sequence[str]] | None = None
    """What it is run for, each at the same time as the others; None: once, for ""."""
    when: When = When.AT_ONCE
    deadline_s: float = 5.0

    def outcome(self, code: str) -> Outcome:
        """What a code means. :raises KeyError: for one that is not in its table."""
        return {**ALWAYS, **self.says}[code]


class Registry(Generic[C_contra]):
    """Checks of all drivers, in the order in which people read them."""

    def __init__(self, *checks: Check[C_contra]) -> None:
        """:raises ValueError: when two have the same id"""
        self._checks = {check.id: check for check in checks}
        if len(self._checks) < len(checks):
            raise ValueError("two checks have the same id")

    def __iter__(self) -> Iterator[Check[C_contra]]:
        return iter(self._checks.values())

    def __getitem__(self, check_id: str) -> Check[C_contra]:
        return self._checks[check_id]
