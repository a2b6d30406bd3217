"""How the gate stands, without asking anyone: for closing it at once, and for `status`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode.domain.certificates import LIVE, remembered_status
from custode.domain.gate import (
    ENDED,
    GateCode,
    GateReason,
    Purpose,
    Remedy,
    Verdict,
    carriers,
    facts_for,
    harmless,
    not_identified,
    presence,
    unreadable,
    unseen,
    verdict,
)
from custode.domain.model import Source
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from custode.domain.model import State


_NO_BACKUP: Final = frozenset({*ENDED, BackupState.RESERVED})


def local_reasons(state: State) -> tuple[GateReason, ...]:
    """What this computer sees that blocks every use, without asking anyone."""
    statuses = [remembered_status(state, b.original_sha256) for b in state.backups.values()]
    here = carriers(
        state,
        lambda t: any(t.holds(s.fingerprint_sha256) and not harmless(t, s) for s in statuses),
    )
    return presence(here, not_identified(state), unreadable(state), unseen(state))


def standing(state: State) -> Verdict:
    """How the gate stands by what is known, for `status`: of the newest backup that may be used."""
    # One that is only reserved is no backup yet, and may never become one.
    alive = [b for b in state.backups.values() if b.state not in _NO_BACKUP]
    if not alive:
        reason = GateReason(GateCode.NO_BACKUP, Remedy.CREATE_BACKUP)
        return Verdict(allowed=False, reasons=(reason, *local_reasons(state)))
    newest = max(alive, key=lambda b: (b.created_at, b.backup_id))
    return standing_of(state, Purpose.OPEN, newest.backup_id, newest.original_sha256)


def standing_of(state: State, purpose: Purpose, backup_id: str, original_sha256: str) -> Verdict:
    """How it stands for one backup by what is known, to be shown."""
    facts = facts_for(state, purpose, backup_id=backup_id, original_sha256=original_sha256)
    if facts.status.state in LIVE:  # for show, a remembered word that closes may stand for itself
        facts = replace(facts, status=replace(facts.status, source=Source.FRESH))
    return verdict(facts)
