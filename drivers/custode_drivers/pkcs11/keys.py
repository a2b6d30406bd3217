"""Private keys that stay on their token, as private keys of `cryptography`.

They are subclasses of its abstract keys, so that its CSR, certificate, CRL and OCSP builders sign
on the token. What would need the secret itself raises NotSupported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Any, Final, NoReturn, Self

import pkcs11
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import Mechanism

from custode_drivers.api.errors import NotSupported

Sign = Callable[[bytes, Mechanism], bytes]
"""One signature on the token: data and mechanism in, the token's raw signature out."""

_HASHED_RSA: Final[dict[str, Mechanism]] = {
    "sha256": Mechanism.SHA256_RSA_PKCS,
    "sha384": Mechanism.SHA384_RSA_PKCS,
    "sha512": Mechanism.SHA512_RSA_PKCS,
}
# DER of DigestInfo up to the hash value itself: RFC 8017 §9.2, note 1.
_DIGEST_INFO: Final[dict[str, bytes]] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class _OnToken:
    """What both kinds of key refuse."""

    def private_numbers(self) -> NoReturn:
        _refuse("private_numbers")

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,  # noqa: A002 - the name cryptography gave it
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        _refuse("private_bytes")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class TokenRsaKey(_OnToken, rsa.RSAPrivateKey):
    """An RSA key on a token; signs PKCS #1 v1.5 (RFC 8017 §8.2)."""

    def __init__(
        self, sign: Sign, public_key: rsa.RSAPublicKey, mechanisms: Collection[Mechanism | int]
    ) -> None:
        self._sign = sign
        self._public_key = public_key
        self._mechanisms = mechanisms

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public_key

    def sign(
        self,
        data: Any,
        padding: padding.AsymmetricPadding,
        algorithm: Any,
    ) -> bytes:
        """Sign; data is hashed on the token where it offers that, else here.

        :raises NotSupported: for another padding or hash than PKCS #1 v1.5 with SHA-2.
        """
        if padding.name != "EMSA-PKCS1-v1_5":
            _refuse(f"padding {padding.name}")
        name, hashed = _algorithm(algorithm)
        if name not in _HASHED_RSA:
            _refuse(f"hash {name}")
        if not hashed and _HASHED_RSA[name] in self._mechanisms:
            return self._sign(bytes(data), _HASHED_RSA[name])
        digest = bytes(data) if hashed else hashlib.new(name, data).digest()
        return self._sign(_DIGEST_INFO[name] + digest, Mechanism.RSA_PKCS)

    def decrypt(self, ciphertext: bytes, padding: padding.AsymmetricPadding) -> NoReturn:
        _refuse("decrypt")


class TokenEcKey(_OnToken, ec.EllipticCurvePrivateKey):
    """An EC key on a token; signs ECDSA, DER as in RFC 3279 §2.2.3."""

    def __init__(self, sign: Sign, public_key: ec.EllipticCurvePublicKey) -> None:
        self._sign = sign
        self._public_key = public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign; data is hashed here, because few tokens offer hashing ECDSA mechanisms.

        :raises NotSupported: for anything but ECDSA.
        """
        if not isinstance(signature_algorithm, ec.ECDSA):
            _refuse("signature algorithm")
        name, hashed = _algorithm(signature_algorithm.algorithm)
        digest = bytes(data) if hashed else hashlib.new(name, data).digest()
        length = (self.key_size + 7) // 8
        # A hash longer than the curve's order is cut to its leftmost bits (FIPS 186-5 §6.4.1).
        raw = self._sign(digest[:length], Mechanism.ECDSA)
        half = len(raw) // 2
        return utils.encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        _refuse("exchange")


TokenKey = TokenRsaKey | TokenEcKey


def token_key(
    private: pkcs11.PrivateKey,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    mechanisms: Collection[Mechanism | int],
) -> TokenKey:
    """Return the key that signs with `private`, whose public half is `public_key`."""

    def sign(data: bytes, mechanism: Mechanism) -> bytes:
        if not isinstance(private, pkcs11.SignMixin):
            _refuse("sign")
        return private.sign(data, mechanism=mechanism)

    if isinstance(public_key, rsa.RSAPublicKey):
        return TokenRsaKey(sign, public_key, mechanisms)
    return TokenEcKey(sign, public_key)


def sign(key: TokenKey, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """Sign with the scheme of the key's kind: PKCS #1 v1.5 or ECDSA."""
    if isinstance(key, TokenRsaKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm))


def verify(
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    signature: bytes,
    data: bytes,
    algorithm: hashes.HashAlgorithm,
) -> None:
    """Check a signature made by `sign`. :raises InvalidSignature: when it does not verify."""
    if isinstance(public_key, rsa.RSAPublicKey):
        public_key.verify(signature, data, padding.PKCS1v15(), algorithm)
    else:
        public_key.verify(signature, data, ec.ECDSA(algorithm))


def _algorithm(algorithm: Any) -> tuple[str, bool]:
    """Return the hash's name, and whether the data is its value already."""
    if isinstance(algorithm, utils.Prehashed):
        return algorithm._algorithm.name, True  # noqa: SLF001 - cryptography offers no other way
    name: str = algorithm.name
    return name, False


def _refuse(capability: str) -> NoReturn:
    raise NotSupported(capability=capability)
