"""What keys look like to C_CreateObject and C_UnwrapKey (PKCS #11 v3.1 §4.8, §4.9, §6.1, §6.3)."""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.attributes import AttributeMapper

from custode_drivers.api.errors import IntegrityError, NotSupported
from custode_drivers.pkcs11 import public
from custode_drivers.pkcs11.lent import Secret

Template = dict[Attribute, Any]

STAYS: Final[Template] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
}
"""A private key that signs, and never leaves its token."""
_PUBLIC: Final[Template] = {
    Attribute.CLASS: ObjectClass.PUBLIC_KEY,
    Attribute.PRIVATE: False,
    Attribute.VERIFY: True,
}
_ON_BOTH: Final = frozenset(
    {Attribute.KEY_TYPE, Attribute.MODULUS, Attribute.PUBLIC_EXPONENT, Attribute.EC_PARAMS}
)
_PACKING: Final = AttributeMapper()


def packed(template: Template) -> dict[int, bytes]:
    """Return the attributes as they lie in memory."""
    return {name: _PACKING.pack_attribute(name, value) for name, value in template.items()}


def of_pair(pkcs8: Secret) -> tuple[Template, Template]:
    """Return what the private and the public half of a key (PKCS #8 DER) are made from.

    :raises NotSupported: for other kinds of key. :raises IntegrityError: when it is no private key.
    """
    key = _loaded(pkcs8)
    private = _rsa(key) if isinstance(key, rsa.RSAPrivateKey) else _ec(key)
    half = of_public_half(key.public_key())
    told = {name: value for name, value in half.items() if name in _ON_BOTH}
    return STAYS | told | private, half


def public_half(pkcs8: Secret) -> public.PublicKey:
    """Return the public half of a private key (PKCS #8 DER). :raises: as `of_pair`."""
    return _loaded(pkcs8).public_key()


def of_public_half(key: public.PublicKey) -> Template:
    """Return what a public key is made from."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return _PUBLIC | {
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: _unsigned(numbers.n),
            Attribute.PUBLIC_EXPONENT: _unsigned(numbers.e),
        }
    return _PUBLIC | {
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.EC_PARAMS: public.CURVE_PARAMETERS[key.curve.name],
        Attribute.EC_POINT: point(key),
    }


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return CKA_EC_POINT: the uncompressed point in a DER OCTET STRING (§6.3.3)."""
    length = (key.key_size + 7) // 8
    numbers = key.public_numbers()
    both = b"".join((b"\4", numbers.x.to_bytes(length), numbers.y.to_bytes(length)))
    return bytes((4, len(both))) + both


def _loaded(pkcs8: Secret) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_der_private_key(pkcs8, password=None)
    except ValueError as exc:
        raise IntegrityError(what="private_key") from exc
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in public.CURVE_PARAMETERS:
        return key
    raise NotSupported(capability="key type")


def _rsa(key: rsa.RSAPrivateKey) -> Template:
    numbers = key.private_numbers()
    return {
        Attribute.PRIVATE_EXPONENT: _unsigned(numbers.d),
        Attribute.PRIME_1: _unsigned(numbers.p),
        Attribute.PRIME_2: _unsigned(numbers.q),
        Attribute.EXPONENT_1: _unsigned(numbers.dmp1),
        Attribute.EXPONENT_2: _unsigned(numbers.dmq1),
        Attribute.COEFFICIENT: _unsigned(numbers.iqmp),
    }


def _ec(key: ec.EllipticCurvePrivateKey) -> Template:
    length = (key.key_size + 7) // 8
    return {Attribute.VALUE: key.private_numbers().private_value.to_bytes(length)}


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
