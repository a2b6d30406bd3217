"""A successor's key is of the same kind as its original's."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from custode_authority.escrow import successor_key

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def _key(kind: str) -> Private:
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa2048":
            return rsa.generate_private_key(65537, 2048)
        case "rsa1024":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505 - the weak one to refuse
        case "rsa2048e3":
            return rsa.generate_private_key(3, 2048)
        case _:
            return ed25519.Ed25519PrivateKey.generate()


@cache
def _csr(kind: str) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RSSMRA80A01H501U")])
    key = _key(kind)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)


ORIGINALS = ("p256", "p384", "rsa2048")
SUCCESSORS = (*ORIGINALS, "rsa1024", "rsa2048e3", "ed25519")


@pytest.mark.parametrize(("successor", "original"), list(itertools.product(SUCCESSORS, ORIGINALS)))
def test_same_kind(successor: str, original: str) -> None:
    ours = successor_key.public_key_of(_csr(successor))
    theirs = successor_key.public_key_of(_csr(original))
    assert theirs is not None
    assert successor_key.same_kind(ours, theirs) is (successor == original)


def test_an_original_of_another_kind_has_no_successor() -> None:
    assert successor_key.public_key_of(_csr("ed25519")) is None
    assert not successor_key.same_kind(successor_key.public_key_of(_csr("p256")), None)
