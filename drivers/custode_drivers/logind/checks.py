"""Check of what tells us that the computer woke up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from custode_drivers.api.checks import Case, Check, Finding, Outcome
from custode_drivers.logind.watch import bus_address

_UNIX_PATH: Final = "unix:path="


def bus(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether the system bus answers; without one the agent notices a sleep by its clock."""
    address = bus_address(case.environ)
    told = {"address": address}
    if not address.startswith(_UNIX_PATH):
        yield Finding("not_told", data=told)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect(address.removeprefix(_UNIX_PATH).partition(",")[0])
        except FileNotFoundError:
            yield Finding("none", data=told)
        except OSError:
            yield Finding("closed", data=told)
        else:
            yield Finding("there", data=told)


CHECKS: Final = (
    Check(
        "logind.bus",
        bus,
        {
            "there": Outcome.PASS,
            "none": Outcome.NOT_APPLICABLE,
            "not_told": Outcome.NOT_APPLICABLE,
            "closed": Outcome.FAIL,
        },
    ),
)
