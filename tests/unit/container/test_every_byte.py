"""A container that was cut or changed anywhere: each length, each byte, each layer by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.container.conftest import Backup

from custode.container import inner, iwk, outer
from custode.container.errors import ContainerInvalid, Undecryptable
from custode_authority.wire import cms, manifest, oids, scrypt_key


def verified(data: bytes, backup: Backup) -> None:
    iwk.verify(iwk.parse(data), backup.certificate)


def refused(data: bytes, backup: Backup) -> bool:
    try:
        verified(data, backup)
    except ContainerInvalid:
        return True
    return False


def test_cut_at_every_length(backup: Backup) -> None:
    verified(backup.data, backup)
    assert [n for n in range(len(backup.data)) if not refused(backup.data[:n], backup)] == []


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_another_value_in_every_byte(backup: Backup, mask: int) -> None:
    passed = []
    for at in range(len(backup.data)):
        changed = bytearray(backup.data)
        changed[at] ^= mask
        if not refused(bytes(changed), backup):
            passed.append(at)
    assert passed == []


@pytest.mark.parametrize("more", [b"\0", b"\x30\x00", b"x" * 100])
def test_longer_than_it_is(backup: Backup, more: bytes) -> None:
    assert refused(backup.data + more, backup)
    assert refused(more + backup.data, backup)


def test_every_byte_of_the_pin_layer(backup: Backup, pin: bytes) -> None:
    """Parameters are refused before a round of scrypt; what they leave open does not decrypt."""
    for at in range(len(backup.inner)):
        changed = bytearray(backup.inner)
        changed[at] ^= 0x01
        try:
            inner._check_parameters(bytes(changed))
        except Undecryptable:
            continue
        # Salt, IV or ciphertext: one of each is enough, for each costs half a second.
        if at % 97 == 0:
            with pytest.raises(Undecryptable):
                inner.open_sealed(bytes(changed), pin, backup.manifest.successor_sha256)


def test_every_byte_of_the_recovery_layer(backup: Backup) -> None:
    whole = backup.container.outer
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x01
        with pytest.raises((ContainerInvalid, Undecryptable)):
            outer.open_with_content_key(bytes(changed), bytes(32))


PARAMETERS: list[tuple[str, dict[str, int]]] = [
    ("less work", {"cost": 2**16}),
    ("no work", {"cost": 2}),
    ("a bomb", {"cost": 2**30}),
    ("wide blocks", {"block_size": 2**20}),
    ("many lanes", {"parallelization": 2**20}),
    ("another key length", {"key_length": 16}),
    ("a negative cost", {"cost": -1}),
    ("a cost of many bytes", {"cost": 2**4000}),
]


@pytest.mark.parametrize(("name", "change"), PARAMETERS)
def test_parameters_out_of_range(
    backup: Backup, name: str, change: dict[str, int], pin: bytes
) -> None:
    info = asn1.decode_der(inner.EncryptedPrivateKeyInfo, backup.inner)
    was = info.algorithm.parameters.key_derivation.parameters
    told: dict[str, Any] = {
        field: getattr(was, field)
        for field in ("salt", "cost", "block_size", "parallelization", "key_length")
    }
    pbes2 = info.algorithm.parameters
    scrypt = scrypt_key.ScryptAlgorithm(
        algorithm=pbes2.key_derivation.algorithm,
        parameters=scrypt_key.ScryptParameters(**{**told, **change}),
    )
    forged = inner.EncryptedPrivateKeyInfo(
        algorithm=inner.Pbes2Algorithm(
            algorithm=info.algorithm.algorithm,
            parameters=inner.Pbes2Parameters(key_derivation=scrypt, encryption=pbes2.encryption),
        ),
        encrypted_data=info.encrypted_data,
    )
    with pytest.raises(Undecryptable):
        inner.open_sealed(asn1.encode_der(forged), pin, backup.manifest.successor_sha256)


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("another version", {"format_version": 2}),
    ("no version", {"format_version": None}),
    ("a version as text", {"format_version": "1"}),
    ("a code that is a path", {"identity_code": "../../etc"}),
    ("a code with a line end", {"identity_code": "PROVA01\n"}),
    ("an id that is a path", {"backup_id": "../" * 10 + "ab"}),
    ("a name that turns the line round", {"authority_name": "Custode \u202etset"}),
    ("a name with a control character", {"authority_name": "Custode\x1b[2J"}),
    ("a name without an end", {"authority_name": "x" * 5000}),
    ("an address that is a program", {"authority_address": "file:///etc/passwd"}),
    ("an address with a password", {"authority_address": "https://a:b@c"}),
    ("an address with a query", {"authority_address": "https://a/?x=1"}),
    ("a short salt", {"salt": "AAAA"}),
    ("a kind nobody knows", {"kind": "everything"}),
    ("a time without a zone", {"created": "2026-05-04T12:30:15"}),
    ("a year that is none", {"created": "99999-05-04T12:30:15Z"}),
    ("one field more", {"pin": "12345678"}),
]


@pytest.mark.parametrize(("name", "change"), HOSTILE)
def test_a_hostile_manifest_though_the_original_signed_it(
    backup: Backup, name: str, change: dict[str, Any]
) -> None:
    told = {**msgspec.json.decode(manifest.encode(backup.manifest)), **change}
    text = msgspec.json.encode(told, order="sorted").decode()
    signed = cms.sign(
        backup.container.outer,
        backup.sign,
        backup.certificate,
        detached=False,
        extra_attributes=[(oids.MANIFEST, asn1.encode_der(text))],
        content_type=oids.CONTENT_INFO,
    )
    with pytest.raises(ContainerInvalid) as caught:
        verified(signed, backup)
    assert not str(caught.value)  # nothing of it reaches a log


def test_sealed_to_another_recovery_key(backup: Backup) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    other = outer.seal(backup.inner, stranger.public_key())
    with pytest.raises(Undecryptable):
        outer.open_with_content_key(other, bytes(32))
