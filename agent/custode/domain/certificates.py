"""Certificates: whose word counts, what is expired by now, what can be cancelled, the original."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode.domain.model import AuthorityStatus, Source
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from custode.domain.model import CertificateRecord, State

LIVE: Final = frozenset({CertificateState.ACTIVE, CertificateState.SUSPENDED})
# Nothing un-cancels a certificate or un-rejects a request, not even a rolled-back authority.
FINAL: Final = frozenset({CertificateState.CANCELLED, CertificateState.REJECTED})


def state_at(record: CertificateRecord, now: datetime) -> CertificateState:
    """The state to show: a certificate past its last day is expired, whoever has said so yet."""
    if record.state in LIVE and record.expires_at is not None and record.expires_at <= now:
        return CertificateState.EXPIRED
    return record.state


def days_left(record: CertificateRecord, now: datetime) -> int | None:
    """Whole days until expiry: 0 on the last one, negative afterwards, None without a date."""
    return None if record.expires_at is None else (record.expires_at - now).days


def may_cancel(record: CertificateRecord, now: datetime) -> bool:
    """Only what is active (or suspended) can be cancelled; `state_at` is the error otherwise."""
    return state_at(record, now) in LIVE


def cancellable(state: State) -> tuple[CertificateRecord, ...]:
    """What the menu entry and `cancel` offer, oldest request first; empty hides the entry."""
    found = [c for c in state.certificates.values() if may_cancel(c, state.now)]
    return tuple(sorted(found, key=lambda c: (c.requested_at, c.id_operazione)))


def original(state: State) -> CertificateRecord | None:
    """The certificate in use: installed, the primary's before another's, active before the rest.

    Active, suspended and expired ones qualify; of equals the newest is taken.
    """
    primary = state.identity.primary if state.identity else None
    usable = LIVE | {CertificateState.EXPIRED}
    return max(
        (c for c in state.certificates.values() if c.installed and c.state in usable),
        key=lambda c: (
            state_at(c, state.now) is CertificateState.ACTIVE,
            c.token == primary,
            c.requested_at,
        ),
        default=None,
    )


def reportable(state: State, operation: str | None = None) -> tuple[CertificateRecord, ...]:
    """Which certificate a report of loss, theft or fault is about: one, or all that it could be.

    The primary's newest one, whatever became of it: a report whose answer was lost is repeated, and
    must meet the same certificate again, never the one on another token. Without a known primary
    (another computer, a lost database) it has to be the only live one. `operation` names it.
    """
    issued = [c for c in state.certificates.values() if c.fingerprint_sha256 is not None]
    if operation is not None:
        return tuple(c for c in issued if c.id_operazione == operation)
    primary = state.identity.primary if state.identity else None
    on_primary = [c for c in issued if primary is not None and c.token == primary]
    if on_primary:
        return (max(on_primary, key=lambda c: c.requested_at),)
    usable = LIVE | {CertificateState.EXPIRED}
    return tuple(c for c in issued if c.state in usable)


def remembered_status(state: State, fingerprint_sha256: str) -> AuthorityStatus:
    """What the authority last said of that certificate, with its time."""
    record = state.certificate(fingerprint_sha256)
    if record is None:
        return AuthorityStatus(fingerprint_sha256, None, None, Source.REMEMBERED)
    return AuthorityStatus(fingerprint_sha256, record.state, record.said_at, Source.REMEMBERED)


def merged(old: CertificateRecord | None, row: CertificateRecord) -> CertificateRecord:
    """The authority's row with our own facts.

    The word heard last counts, whatever time it bears: two clocks are not compared. Only an end
    that was once said is never taken back.
    """
    if old is None:
        return row
    stands = old.state in FINAL and row.state is not old.state
    newest, other = (old, row) if stands else (row, old)
    # The desk may reinstate it: then the report is withdrawn.
    told = row if row.reported is not None else old
    if newest.state is CertificateState.ACTIVE:
        told = replace(told, reported=None, reported_at=None)
    return replace(
        newest,
        fingerprint_sha256=newest.fingerprint_sha256 or other.fingerprint_sha256,
        serial_number=newest.serial_number or other.serial_number,
        certificate=newest.certificate or other.certificate,
        token=row.token or old.token,
        key_id=row.key_id or old.key_id,
        installed=old.installed,
        reported=told.reported,
        reported_at=told.reported_at,
    )
