"""Public halves of keys on a token, read from whatever the token keeps of them.

`cryptography.x509` is imported where it is used: a worker's first answer, the list of the tokens,
needs nothing of it, and the agent's start waits for that answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pkcs11
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from custode_drivers.api.errors import IntegrityError, NotSupported

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# CKA_EC_PARAMS of the curves we make keys on (RFC 5480 §2.1.1).
CURVE_PARAMETERS: Final[dict[str, bytes]] = {
    name: encode_named_curve_parameters(name) for name in ("secp256r1", "secp384r1")
}
_CURVES: Final[dict[bytes, ec.EllipticCurve]] = {
    CURVE_PARAMETERS["secp256r1"]: ec.SECP256R1(),
    CURVE_PARAMETERS["secp384r1"]: ec.SECP384R1(),
}
# Order and x of the generator (SEC 2 §2.4.2, §2.5.1), by which explicit parameters are told.
_EXPLICIT: Final[dict[str, tuple[bytes, bytes]]] = {
    "secp256r1": (
        bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
    ),
    "secp384r1": (
        bytes.fromhex(
            "ffffffffffffffffffffffffffffffffffffffffffffffff"
            "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        ),
        bytes.fromhex(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98"
            "59f741e082542a385502f25dbf55296c3a545e3872760ab7"
        ),
    ),
}


def spki(key: PublicKey) -> bytes:
    """Return SubjectPublicKeyInfo DER (RFC 5280 §4.1)."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load(der: bytes) -> PublicKey:
    """Read SubjectPublicKeyInfo DER.

    :raises IntegrityError: when it is none. :raises NotSupported: for other kinds of key.
    """
    try:
        key = load_der_public_key(der)
    except ValueError as exc:
        raise IntegrityError(what="public_key") from exc
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise NotSupported(capability="key type")
    return key


def key_identifier(key: PublicKey) -> bytes:
    """Return the SHA-1 of the subjectPublicKey bits (RFC 5280 §4.2.1.2, method 1)."""
    from cryptography import x509

    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def kind_of(key: pkcs11.Object) -> str:
    """Return `rsa`, `ec` or, for what we do not use, CKA_KEY_TYPE in hex."""
    kind = key[Attribute.KEY_TYPE]
    return {KeyType.RSA: "rsa", KeyType.EC: "ec"}.get(kind, f"{int(kind):#x}")


def public_from(key: pkcs11.Object) -> PublicKey:
    """Read a public key from the attributes of a key object; RSA works from a private one too.

    :raises NotSupported: for other kinds and curves. :raises PKCS11Error: when the token does not
        keep what is needed on this object. :raises ValueError: for a point that is on no curve.
    """
    kind = kind_of(key)
    if kind == "rsa":
        return rsa.RSAPublicNumbers(
            int.from_bytes(key[Attribute.PUBLIC_EXPONENT], "big"),
            int.from_bytes(key[Attribute.MODULUS], "big"),
        ).public_key()
    curve = _curve(key[Attribute.EC_PARAMS]) if kind == "ec" else None
    if curve is None:
        raise NotSupported(capability=f"key type {kind}")
    return ec.EllipticCurvePublicKey.from_encoded_point(
        curve, _point(key[Attribute.EC_POINT], 1 + 2 * ((curve.key_size + 7) // 8))
    )


def by_id(session: pkcs11.Session) -> dict[bytes, list[pkcs11.Object]]:
    """Every public key that this session may see, by CKA_ID: one search for all of them."""
    found: dict[bytes, list[pkcs11.Object]] = {}
    for key in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
        found.setdefault(key[Attribute.ID], []).append(key)
    return found


def public_of(
    session: pkcs11.Session,
    private: pkcs11.Object,
    among: Mapping[bytes, Sequence[pkcs11.Object]] | None = None,
) -> PublicKey | None:
    """Find the public half of a private key: itself, a public key or a certificate beside it.

    `among`: what `by_id` found, for whoever goes through all keys.
    """
    key_id = private[Attribute.ID]
    beside = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: key_id}
    halves = session.get_objects(beside) if among is None else among.get(key_id, ())
    for key in (private, *list(halves)):
        try:
            return public_from(key)
        except (pkcs11.PKCS11Error, ValueError, NotSupported):
            continue  # an EC private key does not carry its point, and modules leave out others
    beside = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: key_id}
    for certificate in list(session.get_objects(beside)):
        found = public_of_certificate(certificate[Attribute.VALUE])
        if found is not None:
            return found
    return None


def public_of_certificate(der: bytes) -> PublicKey | None:
    """Return the key a certificate is for; None for what is no certificate of ours."""
    from cryptography import x509

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None


def _curve(parameters: bytes) -> ec.EllipticCurve | None:
    """Read CKA_EC_PARAMS: a curve's name, or all of its numbers (ykcs11, RFC 3279 §2.3.5)."""
    if parameters in _CURVES:
        return _CURVES[parameters]
    for name, numbers in _EXPLICIT.items():
        if all(number in parameters for number in numbers):
            return _CURVES[CURVE_PARAMETERS[name]]
    return None


def _point(value: bytes, length: int) -> bytes:
    """Unwrap CKA_EC_POINT, an OCTET STRING (PKCS #11 v3.1 §6.3.3); some modules leave it bare."""
    return value if len(value) == length else value[-length:]
