"""What refuses a step of a backup, and in which order. Pure: facts in, a refusal or None out.

Each procedure is one tuple of rules; the first rule that fits the facts refuses. The order is part
of the protection: everything here comes **before** the backup PIN is looked at, so that a refusal
for any of these reasons is not counted as a try and tells nothing about the PIN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupKind, BackupPlace, BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TRIES: Final = 5  # wrong backup PINs in total, over the whole life of a backup

_S = BackupState
_P = ProblemCode

# Anything else counts as active: a state that nobody thought of keeps the backup closed.
ENDED: Final = frozenset(
    {CertificateState.SUSPENDED, CertificateState.EXPIRED, CertificateState.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one backup when a step is asked for, at the authority's own time.

    `original` and `successor` are the certificates' states with their end of validity applied;
    `successor` is None until it is issued. `tries_taken` counts the wrong answers and those that
    are being checked right now. `clock_back`: it is recorded as expired, and would be valid by the
    clock as it stands now. `renewed`: a certificate was issued in its place by a renewal.
    `place_fits`: it lies where the asker says, in a folder or on a spare token. `copy_fits`: it is
    no copy of the original's own key, or that key can only be in its owner's hands.
    """

    state: BackupState
    original: CertificateState
    original_reason: CrlReason | None = None
    ceased: bool = False
    tries_taken: int = 0
    same_container: bool = True
    place_fits: bool = True
    copy_fits: bool = True
    reason_fits: bool = True
    approval_over: bool = False
    successor: CertificateState | None = None
    clock_back: bool = False
    renewed: bool = False


Rule = tuple[ProblemCode, "Callable[[Facts], bool]"]


def _original_lives(facts: Facts) -> bool:
    # Expired, and on no CRL: to everybody whose clock is right such an original is valid.
    return facts.original not in ENDED or facts.clock_back


def _ceased(facts: Facts) -> bool:
    return facts.ceased or facts.original_reason is CrlReason.CESSATION_OF_OPERATION


def _locked(facts: Facts) -> bool:
    return facts.state is _S.LOCKED or facts.tries_taken >= MAX_TRIES


def _in(*states: BackupState) -> Callable[[Facts], bool]:
    """Rule: the backup is in one of `states`."""
    return lambda facts: facts.state in states


# Whoever has the original has that very key: of a copy only a fault makes use (backup.md, kinds).
_COPY_DISCLOSED: Final[Rule] = (_P.COPY_REFUSED, lambda f: not f.copy_fits)
_OTHER_PLACE: Final[Rule] = (_P.BACKUP_PLACE, lambda f: not f.place_fits)
_OTHER_CONTAINER: Final[Rule] = (_P.CONTAINER_MISMATCH, lambda f: not f.same_container)

# "Refused while the original is active" stands above all else (backup.md, Activation 2).
ACTIVATION: Final[tuple[Rule, ...]] = (
    (_P.ORIGINAL_ACTIVE, _original_lives),
    (_P.IDENTITY_CEASED, _ceased),
    _COPY_DISCLOSED,
    (_P.BACKUP_RETIRED, _in(_S.RETIRED)),
    (_P.ALREADY_ACTIVATED, _in(_S.COLLECTED, _S.RESTORED)),
    (_P.BACKUP_LOCKED, _locked),
    (_P.BACKUP_STATE, _in(_S.RESERVED)),
    _OTHER_PLACE,
    _OTHER_CONTAINER,
    (_P.REASON_NOT_ALLOWED, lambda f: not f.reason_fits),
)

APPROVAL: Final[tuple[Rule, ...]] = (
    (_P.ORIGINAL_ACTIVE, _original_lives),
    (_P.IDENTITY_CEASED, _ceased),
    _COPY_DISCLOSED,
    (_P.BACKUP_RETIRED, _in(_S.RETIRED)),
    (_P.ALREADY_ACTIVATED, _in(_S.COLLECTED, _S.RESTORED)),
    (_P.BACKUP_LOCKED, _locked),
    (_P.BACKUP_STATE, lambda f: f.state is not _S.REQUESTED),
)

COLLECTION: Final[tuple[Rule, ...]] = (
    (_P.ORIGINAL_ACTIVE, _original_lives),
    (_P.IDENTITY_CEASED, _ceased),
    _COPY_DISCLOSED,
    (_P.BACKUP_RETIRED, _in(_S.RETIRED)),
    (_P.ALREADY_ACTIVATED, _in(_S.RESTORED)),
    (_P.BACKUP_LOCKED, _locked),
    (_P.BACKUP_STATE, _in(_S.RESERVED)),
    (_P.NOT_APPROVED, _in(_S.REGISTERED, _S.REQUESTED)),
    # Once collected, the same account may collect again until it confirms: no end but that.
    (_P.APPROVAL_EXPIRED, lambda f: f.state is _S.APPROVED and f.approval_over),
    (
        _P.NOT_ACTIVE,
        lambda f: f.state is _S.COLLECTED and f.successor is not CertificateState.ACTIVE,
    ),
    _OTHER_PLACE,
    _OTHER_CONTAINER,
)

CONFIRMATION: Final[tuple[Rule, ...]] = (
    (_P.BACKUP_RETIRED, _in(_S.RETIRED)),
    (_P.BACKUP_STATE, lambda f: f.state is not _S.RESERVED),
    _OTHER_PLACE,
    (_P.IDENTITY_CEASED, _ceased),
    # A suspended certificate signs nothing, so it registers no backup either.
    (_P.NOT_ACTIVE, lambda f: f.original is not CertificateState.ACTIVE),
    # Rule 6 ended its backups when the new certificate was issued; a later one would outlive that.
    (_P.ORIGINAL_RENEWED, lambda f: f.renewed),
)

RESTORATION: Final[tuple[Rule, ...]] = (
    (_P.BACKUP_RETIRED, _in(_S.RETIRED)),
    (_P.BACKUP_LOCKED, _in(_S.LOCKED)),
    (_P.BACKUP_STATE, lambda f: f.state not in {_S.COLLECTED, _S.RESTORED}),
    (_P.NOT_ACTIVE, lambda f: f.successor is not CertificateState.ACTIVE),
)

# A restored backup is over: its recovery key is gone, nothing is left to retire.
RETIREMENT: Final[tuple[Rule, ...]] = ((_P.BACKUP_STATE, _in(_S.RESTORED)),)

# Only what was never confirmed can be given up by the account alone.
ABANDONMENT: Final[tuple[Rule, ...]] = (
    (_P.BACKUP_STATE, lambda facts: facts.state not in {_S.RESERVED, _S.RETIRED}),
)


def refusal(rules: tuple[Rule, ...], facts: Facts) -> ProblemCode | None:
    """Return the code of the first rule that refuses, or None when the step may be taken."""
    return next((code for code, refuses in rules if refuses(facts)), None)


@dataclass(frozen=True, slots=True)
class ReserveFacts:
    """What is known when a backup of a certificate is asked for; `renewed` as in `Facts`."""

    kind: BackupKind
    original: CertificateState
    ceased: bool = False
    renewed: bool = False
    place: BackupPlace = BackupPlace.FOLDER


def reserve_refusal(facts: ReserveFacts) -> ProblemCode | None:
    """Return why no backup of this original may be reserved, or None."""
    if facts.ceased:
        return _P.IDENTITY_CEASED
    if facts.original is not CertificateState.ACTIVE:
        return _P.NOT_ACTIVE
    if facts.renewed:
        return _P.ORIGINAL_RENEWED
    if facts.kind is BackupKind.COPY and facts.place is not BackupPlace.FOLDER:
        return _P.BACKUP_PLACE  # a second token with the same key would live beside the original
    return None
