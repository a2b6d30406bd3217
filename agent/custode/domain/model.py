"""What the agent knows, as immutable values; nothing here decides.

Times are aware UTC datetimes, hashes and key ids lower-case hex; mappings are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from custode_authority.wire.states import (
    BackupKind,
    BackupPlace,
    BackupState,
    CertificateState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from custode.domain.cards import Card, ChosenModule, Offer
    from custode.domain.need import Prompt
    from custode_authority.wire.reasons import CrlReason, Reason


# --- tokens -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class TokenId:
    """Who a token is (CK_TOKEN_INFO, PKCS #11 v3.1 §3.2); `serial`: its label where that is 0."""

    manufacturer: str
    model: str
    serial: str


class PinRole(StrEnum):
    """Whose PIN: CKU_USER or CKU_SO (the PUK of many cards)."""

    USER = "user"
    SO = "so"


@dataclass(frozen=True, slots=True)
class PinFlags:
    """CKF_(SO|USER)_PIN_COUNT_LOW, _FINAL_TRY, _LOCKED, _TO_BE_CHANGED (PKCS #11 v3.1 §3.2)."""

    count_low: bool = False
    final_try: bool = False
    locked: bool = False
    to_be_changed: bool = False


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """A certificate found on a token; `fingerprint_sha256` is over its DER."""

    key_id: str
    label: str
    fingerprint_sha256: str


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A public key found on a token, e.g. ("01", "rsa", 2048)."""

    key_id: str
    type: str
    bits: int


@dataclass(frozen=True, slots=True)
class TokenSeen:
    """A token as the worker's `list` reports it; `tokens.seen` makes it from one row.

    `min_pin`, `max_pin`: 0 where the module states none; the worker holds every PIN against them.
    `key_specs`: the kinds of key that it says it can make, e.g. "p256"; none: it makes no key.
    `reader`: what its slot is called, mostly the name of a reader; for finding its card only.
    `can_wrap`: it says that it wraps keys, so a copyable one can leave it, and a copy come in.
    """

    id: TokenId
    label: str
    module: str
    initialized: bool = True
    user_pin_initialized: bool = True
    user_pin: PinFlags = PinFlags()
    so_pin: PinFlags = PinFlags()
    login_required: bool = True
    has_so_pin: bool = True
    protected_path: bool = False
    removable: bool = True
    min_pin: int = 4
    max_pin: int = 255
    mechanisms: tuple[str, ...] = ()
    key_specs: tuple[str, ...] = ()
    certificates: tuple[HeldCertificate, ...] = ()
    public_keys: tuple[HeldKey, ...] = ()
    reader: str = ""
    module_path: str = ""
    can_wrap: bool = False

    def holds(self, fingerprint_sha256: str | None) -> bool:
        """Whether it carries that certificate; the same key under another one is not it."""
        return any(c.fingerprint_sha256 == fingerprint_sha256 for c in self.certificates)


class TokenState(StrEnum):
    """What a token is to this identity; `tokens.recognise` decides."""

    UNKNOWN = "unknown"
    RECOGNISED = "recognised"
    FOREIGN = "foreign"
    PRIMARY = "primary"
    SPARE = "spare"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What is remembered of a token.

    `adopted`: initialised, used for a request or promoted here. `spare_for`: the usable backup
    whose key it carries. The failures are our own count of spent tries since the last accepted
    PIN; while `…_unanswered` is set, one more was sent of which nobody knows what came of it.
    """

    id: TokenId
    label: str
    adopted: bool = False
    spare_for: str | None = None
    user_pin_failures: int = 0
    so_pin_failures: int = 0
    user_pin_unanswered: bool = False
    so_pin_unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Insertion:
    """One stay of a token in its slot; `number` grows by one with every insertion."""

    number: int
    token: TokenSeen
    since: datetime


@dataclass(frozen=True, slots=True)
class Module:
    """One PKCS#11 module and its tokens; `offer`: it was found for a card, else configured.

    `pending`: something changed there and the tokens are not read yet. `reading`: a ReadTokens is
    on its way; `read_again`: it may have begun too early. `failure`: why the module cannot work.
    `unreadable`: a token may be in one of its slots and answers nothing. `unseen`: a token was here
    when the service that readers are seen through ended, and may be here still. `listed`: all it
    showed last, with what is another module's for its card; `insertions` are its own.
    """

    name: str
    pending: bool = False
    reading: bool = False
    read_again: bool = False
    failure: str | None = None
    unreadable: bool = False
    unseen: bool = False
    insertions: tuple[Insertion, ...] = ()
    listed: tuple[TokenSeen, ...] = ()
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A card reader, or a token for USB; `atr` is its card's, in hex, `stay` tells stays apart."""

    name: str
    card: bool
    atr: str = ""
    stay: int = 0


@dataclass(frozen=True, slots=True)
class Readers:
    """What the reader service (PC/SC) told last; `modules` are those whose tokens it shows.

    `why`: it does not answer, since `since`; then `readers` is empty whatever is plugged in.
    """

    modules: tuple[str, ...]
    readers: tuple[Reader, ...]
    why: str | None
    since: datetime

    @property
    def cards(self) -> int:
        """How many readers say that a card is in them."""
        return sum(reader.card for reader in self.readers)


# --- identity, certificates, backups ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the certificates are for; `primary` is the token that carries the original."""

    code: str
    codice_fiscale: str
    name: str = ""
    mail: str = ""
    primary: TokenId | None = None
    ceased: bool = False


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One request and the certificate that came of it: the authority's row and our own facts.

    `said_at` is the authority's time of its word. `certificate` is DER. Ours are `token`, `key_id`
    (where the key lies), `installed` (the certificate lies there too), and why it was `reported`.
    """

    id_operazione: str
    file_name: str
    state: CertificateState
    key_sha256: str
    requested_at: datetime
    said_at: datetime
    expires_at: datetime | None = None
    outcome: str | None = None
    serial_number: str | None = None
    fingerprint_sha256: str | None = None
    certificate: bytes | None = None
    cancelled_at: datetime | None = None
    crl_reason: CrlReason | None = None
    token: TokenId | None = None
    key_id: str | None = None
    installed: bool = False
    reported: Reason | None = None
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One backup: the authority's row and our own facts: `folder_…`, `token` and `key_id`.

    `original_sha256` and `successor_sha256` are fingerprints of certificates,
    `successor_key_sha256` is of a SubjectPublicKeyInfo. In a folder or, by `place`, on a `token`.
    """

    backup_id: str
    kind: BackupKind
    state: BackupState
    original_sha256: str
    created_at: datetime
    said_at: datetime
    successor_sha256: str | None = None
    container_sha256: str | None = None
    tries_remaining: int = 5
    retired_why: str | None = None
    folder_name: str | None = None
    folder_path: str | None = None
    place: BackupPlace = BackupPlace.FOLDER
    successor_key_sha256: str | None = None
    token: TokenId | None = None
    key_id: str | None = None
    requested_at: datetime | None = None
    approved_at: datetime | None = None


class Source(StrEnum):
    """Where a word of the authority comes from: asked now, with a nonce, or remembered."""

    FRESH = "fresh"
    REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True)
class AuthorityStatus:
    """What the authority said of a certificate, at its own time `at`; `state` None: unknown."""

    fingerprint_sha256: str
    state: CertificateState | None
    at: datetime | None
    source: Source


@dataclass(frozen=True, slots=True)
class Authority:
    """The counter, seen from here; `reachable` None: not asked yet."""

    reachable: bool | None = None
    why: str | None = None
    since: datetime | None = None
    embedded: bool = False
    recovery_export_at: datetime | None = None


# --- operations -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WaitingOperation:
    """A journaled operation that stopped until something comes; `token` None: no token needed."""

    operation_id: str
    kind: str
    token: TokenId | None = None


# --- all of it --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class State:
    """Everything the agent knows. Made by `remember` at the start, then only by `machine.step`.

    `started`: the modules are known; before that the gate is closed. `readers` None: no module is
    seen through them, or not asked yet. `discover`: a module is looked for for each card; `cards`
    are those that are in, by reader, and `chosen` the modules that showed a kind of card before, by
    its ATR. `gate_shut`: what is seen here blocks every backup, whatever the authority says.
    `prompts_up`: keys of the prompts on the screen; `prompted`: the (key, insertion number) pairs
    that had theirs; `faces`: connections that show notifications.
    """

    now: datetime
    identity: Identity | None = None
    modules: Mapping[str, Module] = field(default_factory=dict)
    readers: Readers | None = None
    discover: bool = False
    cards: Mapping[str, Card] = field(default_factory=dict)
    chosen: Mapping[str, ChosenModule] = field(default_factory=dict)
    known: Mapping[TokenId, KnownToken] = field(default_factory=dict)
    certificates: Mapping[str, CertificateRecord] = field(default_factory=dict)
    backups: Mapping[str, BackupRecord] = field(default_factory=dict)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    waiting: Mapping[str, WaitingOperation] = field(default_factory=dict)
    authority: Authority = Authority()
    started: bool = False
    gate_shut: bool = True
    prompts_up: frozenset[str] = frozenset()
    prompted: frozenset[tuple[str, int]] = frozenset()
    faces: frozenset[int] = frozenset()
    last_insertion: int = 0

    @property
    def insertions(self) -> Iterator[Insertion]:
        """Every token that is here now, in every module."""
        for module in self.modules.values():
            yield from module.insertions

    def sees_cards(self, module: str) -> bool:
        """Whether that module's tokens are seen through the reader service."""
        known = self.modules.get(module)
        if known is not None and known.offer is not None:
            return True
        return self.readers is not None and module in self.readers.modules

    def cards_for(self, module: str) -> int | None:
        """How many cards that module could show; None where nobody knows."""
        if self.readers is None or self.readers.why is not None or not self.sees_cards(module):
            return None
        return self.readers.cards

    def blind(self, module: str) -> bool:
        """Whether that module cannot see any card now, whatever is plugged in."""
        return self.readers is not None and self.readers.why is not None and self.sees_cards(module)

    def insertion(self, token: TokenId | None) -> Insertion | None:
        """The stay of that token, None when it is not here."""
        return next((i for i in self.insertions if i.token.id == token), None)

    def certificate(self, fingerprint_sha256: str | None) -> CertificateRecord | None:
        """The record of a certificate by its fingerprint."""
        if fingerprint_sha256 is None:
            return None
        records = self.certificates.values()
        return next((c for c in records if c.fingerprint_sha256 == fingerprint_sha256), None)


def remember(
    now: datetime,
    *,
    identity: Identity | None = None,
    tokens: Iterable[KnownToken] = (),
    certificates: Iterable[CertificateRecord] = (),
    backups: Iterable[BackupRecord] = (),
    prompts: Iterable[Prompt] = (),
    chosen: Iterable[ChosenModule] = (),
) -> State:
    """Build the state again from the records that the `Save…` commands put on disk."""
    return State(
        now=now,
        identity=identity,
        known={t.id: t for t in tokens},
        certificates={c.id_operazione: c for c in certificates},
        backups={b.backup_id: b for b in backups},
        prompts={p.key: p for p in prompts},
        chosen={c.atr: c for c in chosen},
    )
