"""Token keys over a fake token: it signs raw, as PKCS#11 does, with a key in memory."""

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import MGF, Mechanism

from custode_drivers.api.errors import NotSupported
from custode_drivers.pkcs11 import keys
from custode_drivers.pkcs11.keys import TokenEcKey, TokenRsaKey
from custode_drivers.pkcs11.layout import PssParams

RSA = rsa.generate_private_key(65537, 2048)
HASHED = {
    Mechanism.SHA256_RSA_PKCS: hashes.SHA256(),
    Mechanism.SHA384_RSA_PKCS: hashes.SHA384(),
    Mechanism.SHA512_RSA_PKCS: hashes.SHA512(),
}


def rsa_key(mechanisms: set[Mechanism | int]) -> tuple[TokenRsaKey, list[Mechanism]]:
    used: list[Mechanism] = []

    def sign(data: bytes, mechanism: Mechanism, parameter: PssParams | None = None) -> bytes:
        used.append(mechanism)
        if mechanism in HASHED:
            return RSA.sign(data, padding.PKCS1v15(), HASHED[mechanism])
        # CKM_RSA_PKCS pads what it gets and signs (RFC 8017 §8.2.1 without the DigestInfo)
        numbers = RSA.private_numbers()
        padded = b"\0\1" + b"\xff" * (256 - 3 - len(data)) + b"\0" + data
        return pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(256)

    return TokenRsaKey(sign, RSA.public_key(), mechanisms), used


def ec_key(curve: ec.EllipticCurve) -> TokenEcKey:
    private = ec.generate_private_key(curve)
    half = (curve.key_size + 7) // 8

    def sign(data: bytes, mechanism: Mechanism, parameter: PssParams | None = None) -> bytes:
        assert mechanism is Mechanism.ECDSA
        digest = data
        assert len(digest) <= half
        # a hash as long as the curve, so that nothing is cut a second time
        algorithm: hashes.HashAlgorithm = hashes.SHA256() if half == 32 else hashes.SHA384()
        der = private.sign(
            digest.rjust(algorithm.digest_size, b"\0"), ec.ECDSA(utils.Prehashed(algorithm))
        )
        return b"".join(n.to_bytes(half) for n in utils.decode_dss_signature(der))

    return TokenEcKey(sign, private.public_key(), {Mechanism.ECDSA})


@pytest.mark.parametrize("name", sorted(keys.HASHES))
@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("prehashed", [True, False])
def test_rsa_signs_with_what_the_token_offers(name: str, *, offered: bool, prehashed: bool) -> None:
    algorithm = keys.HASHES[name]
    key, used = rsa_key({Mechanism.RSA_PKCS, *(HASHED if offered else ())})
    data, told = b"words", algorithm
    if prehashed:
        digest = hashes.Hash(algorithm)
        digest.update(b"words")
        data, told = digest.finalize(), utils.Prehashed(algorithm)  # type: ignore[assignment]  # either will do
    signature = key.sign(data, padding.PKCS1v15(), told)
    RSA.public_key().verify(signature, b"words", padding.PKCS1v15(), algorithm)
    assert (used == [Mechanism.RSA_PKCS]) is (prehashed or not offered)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384()])
def test_ecdsa_signatures_come_as_der(
    curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm
) -> None:
    key = ec_key(curve)
    keys.verify(key.public_key(), keys.sign(key, b"words", algorithm), b"words", algorithm)


PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@pytest.mark.parametrize("offered", [Mechanism.SHA256_RSA_PKCS_PSS, Mechanism.RSA_PKCS_PSS])
def test_a_token_that_offers_only_pss_proves_itself_so(offered: Mechanism) -> None:
    def sign(data: bytes, mechanism: Mechanism, parameter: PssParams | None = None) -> bytes:
        assert mechanism is offered
        assert parameter is not None
        told = (parameter.hash, parameter.mgf, parameter.salt_length)
        assert told == (Mechanism.SHA256, MGF.SHA256, 32)
        if mechanism is Mechanism.SHA256_RSA_PKCS_PSS:
            return RSA.sign(data, PSS, hashes.SHA256())
        return RSA.sign(data, PSS, utils.Prehashed(hashes.SHA256()))

    key = TokenRsaKey(sign, RSA.public_key(), {Mechanism.RSA_PKCS_PSS, offered})
    signature = keys.prove(key, b"words")
    RSA.public_key().verify(signature, b"words", PSS, hashes.SHA256())
    keys.check_proof(key, RSA.public_key(), signature, b"words")
    with pytest.raises(InvalidSignature):
        keys.check_proof(key, RSA.public_key(), signature, b"other")
    with pytest.raises(NotSupported):  # others expect PKCS #1 v1.5 of `sign`
        keys.sign(key, b"words", hashes.SHA256())


def test_ecdsa_that_hashes_is_used_where_there_is_no_other() -> None:
    private = ec.generate_private_key(ec.SECP256R1())

    def sign(data: bytes, mechanism: Mechanism, parameter: PssParams | None = None) -> bytes:
        assert mechanism is Mechanism.ECDSA_SHA256
        der = private.sign(data, ec.ECDSA(hashes.SHA256()))
        return b"".join(n.to_bytes(32) for n in utils.decode_dss_signature(der))

    key = TokenEcKey(sign, private.public_key(), {Mechanism.ECDSA_SHA256})
    signature = keys.sign(key, b"words", hashes.SHA256())
    keys.verify(private.public_key(), signature, b"words", hashes.SHA256())
    with pytest.raises(NotSupported):
        keys.sign(key, b"words", hashes.SHA384())


@pytest.mark.parametrize(
    "make", [lambda: rsa_key(set(HASHED))[0], lambda: ec_key(ec.SECP256R1())], ids=["rsa", "ec"]
)
def test_cryptography_builds_with_a_token_key(make: Callable[[], Any]) -> None:
    key = make()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "X")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    assert csr.is_signature_valid
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    issued = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start.replace(year=2027))
    ).sign(key, hashes.SHA256())
    issued.verify_directly_issued_by(issued)
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(start)
        .next_update(start.replace(year=2027))
        .sign(key, hashes.SHA256())
    )
    assert crl.is_signature_valid(key.public_key())


@pytest.mark.parametrize(
    "ask",
    [
        lambda rsa_, _: rsa_.private_numbers(),
        lambda _, ec_: ec_.private_numbers(),
        lambda rsa_, _: rsa_.decrypt(b"", padding.PKCS1v15()),
        lambda _, ec_: ec_.exchange(ec.ECDH(), ec_.public_key()),
        lambda rsa_, _: rsa_.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        lambda rsa_, _: rsa_.sign(b"", PSS, hashes.SHA256()),
        lambda rsa_, _: rsa_.sign(
            b"", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256()
        ),
        lambda rsa_, _: rsa_.sign(b"", padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 - refused
    ],
)
def test_what_needs_the_secret_is_refused(ask: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(NotSupported):
        ask(rsa_key(set(HASHED))[0], ec_key(ec.SECP256R1()))


def test_a_copy_is_the_same_key_on_the_same_token() -> None:
    key = ec_key(ec.SECP256R1())
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key
    assert key.key_size == 256
    assert key.curve.name == "secp256r1"
    assert rsa_key(set())[0].key_size == 2048
