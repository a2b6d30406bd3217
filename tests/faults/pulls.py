"""The token is pulled at every call to its worker: before it begins, or when it has just ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from custode.errors import CustodeError
from custode_drivers.softhsm import tokens as softhsm

from .lab import Lab, Snapshot
from .referee import Point
from .rules import Operation, expect, on_token


def _first(*methods: str) -> tuple[tuple[str, int], ...]:
    return tuple((method, 1) for method in methods)


# Each call, and the how maniest of its name it is in a run that goes on from the pull before it.
CALLS: Final = {
    "csr": _first("login", "generate_key", "challenge", "csr"),
    "install": _first("login", "install_certificate", "challenge"),
    "backup create": (*_first("login", "challenge", "relay_distinct", "sign"), ("sign", 2)),
    "restore": _first("login", "import_key", "install_certificate", "challenge", "sign"),
    "renew": (
        *_first("login", "challenge", "generate_key"),
        *(("challenge", 2), ("csr", 1), ("sign", 1), ("install_certificate", 1), ("challenge", 2)),
        *_first("sign", "remove_certificate", "destroy_key"),
    ),
    "reissue": (
        *_first("check_so_pin", "reset_token", "login", "generate_key", "challenge", "csr"),
        *_first("install_certificate", "challenge"),
    ),
}
GONE: Final = "token_gone"
EXIT_GONE: Final = 11
SEEN_S: Final = 60.0
_BESIDE: Final = frozenset({"logout", "list"})  # what is not the operation's own work


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull led to: at which call, and the error's code, "" when it went well."""

    method: str
    nth: int
    code: str


def pull_at_every_call(snapshot: Snapshot, operation: Operation, *, late: bool) -> list[Pulled]:
    """Run the operation again and again, the token pulled one call later each time.

    After each run the token comes back; the last run is left alone, and has to work. `late`:
    pulled when the call has done its work, and not answered yet.
    """
    with Lab.copy(snapshot) as lab:
        lab.settle()
        calls = CALLS[operation.name]
        pulls = []
        for at in calls:
            pulls.append(_pull(lab, operation, at, late))
            if operation.again and operation.reached(lab):
                break  # the authority had its confirmation: it cannot be run a second time
        else:
            lab.referee.arm()
            operation.acknowledged(lab, operation.run(lab))
            token = {p.name.split()[1] for p in lab.referee.trace if _is_call(p)}
            lab.referee.disarm()
            expect(
                token - _BESIDE <= {name for name, _ in calls},
                f"calls that were left alone: {token}",
            )
        lab.settle()
        operation.always(lab)
        expect(operation.reached(lab), "with the token back, it does not reach what it is for")
        _check_keys(lab, operation)
    return pulls


def _is_call(point: Point) -> bool:
    return point.role == "token" and point.name.startswith("call ")


def _check_keys(lab: Lab, operation: Operation) -> None:
    wanted = operation.keys(lab) if operation.keys else 1
    lab.end()
    found = on_token(lab)
    expect(len(found["private"]) == wanted, f"keys on the token: {found}")
    expect(found["private"] == found["public"], f"half a key pair: {found}")


def _pull(lab: Lab, operation: Operation, at: tuple[str, int], late: bool) -> Pulled:
    here, drawer = lab.here, lab.folder / "drawer"
    drawer.mkdir(exist_ok=True)
    calls: list[str] = []
    out: list[Point] = []

    def act(point: Point, _pid: int) -> None:
        if _is_call(point):
            calls.append(point.name.split()[1])
        moment = point.role == "token" and point.name == "frame answer before" if late else True
        reached = calls[-1:] == [at[0]] and calls.count(at[0]) == at[1]
        if reached and moment and not out:
            out.append(point)
            here.files = softhsm.move(here.files, drawer)

    lab.referee.arm(act)
    code = ""
    try:
        operation.run(lab)
    except CustodeError as exc:
        code = exc.code.value
        expect(code == GONE and exc.exit == EXIT_GONE, f"{code} after a pull at {at}")
    lab.referee.disarm()
    expect(out, f"the call was never made: {at}")
    wait_for(lambda: not _present(lab))
    here.files = softhsm.move(here.files, lab.person.reader)
    wait_for(lambda: _present(lab))
    return Pulled(*at, code)


def _present(lab: Lab) -> bool:
    return any(row["present"] for row in lab.call("token.list")["tokens"])


def wait_for(holds: Callable[[], bool]) -> None:
    """Until it holds. :raises TimeoutError: never."""
    until = time.monotonic() + SEEN_S
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError("the agent does not see it")
        time.sleep(0.02)
