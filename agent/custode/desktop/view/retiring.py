"""Which backups can be made void, and which token signs that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custode.locale import words
from custode.locale.lines import backup_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]

_ALIVE: Final = frozenset({"registered", "requested", "approved"})


class Retirable(NamedTuple):
    """One backup that can be chosen."""

    backup_id: str
    name: str
    state: str


def backups(status: Row) -> tuple[Retirable, ...]:
    """Those that stand ready, newest first."""
    rows = [row for row in status.get("backups") or () if row.get("state") in _ALIVE]
    rows.sort(key=lambda row: str(row.get("created_at")), reverse=True)
    return tuple(
        Retirable(
            str(row.get("backup_id")),
            backup_named(row),
            words.word(words.BACKUP, row.get("state")),
        )
        for row in rows
    )


def others(status: Row, backup_id: str) -> bool:
    """Whether a backup stands ready besides that one."""
    return any(one.backup_id != backup_id for one in backups(status))


def signer(status: Row) -> dict[str, Any] | None:
    """The token that carries an active certificate, one that is here before another."""
    active = [
        row["token"].get("serial")
        for row in status.get("certificates") or ()
        if row.get("state") == "active" and row.get("installed") and row.get("token")
    ]
    tokens = [row for row in status.get("tokens") or () if row.get("serial") in active]
    tokens.sort(key=lambda row: not row.get("present"))
    if not tokens:
        return None
    first = tokens[0]
    return {
        "serial": str(first.get("serial") or ""),
        "label": str(first.get("label") or "–"),
        "present": bool(first.get("present")),
    }
