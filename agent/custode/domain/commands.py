"""What is to be done, in the imperative: `machine.step` decides, the executor carries it out.

They come in the order in which they must be begun: closing the gate is always the first. Each can
be a dictionary's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from custode.domain.cards import ChosenModule
    from custode.domain.gate import GateReason
    from custode.domain.model import (
        BackupRecord,
        CertificateRecord,
        Identity,
        KnownToken,
        TokenId,
    )
    from custode.domain.need import Need, Prompt

Data = Mapping[str, str | int | bool | None]  # JSON values only: it goes to the log and to faces


@dataclass(frozen=True, slots=True)
class CloseGate:
    """End every use of a backup at once; these facts block.

    Announced to faces. A hook of its own is for the stage that serves an opened backup to programs.
    """

    reasons: tuple[GateReason, ...]


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Nothing here blocks any more. Opens nothing by itself: each use asks `gate.verdict` first.

    Announced to faces; a hook comes with that of CloseGate.
    """


@dataclass(frozen=True, slots=True)
class ReadTokens:
    """List that module's tokens; answer with TokensListed or ModuleFailed, within the deadline."""

    module: str


@dataclass(frozen=True, slots=True)
class FindModules:
    """Look up which modules there are for cards with that ATR: ModulesOffered, in any case."""

    atr: str


@dataclass(frozen=True, slots=True)
class QueryOperations:
    """Ask the authority for its list of requests: OperationsListed or AuthorityUnreachable."""


@dataclass(frozen=True, slots=True)
class QueryBackups:
    """Ask the authority for its list of backups: BackupsListed or AuthorityUnreachable."""


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """Ask for the signed status of a certificate: StatusAnswered or AuthorityUnreachable."""

    fingerprint_sha256: str


@dataclass(frozen=True, slots=True)
class InstallWaiting:
    """A certificate is there and so is its key's token: wake the procedure that waits for both.

    No procedure waits so yet (a tray's will): installing needs a PIN, and nobody asked for it.
    """

    id_operazione: str
    token: TokenId


@dataclass(frozen=True, slots=True)
class SaveIdentity:
    """Keep the identity on disk."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class SaveToken:
    """Keep what is known of a token on disk."""

    token: KnownToken


@dataclass(frozen=True, slots=True)
class ForgetToken:
    """Remove the record of a token from disk."""

    token: TokenId


@dataclass(frozen=True, slots=True)
class SaveCertificate:
    """Keep a certificate's record on disk."""

    record: CertificateRecord


@dataclass(frozen=True, slots=True)
class SaveBackup:
    """Keep a backup's record on disk."""

    record: BackupRecord


@dataclass(frozen=True, slots=True)
class SavePrompt:
    """Keep a snooze or the day of a notification on disk."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class SaveChosenModule:
    """Keep on disk which module showed a kind of card."""

    chosen: ChosenModule


@dataclass(frozen=True, slots=True)
class AppendAudit:
    """Append a line to the audit log."""

    name: str
    data: Data = field(hash=False)


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the subscribers (`event {name, …}`)."""

    name: str
    data: Data = field(hash=False)


@dataclass(frozen=True, slots=True)
class ShowPrompt:
    """Put a need before the person; `notify` False: list it, pop nothing up."""

    need: Need
    notify: bool


@dataclass(frozen=True, slots=True)
class TakeDownPrompt:
    """That need is over, snoozed, or its token went away."""

    key: str


Command = (
    CloseGate
    | OpenGate
    | ReadTokens
    | FindModules
    | QueryOperations
    | QueryBackups
    | QueryStatus
    | InstallWaiting
    | SaveIdentity
    | SaveToken
    | ForgetToken
    | SaveCertificate
    | SaveBackup
    | SavePrompt
    | SaveChosenModule
    | AppendAudit
    | Announce
    | ShowPrompt
    | TakeDownPrompt
)
