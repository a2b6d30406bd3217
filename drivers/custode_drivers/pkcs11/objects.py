"""Keys and certificates on a token: find, list, make, import, install, remove.

Searches are always listed out: python-pkcs11 keeps a search open while its generator lives, and a
second one on that session then fails.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any, Final

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.util.x509 import decode_x509_certificate

from custode_drivers.api.errors import (
    IntegrityError,
    KeyExists,
    NoSuchKey,
    NotSupported,
    UnknownFailure,
)
from custode_drivers.api.types import (
    CertificateOnToken,
    KeyMade,
    KeyOnToken,
    KeySpec,
    PublicKeyOnToken,
)
from custode_drivers.pkcs11 import public

log = logging.getLogger(__name__)

_RSA_BITS: Final = {KeySpec.RSA2048: 2048, KeySpec.RSA3072: 3072, KeySpec.RSA4096: 4096}
_EC_CURVES: Final = {KeySpec.P256: "secp256r1", KeySpec.P384: "secp384r1"}
_SIGNING: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY
_RANDOM_ID_BYTES: Final = 16

Template = dict[Attribute, Any]


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
        except (pkcs11.PKCS11Error, ValueError) as exc:
            log.warning("a certificate that cannot be read: %r", exc)
            continue
        found.append(CertificateOnToken(key_id.hex(), label, der))
    return tuple(found)


def public_keys(session: pkcs11.Session) -> tuple[PublicKeyOnToken, ...]:
    """List the public keys that this session may see."""
    found = []
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
        try:
            key_id, bits = item[Attribute.ID], public.public_from(item).key_size
        except (pkcs11.PKCS11Error, NotSupported, ValueError) as exc:
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
            )
        )
    return tuple(found)


def generate(session: pkcs11.Session, spec: KeySpec, label: str, *, copyable: bool) -> KeyMade:
    """Make a key pair on the token; only a `copyable` one may ever leave it, wrapped.

    CKA_ID becomes the subject key identifier of the public key; a token that does not let it be
    set afterwards keeps the one it was made with.
    """
    key_id = secrets.token_bytes(_RANDOM_ID_BYTES)
    public_template: Template = {Attribute.PRIVATE: False}
    if spec in _EC_CURVES:
        public_template[Attribute.EC_PARAMS] = public.CURVE_PARAMETERS[_EC_CURVES[spec]]
    public_key, private = session.generate_keypair(
        KeyType.EC if spec in _EC_CURVES else KeyType.RSA,
        _RSA_BITS.get(spec),
        id=key_id,
        label=label,
        store=True,
        capabilities=_SIGNING,
        public_template=public_template,
        private_template={
            Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: copyable,
        },
    )
    half = public.public_from(public_key)
    _rename(public_key, private, public.key_identifier(half))
    return KeyMade(private[Attribute.ID].hex(), public.spki(half))


def _rename(public_key: pkcs11.PublicKey, private: pkcs11.PrivateKey, key_id: bytes) -> None:
    before = private[Attribute.ID]
    try:
        private[Attribute.ID] = key_id
    except pkcs11.PKCS11Error as exc:
        log.info("CKA_ID cannot be changed: %r", exc)  # a card with fixed key slots
        return
    try:
        public_key[Attribute.ID] = key_id
    except pkcs11.PKCS11Error as exc:
        log.info("CKA_ID of the public key cannot be changed: %r", exc)
        private[Attribute.ID] = before  # the two must stay together


def import_key(
    session: pkcs11.Session, key_id: bytes, label: str, pkcs8: bytearray
) -> tuple[KeyMade, public.PublicKey]:
    """Write a private key (PKCS #8 DER) to the token, where it can never be read again.

    `pkcs8` stays the caller's to wipe. What `cryptography` and python-pkcs11 make of it are Python
    integers and bytes, which nobody can wipe: the process that imports allows no core file and no
    debugger, and its memory goes with it.

    :raises KeyExists: when the token has a key with this id.
    :raises NotSupported: for other kinds of key.
    :raises IntegrityError: when it is no private key.
    """
    if any(find(session, kind, key_id) for kind in _KEY_CLASSES):
        raise KeyExists(key_id=key_id.hex())
    try:
        key = load_der_private_key(pkcs8, password=None)
    except ValueError as exc:
        raise IntegrityError(what="private_key") from exc
    if isinstance(key, rsa.RSAPrivateKey):
        private, half = _rsa_templates(key)
    elif isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in public.CURVE_PARAMETERS:
        private, half = _ec_templates(key)
    else:
        raise NotSupported(capability="key type")
    named: Template = {Attribute.ID: key_id, Attribute.LABEL: label, Attribute.TOKEN: True}
    made = session.create_object(private | named)
    try:
        session.create_object(half | named)
    except pkcs11.PKCS11Error:
        made.destroy()  # half a key pair would be in the way of the next try
        raise
    return KeyMade(key_id.hex(), public.spki(key.public_key())), key.public_key()


_KEY_CLASSES: Final = (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
_PRIVATE: Final[Template] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
}
_PUBLIC: Final[Template] = {
    Attribute.CLASS: ObjectClass.PUBLIC_KEY,
    Attribute.PRIVATE: False,
    Attribute.VERIFY: True,
}


def _rsa_templates(key: rsa.RSAPrivateKey) -> tuple[Template, Template]:
    numbers = key.private_numbers()
    half: Template = {
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.MODULUS: _unsigned(numbers.public_numbers.n),
        Attribute.PUBLIC_EXPONENT: _unsigned(numbers.public_numbers.e),
    }
    private: Template = {
        Attribute.PRIVATE_EXPONENT: _unsigned(numbers.d),
        Attribute.PRIME_1: _unsigned(numbers.p),
        Attribute.PRIME_2: _unsigned(numbers.q),
        Attribute.EXPONENT_1: _unsigned(numbers.dmp1),
        Attribute.EXPONENT_2: _unsigned(numbers.dmq1),
        Attribute.COEFFICIENT: _unsigned(numbers.iqmp),
    }
    return _PRIVATE | half | private, _PUBLIC | half


def _ec_templates(key: ec.EllipticCurvePrivateKey) -> tuple[Template, Template]:
    length = (key.key_size + 7) // 8
    numbers = key.private_numbers()
    point = b"".join(
        (
            b"\4",
            numbers.public_numbers.x.to_bytes(length),
            numbers.public_numbers.y.to_bytes(length),
        )
    )
    both: Template = {
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.EC_PARAMS: public.CURVE_PARAMETERS[key.curve.name],
    }
    half: Template = {Attribute.EC_POINT: bytes((4, len(point))) + point}
    private: Template = {Attribute.VALUE: numbers.private_value.to_bytes(length)}
    return _PRIVATE | both | private, _PUBLIC | both | half


def install_certificate(session: pkcs11.Session, key_id: bytes, der: bytes, label: str) -> None:
    """Write a certificate beside its key, readable without a PIN; again is no second one.

    :raises IntegrityError: when it is not for this key, or reads back differently.
    """
    half = public.public_of(session, private_key(session, key_id))
    if half is None or public.public_of_certificate(der) != half:
        raise IntegrityError(what="certificate_key")
    if not any(item[Attribute.VALUE] == der for item in _certificates(session, key_id)):
        session.create_object(
            {
                **decode_x509_certificate(der),
                Attribute.TOKEN: True,
                Attribute.PRIVATE: False,
                Attribute.ID: key_id,
                Attribute.LABEL: label,
            }
        )
    if not any(item[Attribute.VALUE] == der for item in _certificates(session, key_id)):
        raise IntegrityError(what="certificate_read_back")


def remove_certificates(session: pkcs11.Session, key_id: bytes) -> None:
    """Destroy the certificates with this id. :raises NoSuchKey: when there is none."""
    found = _certificates(session, key_id)
    if not found:
        raise NoSuchKey(key_id=key_id.hex())
    for item in found:
        item.destroy()


def destroy_key(session: pkcs11.Session, key_id: bytes) -> None:
    """Destroy a key pair for good. :raises NoSuchKey: when there is none."""
    private_key(session, key_id).destroy()
    for item in find(session, ObjectClass.PUBLIC_KEY, key_id):
        item.destroy()
    if find(session, ObjectClass.PRIVATE_KEY, key_id):
        raise UnknownFailure(ckr="the key is still there")


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


def subject_of(common_name: str) -> x509.Name:
    """Return the name of a certification request: its common name and nothing else."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _certificates(session: pkcs11.Session, key_id: bytes) -> list[Any]:
    return find(session, ObjectClass.CERTIFICATE, key_id)


def _unsigned(number: int) -> bytes:
    """A big integer as PKCS #11 wants it: unsigned, most significant byte first."""
    return number.to_bytes((number.bit_length() + 7) // 8)
