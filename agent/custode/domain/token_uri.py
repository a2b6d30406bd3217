"""Tokens named by people: by serial, by unique label, or by a PKCS #11 URI (RFC 7512)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from urllib.parse import quote, unquote_to_bytes

from custode.domain.model import TokenId, TokenSeen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Named(Protocol):
    """What can be named: a token that is here, or one that is remembered."""

    @property
    def id(self) -> TokenId: ...

    @property
    def label(self) -> str: ...


N = TypeVar("N", bound=Named)

SCHEME: Final = "pkcs11:"
# RFC 7512 §2.3: what a value may hold unescaped; "/", "?" and "|" in the query only.
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})*\Z")
_UNESCAPED: Final = ":[]@!$'()*+,=&"
_TEXT: Final = frozenset({"token", "manufacturer", "serial", "model", "object", "type"})
_ID: Final = "id"
_PIN: Final = frozenset({"pin-value", "pin-source"})
_MODULE: Final = {"module-name": "module_name", "module-path": "module_path"}
_PLACES: Final = ("slot-", "library-")
_NO_NUMBER: Final = "0" * 16  # as NSS and tpm2-pkcs11 fill the field (CK_TOKEN_INFO, v3.1 §3.2)
_TYPES: Final = frozenset({"public", "private", "cert", "secret-key", "data"})


class UriInvalid(ValueError):
    """A URI that names no token; `why` is a code and repeats nothing of the URI.

    `syntax`; `unknown`: an attribute that is not known, so that nobody can say which token is
    meant; `place`: a slot or library, which a token is never known by; `pin`: a PIN, or where to
    find one, which has options of its own.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class TokenUri:
    """The attributes of a URI (RFC 7512 §2.3) that tell one token; None: any value will do."""

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    object: str | None = None
    type: str | None = None
    id: bytes | None = None
    module_name: str | None = None
    module_path: str | None = None

    def matches(self, candidate: Named) -> bool:
        """Whether every attribute fits; one about an object, whether the token carries such a one.

        Before a login only certificates, and ids and types of keys, can be seen. Of a token that is
        not here nobody says which module would show it.
        """
        told = (
            (self.token, candidate.label),
            (self.manufacturer, candidate.id.manufacturer),
            (_number_or_label(self.serial, candidate), candidate.id.serial),
            (self.model, candidate.id.model),
        )
        return (
            all(wanted in {None, found} for wanted, found in told)
            and self._through(candidate)
            and (
                (self.object, self.type, self.id) == (None, None, None)
                or self._carried_by(candidate)
            )
        )

    def _through(self, candidate: Named) -> bool:
        """Whether the module that shows the token is the one that the query names (§2.3)."""
        if not isinstance(candidate, TokenSeen):
            return True
        name, path = candidate.module, candidate.module_path
        if self.module_name is not None and self.module_name.lower() not in _names(name):
            return False
        wanted = self.module_path
        return wanted is None or wanted in {name, path, path.rpartition("/")[0]}

    def _carried_by(self, candidate: Named) -> bool:
        if not isinstance(candidate, TokenSeen):
            return False  # it is not here: nobody knows what it carries
        certificates: list[tuple[str, str | None]] = [
            (held.key_id, held.label) for held in candidate.certificates
        ]
        labels = dict(certificates)  # a key is known by its certificate's label
        keys = [(held.key_id, labels.get(held.key_id)) for held in candidate.public_keys]
        match self.type:
            case None:
                objects = [*certificates, *keys]
            case "cert":
                objects = certificates
            case "public" | "private":
                objects = keys
            case _:
                return False
        key_id = None if self.id is None else self.id.hex()
        return any(
            key_id in {None, found} and self.object in {None, label} for found, label in objects
        )


def _names(module: str) -> set[str]:
    """What a module may be called: its file's name, with and without what systems add to it."""
    file = module.partition("#")[0].lower()
    bare = file.partition(".so")[0]
    return {file, bare, bare.removeprefix("lib")}


def _goes_by_label(token: Named) -> bool:
    """Whether the label stands in for a serial number that is nothing but zeros (`TokenId`)."""
    return bool(token.label) and token.id.serial == token.label


def _number_or_label(serial: str | None, candidate: Named) -> str | None:
    """What other programs call the serial number of a token that goes by its label."""
    if serial is not None and not serial.strip("0 ") and _goes_by_label(candidate):
        return candidate.label
    return serial


def parse(text: str) -> TokenUri:
    """Read a PKCS #11 URI.

    :raises UriInvalid: see there
    """
    if not text.lower().startswith(SCHEME):
        raise UriInvalid("syntax")
    path, _, query = text[len(SCHEME) :].partition("?")
    through: dict[str, str] = {}
    for name, value in _attributes(query, "&"):
        if name in _PIN:
            raise UriInvalid("pin")
        if name in _MODULE:  # others of the query are passed over (§2.3)
            through[_MODULE[name]] = _text(value)
    found: dict[str, bytes] = {}
    for name, value in _attributes(path, ";"):
        if name.startswith(_PLACES):
            raise UriInvalid("place")
        if name not in _TEXT and name != _ID:
            raise UriInvalid("unknown")
        if name in found:  # RFC 7512 §2.3: at most once
            raise UriInvalid("syntax")
        found[name] = value
    wanted = {name: _text(value) for name, value in found.items() if name in _TEXT}
    if wanted.get("type") not in {None, *_TYPES}:
        raise UriInvalid("syntax")
    return TokenUri(**wanted, **through, id=found.get(_ID))


def _attributes(part: str, separator: str) -> Iterable[tuple[str, bytes]]:
    for one in part.split(separator) if part else ():
        name, equals, value = one.partition("=")
        if not name or not equals or not _VALUE.match(value):
            raise UriInvalid("syntax")
        yield name, unquote_to_bytes(value)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise UriInvalid("syntax") from error


def uri_of(token: Named) -> str:
    """The URI that names this token and no other."""
    told = {
        "model": token.id.model,
        "manufacturer": token.id.manufacturer,
        "serial": _NO_NUMBER if _goes_by_label(token) else token.id.serial,
        "token": token.label,
    }
    return SCHEME + ";".join(f"{n}={quote(v, safe=_UNESCAPED)}" for n, v in told.items())


def uri_of_object(token: Named, key_id: str, kind: str) -> str:
    """The URI of something that lies on a token: `kind` is "cert", "public" or "private"."""
    hex_id = "".join(f"%{byte:02X}" for byte in bytes.fromhex(key_id))
    return f"{uri_of(token)};id={hex_id};type={kind}"


def named(name: str | None, candidates: Iterable[N]) -> list[N]:
    """Those that are meant: by URI, else by serial, else by label; unnamed: all.

    :raises UriInvalid: see there
    """
    found = list(candidates)
    if name is None:
        return found
    if name.lower().startswith(SCHEME):
        uri = parse(name)
        return [one for one in found if uri.matches(one)]
    return [one for one in found if one.id.serial == name] or [
        one for one in found if one.label == name
    ]
