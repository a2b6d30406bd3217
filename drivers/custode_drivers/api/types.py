"""What a token is and carries, as its worker tells it.

Keys and certificates are named by `key_id`: CKA_ID as lower-case hex. The worker answers with maps
that hold exactly these fields; `msgspec.convert(answer, TokenInfo)` makes the values below of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class KeySpec(StrEnum):
    """The kinds of key that are made on a token."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"


class KeyKind(StrEnum):
    """CKA_KEY_TYPE (PKCS #11 v3.1 §4.8), as far as we use it; others keep their number, in hex."""

    RSA = "rsa"
    EC = "ec"


@dataclass(frozen=True, slots=True, order=True)
class TokenIdentity:
    """Who a token is. Slot ids and reader names are never identity.

    `serial`: the label of a token whose serial number is nothing but zeros.
    """

    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True)
class CertificateOnToken:
    """A certificate that can be read without a PIN."""

    key_id: str
    label: str
    der: bytes


@dataclass(frozen=True, slots=True)
class PublicKeyOnToken:
    """A public key that can be read without a PIN."""

    key_id: str
    type: str
    bits: int


@dataclass(frozen=True, slots=True)
class KeyOnToken:
    """A private key, seen after login; `public_key` is its SubjectPublicKeyInfo (RFC 5280 §4.1)."""

    key_id: str
    label: str
    type: str
    bits: int
    public_key: bytes | None
    """None where the token keeps neither a public key nor a certificate beside it."""
    always_authenticate: bool = False
    """The PIN is wanted at each use (CKA_ALWAYS_AUTHENTICATE, PKCS #11 v3.1 §4.9)."""
    extractable: bool = False
    """Made copyable: it can leave its token, wrapped under another key (CKA_EXTRACTABLE)."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """One token (PKCS #11 v3.1 §3.2, CK_TOKEN_INFO) and what can be read from it without a PIN."""

    manufacturer: str
    model: str
    serial: str
    """Its label, where it has no serial number of its own (`TokenIdentity`)."""
    label: str
    initialized: bool
    user_pin_initialized: bool
    pin_count_low: bool
    pin_final_try: bool
    pin_locked: bool
    so_pin_count_low: bool
    so_pin_final_try: bool
    so_pin_locked: bool
    user_pin_to_be_changed: bool
    so_pin_to_be_changed: bool
    login_required: bool
    has_so_pin: bool
    """Whether its security officer has a PIN; none is to be sent where there is none (NSS)."""
    protected_path: bool
    """The PIN is typed on the reader and never passes through us."""
    removable: bool
    min_pin: int | None
    max_pin: int | None
    mechanisms: tuple[str, ...]
    can_generate: bool
    key_specs: tuple[KeySpec, ...]
    """What it says that it can make; a curve is found out only by trying."""
    needs_so_for: tuple[str, ...]
    """Methods that it has refused to its user since this worker runs; none proves nothing."""
    certificates: tuple[CertificateOnToken, ...]
    public_keys: tuple[PublicKeyOnToken, ...]
    can_wrap: tuple[str, ...] = ()
    """Mechanisms of which one may be AES key wrap with padding (RFC 5649), the surest first: under
    the name CKM_AES_KEY_WRAP_PAD modules offer different things, and a worker tries which one."""
    reader: str = ""
    """CK_SLOT_INFO.slotDescription (§3.2): with most modules the reader's name. No identity."""

    @property
    def identity(self) -> TokenIdentity:
        return TokenIdentity(self.manufacturer, self.model, self.serial)


@dataclass(frozen=True, slots=True)
class UnreadableToken:
    """A row of `list`: in some slot sits a token that answers nothing."""

    unreadable: str
    """The return value that came instead, e.g. CKR_GENERAL_ERROR; `HELD` by another program."""
    held_by: str | None = None
    """Who that may be, e.g. "scdaemon (4711)"; None where nobody can be seen."""


HELD: Final = "held"


@dataclass(frozen=True, slots=True)
class Holder:
    """The answer to `holder`: whether another program keeps a card from us, and who may be it."""

    held: bool
    by: str | None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The answer to `login`."""

    session: str
    keys: tuple[KeyOnToken, ...]


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The answer to `generate_key` and `import_key`; `public_key` is SubjectPublicKeyInfo DER."""

    key_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Wrapped:
    """The answer to `wrap_key`: a private key under a key-encryption key (RFC 5649)."""

    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Challenged:
    """The answer to `challenge`: fresh bytes and the token's signature over them, verified."""

    challenge: bytes
    signature: bytes
