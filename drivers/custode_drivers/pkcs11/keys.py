"""Private keys that stay on their token, as private keys of `cryptography`.

They are subclasses of its abstract keys, so that its CSR, certificate, CRL and OCSP builders sign
on the token. What would need the secret itself raises NotSupported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final, NoReturn, Protocol, Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import MGF, Mechanism

from custode_drivers.api.errors import NotSupported
from custode_drivers.pkcs11.layout import PssParams


class Sign(Protocol):
    """One signature on the token: data and mechanism in, the token's raw signature out."""

    def __call__(
        self, data: bytes, mechanism: Mechanism, parameter: PssParams | None = None
    ) -> bytes: ...


_HASHED_RSA: Final[dict[str, Mechanism]] = {
    "sha256": Mechanism.SHA256_RSA_PKCS,
    "sha384": Mechanism.SHA384_RSA_PKCS,
    "sha512": Mechanism.SHA512_RSA_PKCS,
}
_PSS_RSA: Final[dict[str, Mechanism]] = {
    "sha256": Mechanism.SHA256_RSA_PKCS_PSS,
    "sha384": Mechanism.SHA384_RSA_PKCS_PSS,
    "sha512": Mechanism.SHA512_RSA_PKCS_PSS,
}
_PSS_PARAMETERS: Final[dict[str, tuple[Mechanism, MGF]]] = {
    "sha256": (Mechanism.SHA256, MGF.SHA256),
    "sha384": (Mechanism.SHA384, MGF.SHA384),
    "sha512": (Mechanism.SHA512, MGF.SHA512),
}
_HASHED_EC: Final[dict[str, Mechanism]] = {
    "sha256": Mechanism.ECDSA_SHA256,
    "sha384": Mechanism.ECDSA_SHA384,
    "sha512": Mechanism.ECDSA_SHA512,
}
# DER of DigestInfo up to the hash value itself: RFC 8017 §9.2, note 1.
_DIGEST_INFO: Final[dict[str, bytes]] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
_PSS_WITH_SHA256: Final = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
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
    """An RSA key on a token; signs PKCS #1 v1.5 (RFC 8017 §8.2), or PSS (§8.1)."""

    def __init__(
        self, sign: Sign, public_key: rsa.RSAPublicKey, mechanisms: Collection[int]
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

        :raises NotSupported: for another padding than PKCS #1 v1.5 and PSS whose salt is as long as
            the hash, for another hash than SHA-2, and for what the token does not offer
        """
        name, hashed = _algorithm(algorithm)
        if name not in _HASHED_RSA:
            _refuse(f"hash {name}")
        if padding.name == "EMSA-PSS":
            return self._sign_pss(bytes(data), padding, name, hashed=hashed)
        if padding.name != "EMSA-PKCS1-v1_5":
            _refuse(f"padding {padding.name}")
        if not hashed and _HASHED_RSA[name] in self._mechanisms:
            return self._sign(bytes(data), _HASHED_RSA[name])
        if Mechanism.RSA_PKCS not in self._mechanisms:
            _refuse("RSA_PKCS")
        digest = _digest(name, data, hashed=hashed)
        return self._sign(_DIGEST_INFO[name] + digest, Mechanism.RSA_PKCS)

    @property
    def scheme(self) -> padding.AsymmetricPadding:
        """The padding to sign with: PKCS #1 v1.5, unless the token offers only PSS."""
        plain = {Mechanism.RSA_PKCS, *_HASHED_RSA.values()}
        if plain & set(self._mechanisms) or Mechanism.RSA_PKCS_PSS not in self._mechanisms:
            return padding.PKCS1v15()
        return _PSS_WITH_SHA256

    def _sign_pss(self, data: bytes, pss: Any, name: str, *, hashed: bool) -> bytes:
        length = hashlib.new(name).digest_size
        salt, mask = pss._salt_length, pss.mgf._algorithm.name  # noqa: SLF001 - told nowhere else
        if mask != name or salt not in {length, padding.PSS.DIGEST_LENGTH}:
            _refuse("padding EMSA-PSS with another salt or hash")
        algorithm, mgf = _PSS_PARAMETERS[name]
        parameter = PssParams(algorithm, mgf, length)
        if not hashed and _PSS_RSA[name] in self._mechanisms:
            return self._sign(data, _PSS_RSA[name], parameter)
        if Mechanism.RSA_PKCS_PSS not in self._mechanisms:
            _refuse("RSA_PKCS_PSS")
        return self._sign(_digest(name, data, hashed=hashed), Mechanism.RSA_PKCS_PSS, parameter)

    def decrypt(self, ciphertext: bytes, padding: padding.AsymmetricPadding) -> NoReturn:
        _refuse("decrypt")


class TokenEcKey(_OnToken, ec.EllipticCurvePrivateKey):
    """An EC key on a token; signs ECDSA, DER as in RFC 3279 §2.2.3."""

    def __init__(
        self, sign: Sign, public_key: ec.EllipticCurvePublicKey, mechanisms: Collection[int]
    ) -> None:
        self._sign = sign
        self._public_key = public_key
        self._mechanisms = mechanisms

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign; data is hashed here, unless the token offers only ECDSA that hashes.

        :raises NotSupported: for anything but ECDSA, and for what the token does not offer
        """
        if not isinstance(signature_algorithm, ec.ECDSA):
            _refuse("signature algorithm")
        name, hashed = _algorithm(signature_algorithm.algorithm)
        if Mechanism.ECDSA in self._mechanisms:
            length = (self.key_size + 7) // 8
            # A hash longer than the curve's order is cut to its leftmost bits (FIPS 186-5 §6.4.1).
            raw = self._sign(_digest(name, data, hashed=hashed)[:length], Mechanism.ECDSA)
        elif not hashed and _HASHED_EC.get(name) in self._mechanisms:
            raw = self._sign(bytes(data), _HASHED_EC[name])
        else:
            _refuse("ECDSA")
        half = len(raw) // 2
        return utils.encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        _refuse("exchange")


TokenKey = TokenRsaKey | TokenEcKey


def token_key(
    sign: Sign,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    mechanisms: Collection[int],
) -> TokenKey:
    """Return the key that `sign` signs with on its token, whose public half is `public_key`."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return TokenRsaKey(sign, public_key, mechanisms)
    return TokenEcKey(sign, public_key, mechanisms)


def sign(key: TokenKey, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """Sign with the scheme of the key's kind: PKCS #1 v1.5 or ECDSA."""
    if isinstance(key, TokenRsaKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm))


def prove(key: TokenKey, data: bytes) -> bytes:
    """Sign for our own eyes, with SHA-256 and whatever padding the token offers."""
    if isinstance(key, TokenRsaKey):
        return key.sign(data, key.scheme, hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def check_proof(
    key: TokenKey,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    signature: bytes,
    data: bytes,
) -> None:
    """Check what `prove` made. :raises InvalidSignature: when it does not verify."""
    if isinstance(public_key, rsa.RSAPublicKey) and isinstance(key, TokenRsaKey):
        public_key.verify(signature, data, key.scheme, hashes.SHA256())
    else:
        verify(public_key, signature, data, hashes.SHA256())


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


def _digest(name: str, data: Any, *, hashed: bool) -> bytes:
    return bytes(data) if hashed else hashlib.new(name, data).digest()


def _algorithm(algorithm: Any) -> tuple[str, bool]:
    """Return the hash's name, and whether the data is its value already."""
    if isinstance(algorithm, utils.Prehashed):
        return algorithm._algorithm.name, True  # noqa: SLF001 - cryptography offers no other way
    name: str = algorithm.name
    return name, False


def _refuse(capability: str) -> NoReturn:
    raise NotSupported(capability=capability)
