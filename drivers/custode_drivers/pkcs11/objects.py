"""Keys and certificates on a token: find, list, make, import, install, remove.

Searches are always listed out: python-pkcs11 keeps a search open while its generator lives, and a
second one on that session then fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, ObjectClass
from pkcs11.util.x509 import decode_x509_certificate

from custode_drivers.api.errors import (
    IntegrityError,
    NoSuchKey,
    NotSupported,
)
from custode_drivers.api.types import (
    CertificateOnToken,
    KeyOnToken,
    PublicKeyOnToken,
)
from custode_drivers.pkcs11 import public, templates
from custode_drivers.pkcs11.ckr import NONSENSE, Ckr, CkrError, ckr_of
from custode_drivers.pkcs11.cryptoki import Cryptoki
from custode_drivers.pkcs11.lent import Secret
from custode_drivers.pkcs11.templates import Template

log = logging.getLogger(__name__)

T = TypeVar("T")
Seen = tuple[tuple[CertificateOnToken, ...], tuple[PublicKeyOnToken, ...]]

ID_REFUSED: Final = frozenset(
    {
        Ckr.ARGUMENTS_BAD,
        Ckr.ATTRIBUTE_VALUE_INVALID,
        Ckr.TEMPLATE_INCOMPLETE,
        Ckr.TEMPLATE_INCONSISTENT,
    }
)
"""What a token says of a CKA_ID that it does not take (and of much else)."""


def find(session: pkcs11.Session, kind: ObjectClass, key_id: bytes) -> list[Any]:
    """Return the objects of one class with this CKA_ID."""
    return list(session.get_objects({Attribute.CLASS: kind, Attribute.ID: key_id}))


def private_key(session: pkcs11.Session, key_id: bytes) -> pkcs11.PrivateKey:
    """Return the private key. :raises NoSuchKey: when there is none, or more than one."""
    found: list[pkcs11.PrivateKey] = find(session, ObjectClass.PRIVATE_KEY, key_id)
    if len(found) != 1:
        raise NoSuchKey(key_id=key_id.hex())
    return found[0]


def certificates(session: pkcs11.Session) -> tuple[CertificateOnToken, ...]:
    """List the certificates that this session may see."""
    found = []
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})):
        try:
            key_id, label, der = item[Attribute.ID], item[Attribute.LABEL], item[Attribute.VALUE]
        except (pkcs11.PKCS11Error, *NONSENSE) as exc:
            log.warning("a certificate that cannot be read: %r", exc)
            continue
        found.append(CertificateOnToken(key_id.hex(), label, der))
    return tuple(found)


def used_ids(session: pkcs11.Session) -> set[bytes]:
    """Return each CKA_ID under which this session sees a key or a certificate."""
    found: set[bytes] = set()
    for kind in (*_KEY_CLASSES, ObjectClass.CERTIFICATE):
        for item in list(session.get_objects({Attribute.CLASS: kind})):
            with suppress(pkcs11.PKCS11Error):
                found.add(item[Attribute.ID])
    return found


def with_public_half(
    session: pkcs11.Session, half: public.PublicKey, likely: bytes
) -> pkcs11.PrivateKey | None:
    """Find the private key that belongs to a public one.

    It is mostly the one whose CKA_ID is `likely`, and reading every other takes a full token long.
    """
    every = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    for searched in ({**every, Attribute.ID: likely}, every):
        items: list[Any] = list(session.get_objects(searched))
        for item in items:
            if public.public_of(session, item) == half:
                found: pkcs11.PrivateKey = item
                return found
    return None


def always_authenticates(key: pkcs11.Object) -> bool:
    """Whether the key wants the PIN at each use (CKA_ALWAYS_AUTHENTICATE, §4.9)."""
    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except pkcs11.PKCS11Error:
        return False  # an attribute that many modules do not know; its default is no


def may_leave(key: pkcs11.Object) -> bool:
    """Tell whether the key can be wrapped out of its token (CKA_EXTRACTABLE, §4.9)."""
    try:
        return bool(key[Attribute.EXTRACTABLE])
    except pkcs11.PKCS11Error:
        return False  # a card that has no such attribute gives no key away


def public_keys(session: pkcs11.Session) -> tuple[PublicKeyOnToken, ...]:
    """List the public keys that this session may see."""
    found = []
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
        try:
            key_id, bits = item[Attribute.ID], public.public_from(item).key_size
        except (pkcs11.PKCS11Error, NotSupported, *NONSENSE) as exc:
            log.warning("a public key that cannot be read: %r", exc)
            continue
        found.append(PublicKeyOnToken(key_id.hex(), public.kind_of(item), bits))
    return tuple(found)


def private_keys(session: pkcs11.Session) -> tuple[KeyOnToken, ...]:
    """List the private keys, with their public halves where the token keeps them."""
    found = []
    halves = public.by_id(session)
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})):
        half = public.public_of(session, item, halves)
        found.append(
            KeyOnToken(
                key_id=item[Attribute.ID].hex(),
                label=item[Attribute.LABEL],
                type=public.kind_of(item),
                bits=half.key_size if half else 0,
                public_key=public.spki(half) if half else None,
                always_authenticate=always_authenticates(item),
                extractable=may_leave(item),
            )
        )
    return tuple(found)


def import_key(
    session: pkcs11.Session, cryptoki: Cryptoki, ids: Iterator[bytes], label: str, pkcs8: Secret
) -> bytes:
    """Write a private key (PKCS #8 DER) to the token, where it can never be read again.

    `pkcs8` stays the caller's to wipe. What `cryptography` and python-pkcs11 make of it are Python
    integers and bytes, which nobody can wipe: the process that imports allows no core file and no
    debugger, and its memory goes with it.

    Gives the first of the ids under which the token takes it.

    :raises NotSupported: for other kinds of key, and when the token takes none.
    :raises IntegrityError: when it is no private key.
    """
    private, half = templates.of_pair(pkcs8)
    handle = handle_of(session)

    def make(template: Template) -> None:
        cryptoki.create_object(
            handle, templates.packed(template), given_away=Attribute.PUBLIC_EXPONENT
        )

    for key_id in ids:
        named: Template = {Attribute.ID: key_id, Attribute.LABEL: label, Attribute.TOKEN: True}
        try:
            _create(make, private | named)
        except CkrError as exc:
            if exc.ckr not in ID_REFUSED:
                raise
            log.info("CKA_ID %s: %r", key_id.hex(), exc)
            continue
        try:
            create(session, half | named)
        except pkcs11.PKCS11Error as exc:
            if not isinstance(exc, _NO_PUBLIC_OBJECTS):
                with suppress(pkcs11.PKCS11Error):
                    # half a key pair would be in the way of the next try
                    destroy_all(session, key_id)
                raise
            # A card that keeps the public half with the private one (PIV).
        return key_id
    raise NotSupported(capability="import_key")


def handle_of(session: pkcs11.Session) -> int:
    """Return the session's handle."""
    handle: int = session.handle  # type: ignore[attr-defined]  # python-pkcs11's stub lacks it
    return handle


def create(session: pkcs11.Session, template: Template) -> Any:
    """C_CreateObject; what a token knows by itself is left out where it takes no such attribute."""
    return _create(session.create_object, template)


def _create(make: Callable[[Template], T], template: Template) -> T:
    for fewer in _LEFT_OUT[:-1]:
        try:
            return make(_without(template, fewer))
        except (pkcs11.PKCS11Error, CkrError) as exc:
            if ckr_of(exc) not in _TEMPLATE_REFUSED:
                raise
            log.info("%r", exc)
    return make(_without(template, _LEFT_OUT[-1]))


def _without(template: Template, names: frozenset[Attribute]) -> Template:
    return {name: value for name, value in template.items() if name not in names}


_KEY_CLASSES: Final = (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
# Attributes that a token may refuse to be told, fewer and fewer; ykcs11 wants the last for a key.
_FLAGS: Final = frozenset({Attribute.EXTRACTABLE, Attribute.SENSITIVE, Attribute.PRIVATE})
_LEFT_OUT: Final = (
    frozenset[Attribute](),
    _FLAGS,
    _FLAGS | {Attribute.SIGN, Attribute.MODULUS, Attribute.PRIVATE_EXPONENT},
)
_TEMPLATE_REFUSED: Final = frozenset({Ckr.ATTRIBUTE_TYPE_INVALID, Ckr.TEMPLATE_INCONSISTENT})
_NO_PUBLIC_OBJECTS: Final = (
    pkcs11.ArgumentsBad,
    pkcs11.AttributeTypeInvalid,
    pkcs11.AttributeValueInvalid,
    pkcs11.FunctionNotSupported,
    pkcs11.TemplateInconsistent,
)


def check_certificate(session: pkcs11.Session, key_id: bytes, der: bytes) -> bool:
    """Tell whether the key has this certificate already.

    :raises IntegrityError: when the certificate is not for this key
    """
    half = public.public_of(session, private_key(session, key_id))
    if half is None or public.public_of_certificate(der) != half:
        raise IntegrityError(what="certificate_key")
    return _holds(session, key_id, der)


def write_certificate(session: pkcs11.Session, key_id: bytes, der: bytes, label: str) -> None:
    """Write a certificate beside its key, readable without a PIN.

    Where a key has room for one only and its place is taken (by another one for the same key, or
    by what the card put there itself), the old one goes first, and comes back if the new one fails.
    """
    named: Template = {Attribute.TOKEN: True, Attribute.PRIVATE: False, Attribute.ID: key_id}
    template = {**decode_x509_certificate(der), **named, Attribute.LABEL: label}
    try:
        create(session, template)
        return
    except pkcs11.PKCS11Error as exc:
        old = certificates_with(session, key_id)
        if not old or not isinstance(exc, _PLACE_TAKEN):
            raise
        log.info("the certificate's place is taken: %r", exc)
    (kept, name) = old[0][Attribute.VALUE], old[0][Attribute.LABEL]
    old[0].destroy()
    try:
        create(session, template)
    except pkcs11.PKCS11Error:
        with suppress(pkcs11.PKCS11Error):
            create(session, {**decode_x509_certificate(kept), **named, Attribute.LABEL: name})
        raise


def check_written(session: pkcs11.Session, key_id: bytes, der: bytes) -> None:
    """Read a certificate back. :raises IntegrityError: when it is not there as it was written."""
    if not _holds(session, key_id, der):
        raise IntegrityError(what="certificate_read_back")


def _holds(session: pkcs11.Session, key_id: bytes, der: bytes) -> bool:
    return any(item[Attribute.VALUE] == der for item in certificates_with(session, key_id))


# What a card says where a key has room for one certificate: OpenSC the first ("non unique id").
_PLACE_TAKEN: Final = (pkcs11.GeneralError, pkcs11.AttributeValueInvalid, pkcs11.DeviceMemory)


def remove_certificates(session: pkcs11.Session, key_id: bytes) -> None:
    """Destroy the certificates with this id. :raises NoSuchKey: when there is none."""
    found = certificates_with(session, key_id)
    if not found:
        raise NoSuchKey(key_id=key_id.hex())
    for item in found:
        item.destroy()


def destroy_all(session: pkcs11.Session, key_id: bytes) -> None:
    """Destroy whatever keys this session sees under an id; nothing there is fine."""
    for kind in _KEY_CLASSES:
        for item in find(session, kind, key_id):
            item.destroy()


def destroy_everything(session: pkcs11.Session) -> None:
    """Destroy every key and every certificate that this session sees."""
    for kind in (*_KEY_CLASSES, ObjectClass.SECRET_KEY, ObjectClass.CERTIFICATE):
        for item in list(session.get_objects({Attribute.CLASS: kind, Attribute.TOKEN: True})):
            item.destroy()


def remove_lone_halves(session: pkcs11.Session, label: str) -> None:
    """Destroy the public keys of that label beside which there is no private key, no certificate.

    C_GenerateKeyPair makes two objects; a module that ends between the two leaves the first.
    """
    paired: set[bytes] = set()
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.CERTIFICATE):
        paired |= {
            item[Attribute.ID] for item in list(session.get_objects({Attribute.CLASS: kind}))
        }
    named = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: label}
    for half in list(session.get_objects(named)):
        if half[Attribute.ID] not in paired:
            half.destroy()


def certificates_with(session: pkcs11.Session, key_id: bytes) -> list[Any]:
    """Return the certificates with this id."""
    return find(session, ObjectClass.CERTIFICATE, key_id)
