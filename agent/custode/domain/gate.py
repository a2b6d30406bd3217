"""May a backup be used? A pure function of facts, which fails closed.

What is remembered only ever closes; what opens must come from an `Answer`, asked for afresh. The
one thing that never ages is the final cancellation of the original. `facts_for` takes the
facts from the state.

A module that was hinted at and is not read yet blocks. So does one that showed tokens and then
failed, until it is read again: whatever it showed may still be there. One that *failed* without
having shown any does not, unless it is known that a token is in its slot: else a broken original,
which often breaks its module too, would lock its owner out of the backup made for that day. Nothing
is opened by it: without the authority's cancellation and grant the gate stays closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from custode.domain import discovery
from custode.domain.certificates import remembered_status
from custode.domain.model import AuthorityStatus, Source
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from custode.domain.model import BackupRecord, State, TokenSeen


class Purpose(StrEnum):
    """What the backup is wanted for; `activate`: to ask for it and collect it, before a grant."""

    ACTIVATE = "activate"
    OPEN = "open"
    RESTORE = "restore"


class GateCode(StrEnum):
    """Why the gate is closed."""

    ORIGINAL_PRESENT = "original_present"
    TOKEN_NOT_IDENTIFIED = "token_not_identified"  # noqa: S105 - a code, not a password
    TOKEN_UNREADABLE = "token_unreadable"  # noqa: S105 - a code, not a password
    READERS_UNSEEN = "readers_unseen"
    ORIGINAL_ACTIVE = "original_active"
    ORIGINAL_SUSPENDED = "original_suspended"
    STATUS_UNKNOWN = "status_unknown"
    BACKUP_UNKNOWN = "backup_unknown"
    NO_GRANT = "no_grant"
    GRANT_FOR_ANOTHER = "grant_for_another"
    IDENTITY_CEASED = "identity_ceased"
    BACKUP_LOCKED = "backup_locked"
    BACKUP_RETIRED = "backup_retired"
    BACKUP_RESTORED = "backup_restored"
    SUCCESSOR_NOT_ACTIVE = "successor_not_active"
    NO_BACKUP = "no_backup"


class Remedy(StrEnum):
    """What would change the fact."""

    REMOVE_TOKEN = "remove_token"  # noqa: S105 - a code, not a password
    START_READERS = "start_readers"
    WAIT = "wait"
    REPORT = "report"
    GO_ON_WITH_ACTIVATION = "go_on_with_activation"
    REACH_AUTHORITY = "reach_authority"
    CREATE_BACKUP = "create_backup"
    REQUEST_ACTIVATION = "request_activation"
    WAIT_FOR_APPROVAL = "wait_for_approval"
    COLLECT = "collect"
    REISSUE = "reissue"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class GateReason:
    """One fact that blocks, and what would change it; `text_args` are for the sentence."""

    code: GateCode
    remedy: Remedy
    text_args: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed exactly when no reason is left."""

    allowed: bool
    reasons: tuple[GateReason, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the authority said just now, all of it asked for this use; None: it did not say.

    `at` is the authority's time. `original` and `successor` are the states of the certificates,
    `backup` the state of the backup. `expires_at`: the end of the original's validity.
    """

    at: datetime
    original: CertificateState | None = None
    successor: CertificateState | None = None
    backup: BackupState | None = None
    ceased: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed and checked grant names; its kin on the wire is `GrantStatement`."""

    backup_id: str
    original_sha256: str
    container_sha256: str


@dataclass(frozen=True, slots=True)
class GateFacts:
    """The facts of domain.md's table. `facts_for` makes them.

    `originals_here`: tokens that carry the original. `not_identified`, `unreadable`, `unseen`:
    modules.
    `backup_fresh`: the state of the backup was asked for now. `retired_why`: the authority's word
    for what retired it, for the sentence. `mismatch`: what a grant, or the
    record kept here, says differently.
    """

    purpose: Purpose
    status: AuthorityStatus
    originals_here: tuple[TokenSeen, ...] = ()
    not_identified: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    backup: BackupState | None = None
    backup_fresh: bool = False
    retired_why: str = ""
    mismatch: tuple[str, ...] = ()
    ceased: bool = False
    successor: CertificateState | None = None


_B = BackupState
ENDED: Final[Mapping[BackupState, tuple[GateCode, Remedy]]] = {
    _B.LOCKED: (GateCode.BACKUP_LOCKED, Remedy.REISSUE),
    _B.RETIRED: (GateCode.BACKUP_RETIRED, Remedy.NOTHING),
    _B.RESTORED: (GateCode.BACKUP_RESTORED, Remedy.NOTHING),
}
_BEFORE_THE_GRANT: Final[Mapping[BackupState, Remedy]] = {
    _B.RESERVED: Remedy.CREATE_BACKUP,
    _B.REGISTERED: Remedy.REQUEST_ACTIVATION,
    _B.REQUESTED: Remedy.WAIT_FOR_APPROVAL,
    _B.APPROVED: Remedy.COLLECT,
}


def verdict(facts: GateFacts) -> Verdict:
    """Judge the facts; every reason that blocks is named, not only the first."""
    reasons = (
        *blocked_here(facts),
        *_original(facts),
        *_activation(facts),
        *_successor(facts),
    )
    return Verdict(not reasons, reasons)


def facts_for(
    state: State,
    purpose: Purpose,
    *,
    backup_id: str,
    original_sha256: str,
    answer: Answer | None = None,
    grant: Grant | None = None,
) -> GateFacts:
    """Gather the facts for one backup; id and original as its manifest or record names them.

    `answer` None: the authority was not asked, or did not answer. `grant`: the one in hand, if any.
    """
    record = state.backups.get(backup_id)
    originals = {original_sha256} | ({record.original_sha256} if record else set())
    said = answer.backup if answer is not None else None
    remembered = record.state if record is not None else None
    return GateFacts(
        purpose=purpose,
        status=_status(state, original_sha256, answer),
        originals_here=carriers(state, lambda t: any(t.holds(o) for o in originals)),
        not_identified=not_identified(state),
        unreadable=unreadable(state),
        unseen=unseen(state),
        # An end that is remembered stays one, whatever a rolled-back authority says.
        backup=remembered if remembered in ENDED else said or remembered,
        backup_fresh=said is not None,
        retired_why=(record.retired_why if record is not None else None) or "",
        mismatch=_mismatch(record, grant, backup_id, original_sha256),
        ceased=(answer is not None and answer.ceased)
        or (state.identity is not None and state.identity.ceased),
        successor=answer.successor if answer is not None else None,
    )


def presence(
    originals: tuple[TokenSeen, ...],
    not_identified: tuple[str, ...],
    unreadable: tuple[str, ...],
    unseen: tuple[str, ...],
) -> tuple[GateReason, ...]:
    """What this computer sees that blocks, without asking anyone."""
    return (
        *(
            GateReason(
                GateCode.ORIGINAL_PRESENT,
                Remedy.REMOVE_TOKEN if token.removable else Remedy.REPORT,
                {"label": token.label, "serial": token.id.serial},
            )
            for token in originals
        ),
        *(
            GateReason(GateCode.TOKEN_NOT_IDENTIFIED, Remedy.WAIT, {"module": module})
            for module in not_identified
        ),
        *(
            GateReason(GateCode.TOKEN_UNREADABLE, Remedy.REMOVE_TOKEN, {"module": module})
            for module in unreadable
        ),
        *(
            GateReason(GateCode.READERS_UNSEEN, Remedy.START_READERS, {"module": module})
            for module in unseen
        ),
    )


def harmless(token: TokenSeen, status: AuthorityStatus) -> bool:
    """Whether an original that is here need not block: a TPM cannot be pulled out."""
    return not token.removable and status.state is CertificateState.CANCELLED


def carriers(state: State, holds: Callable[[TokenSeen], bool]) -> tuple[TokenSeen, ...]:
    """Tokens that are here for which that holds, each once, whichever module shows them.

    A card is one module's; what another module shows on it counts where the first shows nothing.
    """
    shown = tuple(i.token for i in state.insertions if holds(i.token))
    if shown:
        return shown
    return tuple({t.id: t for m in state.modules.values() for t in m.listed if holds(t)}.values())


def not_identified(state: State) -> tuple[str, ...]:
    """Modules whose tokens, and readers whose card, are not known yet."""
    if not state.started:
        return ("",)  # not even the modules are known yet
    pending = tuple(m.name for m in state.modules.values() if m.pending)
    return (*pending, *discovery.not_identified(state))


def unreadable(state: State) -> tuple[str, ...]:
    """Modules in whose slots a token may sit that answers nothing, and readers with such a card."""
    modules = tuple(
        m.name
        for m in state.modules.values()
        if m.unreadable or (m.failure is not None and _card_unread(state, m.name))
    )
    return modules or discovery.unread(state)


def unseen(state: State) -> tuple[str, ...]:
    """Modules that showed a token when the reader service ended, and see none since."""
    return tuple(m.name for m in state.modules.values() if m.unseen)


def _card_unread(state: State, module: str) -> bool:
    """Whether a card is in a reader that this module could read, and no module has read it."""
    readers = state.readers
    if readers is None or module not in readers.modules:
        return False
    if state.discover:
        return discovery.unserved(state)
    watched = (state.modules[name] for name in readers.modules if name in state.modules)
    return readers.cards > sum(len(one.insertions) for one in watched)


# --- the rows of the table --------------------------------------------------------------------


def blocked_here(facts: GateFacts) -> tuple[GateReason, ...]:
    """The part of the verdict that can change while a command runs: what this computer sees."""
    here = tuple(
        t
        for t in facts.originals_here
        if not harmless(t, facts.status) and not _fixed_and_reported(t, facts)
    )
    return presence(here, facts.not_identified, facts.unreadable, facts.unseen)


def _fixed_and_reported(token: TokenSeen, facts: GateFacts) -> bool:
    # Only collecting cancels what a report suspended; a TPM's owner could never get that far.
    return (
        facts.purpose is Purpose.ACTIVATE
        and not token.removable
        and facts.status.source is Source.FRESH
        and facts.status.state is CertificateState.SUSPENDED
    )


def _original(facts: GateFacts) -> tuple[GateReason, ...]:
    status = facts.status
    args = {
        "state": status.state or "unknown",
        "said_at": status.at.isoformat() if status.at else "",
    }
    unknown = (GateReason(GateCode.STATUS_UNKNOWN, Remedy.REACH_AUTHORITY, args),)
    if status.state is CertificateState.CANCELLED:
        return ()
    if status.source is not Source.FRESH:
        return unknown
    match status.state:
        case CertificateState.ACTIVE:
            return (GateReason(GateCode.ORIGINAL_ACTIVE, Remedy.REPORT, args),)
        case CertificateState.SUSPENDED if facts.purpose is Purpose.ACTIVATE:
            return ()  # the report suspends, and collecting the grant cancels
        case CertificateState.SUSPENDED:
            return (GateReason(GateCode.ORIGINAL_SUSPENDED, Remedy.GO_ON_WITH_ACTIVATION, args),)
        case CertificateState.EXPIRED:
            return ()
        case _:  # never a certificate, or one the authority does not know
            return unknown


def _activation(facts: GateFacts) -> tuple[GateReason, ...]:
    reasons = []
    if facts.ceased:
        reasons.append(GateReason(GateCode.IDENTITY_CEASED, Remedy.NOTHING))
    if facts.mismatch:
        args = {"differs": ", ".join(facts.mismatch)}
        reasons.append(GateReason(GateCode.GRANT_FOR_ANOTHER, Remedy.NOTHING, args))
    reason = _backup_state(facts)
    return (*reasons, reason) if reason else tuple(reasons)


def _backup_state(facts: GateFacts) -> GateReason | None:
    backup = facts.backup
    if backup is not None and backup in ENDED:
        args = {"why": facts.retired_why} if facts.retired_why else {}
        return GateReason(*ENDED[backup], args)
    enough = backup is BackupState.COLLECTED or (
        facts.purpose is Purpose.ACTIVATE and backup is not BackupState.RESERVED
    )
    if backup is None or (enough and not facts.backup_fresh):
        return GateReason(GateCode.BACKUP_UNKNOWN, Remedy.REACH_AUTHORITY)
    if enough:
        return None
    return GateReason(GateCode.NO_GRANT, _BEFORE_THE_GRANT[backup], {"state": backup})


def _successor(facts: GateFacts) -> tuple[GateReason, ...]:
    # Before the grant no successor's certificate exists: NO_GRANT has said so.
    if facts.purpose is not Purpose.OPEN or facts.backup is not BackupState.COLLECTED:
        return ()
    if facts.successor is CertificateState.ACTIVE:
        return ()
    remedy = Remedy.REACH_AUTHORITY if facts.successor is None else Remedy.REISSUE
    args = {"state": facts.successor or "unknown"}
    return (GateReason(GateCode.SUCCESSOR_NOT_ACTIVE, remedy, args),)


# --- the facts --------------------------------------------------------------------------------


def _status(state: State, original_sha256: str, answer: Answer | None) -> AuthorityStatus:
    if answer is None:
        return remembered_status(state, original_sha256)
    record = state.certificate(original_sha256)
    # Another computer, or a lost database, knows no such certificate: the answer says it as well.
    until = answer.expires_at or (record.expires_at if record is not None else None)
    if answer.original is CertificateState.EXPIRED and until is not None and answer.at < until:
        # The authority's clock went back since it noted the end: by its own time it is valid.
        return AuthorityStatus(original_sha256, None, answer.at, Source.FRESH)
    return AuthorityStatus(original_sha256, answer.original, answer.at, Source.FRESH)


def _mismatch(
    record: BackupRecord | None, grant: Grant | None, backup_id: str, original_sha256: str
) -> tuple[str, ...]:
    """Names of what differs between the backup in hand, our record of it and the grant."""
    pairs: list[tuple[str, str, str]] = []
    if record is not None:
        pairs.append(("original", record.original_sha256, original_sha256))
    if grant is not None:
        pairs += [
            ("backup", grant.backup_id, backup_id),
            ("original", grant.original_sha256, original_sha256),
        ]
    if grant is not None and record is not None and record.container_sha256 is not None:
        pairs.append(("container", grant.container_sha256, record.container_sha256))
    return tuple(dict.fromkeys(name for name, left, right in pairs if left != right))
