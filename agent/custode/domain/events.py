"""What happened, in the past tense: the only thing that changes the state.

`at` is the agent's wall clock (aware UTC). Times of the authority are named `said_at`. Rows of the
authority come as records without our own facts; these are kept when the row is merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from custode.domain.cards import Offer
    from custode.domain.model import (
        BackupRecord,
        CertificateRecord,
        Identity,
        PinRole,
        Reader,
        TokenId,
        TokenSeen,
    )
    from custode_authority.wire.reasons import CrlReason
    from custode_authority.wire.states import CertificateState

# --- from the drivers -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """The agent runs, with these configured modules: each is read before the gate may open.

    `discover`: for a card that none of them shows, a module is looked for.
    """

    modules: tuple[str, ...]
    at: datetime
    discover: bool = False


@dataclass(frozen=True, slots=True)
class PlugHinted:
    """Something changed at that module; what, is not known yet."""

    module: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TokensListed:
    """All tokens a module shows now: the answer to a ReadTokens, and sent for nothing else.

    Insertions and removals are derived from it. Whoever wants a fresh listing sends PlugHinted.
    `token_unreadable`: beside them sits one that answers nothing, so nobody knows which it is.
    `unrecognised`: a card that the module says it is not made for (CKR_TOKEN_NOT_RECOGNIZED).
    """

    module: str
    tokens: tuple[TokenSeen, ...]
    at: datetime
    token_unreadable: bool = False
    unrecognised: bool = False


@dataclass(frozen=True, slots=True)
class ModuleFailed:
    """A module could not be read (crash, hang, missing file): also an answer to a ReadTokens.

    `token_in_slot`: something else (a reader's ATR, CKF_TOKEN_PRESENT) says that a token is there.
    """

    module: str
    why: str
    at: datetime
    token_in_slot: bool = False


@dataclass(frozen=True, slots=True)
class ReadersSeen:
    """The reader service told what readers there are; `why`: it does not answer.

    `moved`: a card came or went, or may have; `modules` are read again.
    """

    modules: tuple[str, ...]
    readers: tuple[Reader, ...]
    why: str | None
    at: datetime
    moved: bool = False


@dataclass(frozen=True, slots=True)
class ModulesOffered:
    """The modules there are for a kind of card: the answer to a FindModules.

    `ignored`: the configuration says that such cards are nobody's business.
    """

    atr: str
    offers: tuple[Offer, ...]
    at: datetime
    card_name: str = ""
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class ComputerWoke:
    """After a sleep of the computer whatever was plugged in may be something else."""

    at: datetime


# --- from the person, through procedures ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IdentitySet:
    """The person said who they are; a known primary is kept. Also carries `ceased` when learnt."""

    identity: Identity
    at: datetime


@dataclass(frozen=True, slots=True)
class TokenInitialised:
    """A token got its label and user PIN here."""

    token: TokenId
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TokenAdopted:
    """A key of the person's own was made on this token."""

    token: TokenId
    at: datetime


@dataclass(frozen=True, slots=True)
class TokenPromoted:
    """This token is the primary now."""

    token: TokenId
    at: datetime


@dataclass(frozen=True, slots=True)
class TokenForgotten:
    """The person had the record of a token removed."""

    token: TokenId
    at: datetime


@dataclass(frozen=True, slots=True)
class PinTryBegun:
    """A PIN is about to be sent: kept before it is, because nobody may live to tell the answer."""

    token: TokenId
    role: PinRole
    at: datetime


@dataclass(frozen=True, slots=True)
class PinNotSent:
    """The try that had begun cost nothing."""

    token: TokenId
    role: PinRole
    at: datetime


@dataclass(frozen=True, slots=True)
class PinRejected:
    """A try was spent: a wrong PIN, or an error after which that cannot be ruled out."""

    token: TokenId
    role: PinRole
    at: datetime


@dataclass(frozen=True, slots=True)
class PinAccepted:
    """A login went through, or the PIN was set anew."""

    token: TokenId
    role: PinRole
    at: datetime


@dataclass(frozen=True, slots=True)
class FaceArrived:
    """A program that shows notifications listens now; `face` tells one connection from the next."""

    face: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FaceLeft:
    """It hung up."""

    face: int
    at: datetime


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """The person chose a language for all faces; None: each follows its own locale again."""

    language: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class NeedSnoozed:
    """*Ricordamelo domani*: no prompt for that need before `until`."""

    key: str
    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class OperationPaused:
    """A journaled operation stopped; it can go on when `token` is here (None: at any time)."""

    operation_id: str
    kind: str
    token: TokenId | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """A journaled operation came to its end, or was given up."""

    operation_id: str
    at: datetime


# --- from the authority and about certificates and backups ------------------------------------


@dataclass(frozen=True, slots=True)
class AuthorityReachable:
    """The authority answered."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AuthorityUnreachable:
    """The authority did not answer."""

    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AuthorityDescribed:
    """From the configuration: whether it is the embedded one, and whether it was ever exported."""

    embedded: bool
    recovery_export_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CertificateRequested:
    """A request was accepted; the record says on which token and under which id its key lies."""

    record: CertificateRecord
    at: datetime


@dataclass(frozen=True, slots=True)
class OperationsListed:
    """The authority's list of requests; `said_at` stands in each row."""

    rows: tuple[CertificateRecord, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class StatusAnswered:
    """The signed status of one certificate, checked; `state` None: the authority knows it not."""

    fingerprint_sha256: str
    state: CertificateState | None
    said_at: datetime
    at: datetime
    crl_reason: CrlReason | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CertificateInstalled:
    """The certificate of that operation was written onto the token and read back."""

    id_operazione: str
    token: TokenId
    key_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupSaved:
    """A backup's folder, or its key on a spare token, is in place; its registration confirmed."""

    record: BackupRecord
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupsListed:
    """The authority's list of backups; `said_at` stands in each row."""

    rows: tuple[BackupRecord, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupRestored:
    """The successor's key and certificate lie on `token`; the authority has the confirmation."""

    backup_id: str
    successor_sha256: str
    token: TokenId
    key_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SpareCleared:
    """The key of a void backup was destroyed on its spare token, or was found not to be there."""

    backup_id: str
    token: TokenId
    at: datetime


@dataclass(frozen=True, slots=True)
class ClockTicked:
    """Time went by; also after a suspend or a jump of the clock."""

    at: datetime


DriverEvent = (
    AgentStarted
    | PlugHinted
    | TokensListed
    | ModuleFailed
    | ReadersSeen
    | ModulesOffered
    | ComputerWoke
)
PersonEvent = (
    IdentitySet
    | TokenInitialised
    | TokenAdopted
    | TokenPromoted
    | TokenForgotten
    | PinTryBegun
    | PinNotSent
    | PinRejected
    | PinAccepted
    | OperationPaused
    | OperationEnded
)
FaceEvent = FaceArrived | FaceLeft | LanguageChosen | NeedSnoozed
AuthorityEvent = AuthorityReachable | AuthorityUnreachable | AuthorityDescribed
RecordEvent = (
    CertificateRequested
    | OperationsListed
    | StatusAnswered
    | CertificateInstalled
    | BackupSaved
    | BackupsListed
    | BackupRestored
    | SpareCleared
)
Event = DriverEvent | PersonEvent | FaceEvent | AuthorityEvent | RecordEvent | ClockTicked
