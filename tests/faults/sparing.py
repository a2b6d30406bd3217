"""A successor on a spare token: its key made and registered, and then it takes the place."""

from __future__ import annotations

from typing import Any, Final

from .lab import Lab
from .rules import Operation, expect, on_token, states

CREATE: Final = "spare.create"
ACTIVATE: Final = "spare.activate"


def _rows(lab: Lab) -> list[tuple[str, str]]:
    """Id and state of what the authority holds of backups on tokens, that was ever confirmed."""
    sql = "SELECT id, state FROM backups WHERE place='token' AND registered_at IS NOT NULL"
    return [(row[0], row[1]) for row in lab.authority(sql)]


def _spare_row(lab: Lab) -> dict[str, Any]:
    rows: list[dict[str, Any]] = lab.call("token.list")["tokens"]
    return next(row for row in rows if row["serial"] == lab.spare.serial)


def _pending(lab: Lab) -> bool:
    return any(op["kind"] == CREATE for op in lab.pending())


# --- created ----------------------------------------------------------------------------------


def _create(lab: Lab) -> Any:
    return lab.call("backup.create", on_token=lab.spare.serial)


def _created(lab: Lab) -> bool:
    """One key, one registration, and both sides know where."""
    told = [row for row in lab.call("status")["backups"] if row["state"] == "registered"]
    where = [(row["token"] or {}).get("serial") for row in told]
    return (
        not _pending(lab)
        and [state for _, state in _rows(lab)] == ["registered"]
        and (where, _spare_row(lab)["state"]) == ([lab.spare.serial], "spare")
        and len(on_token(lab, lab.spare)["private"]) == 1
    )


def _create_broken_off(lab: Lab) -> None:
    """A key that nobody registered waits for the next run; half a key does not stay unnoticed."""
    found = on_token(lab, lab.spare)
    expect(len(found["private"]) <= 1, f"several keys: {found}")
    expect(len(_rows(lab)) <= 1, f"registered more than once: {_rows(lab)}")
    left = bool(found["private"] or found["public"])
    expect(_created(lab) or _pending(lab) or not left, f"a key that nobody goes on with: {found}")


def _create_acknowledged(lab: Lab, made: Any) -> None:
    expect(_rows(lab) == [(made["backup_id"], "registered")], f"the registration: {_rows(lab)}")
    expect(on_token(lab, lab.spare)["private"] == [made["key_id"]], "another key, or none")


# --- activated --------------------------------------------------------------------------------


def _activate(lab: Lab) -> Any:
    return lab.call("backup.activate", on_token=lab.spare.serial, reason="lost", wait=True)


def _activated(lab: Lab) -> bool:
    row = lab.plugged()
    return (
        [state for _, state in _rows(lab)] == ["restored"]
        and states(lab) == ["active", "cancelled"]
        and (row["state"], len(row["certificates"])) == ("primary", 1)
    )


def _activate_broken_off(lab: Lab) -> None:
    """Not begun, or to be gone on with: the person is told by which command."""
    ((backup_id, state),) = _rows(lab)
    if state == "collected":
        needs = lab.call("status")["needs"]
        told = [n for n in needs if n["key"] == f"operation_can_go_on:{backup_id}"]
        expect([n["text_args"]["what"] for n in told] == [ACTIVATE], f"not told: {needs}")


def _activate_acknowledged(lab: Lab, made: Any) -> None:
    expect(_activated(lab), f"{_rows(lab)}, {states(lab)}, {lab.plugged()}")
    held = [c["fingerprint_sha256"] for c in lab.plugged()["certificates"]]
    expect(held == [made["successor_sha256"]], "another certificate on the token")


OPERATIONS: Final = (
    Operation(
        "spare create",
        "paired",
        CREATE,
        _create,
        _created,
        _create_acknowledged,
        frozenset({"spare_taken"}),
        broken_off=_create_broken_off,
    ),
    Operation(
        "spare activate",
        "spared",
        ACTIVATE,
        _activate,
        _activated,
        _activate_acknowledged,
        frozenset({"gate_closed"}),
        broken_off=_activate_broken_off,
    ),
)
