"""The recovery layer: opens with its content key, in its one form."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.container.conftest import Backup

from custode.container import outer
from custode.container.errors import ContainerInvalid, Undecryptable
from custode_authority.wire import enveloped, recovery

CONTENT = b"what is inside"
KEY = ec.generate_private_key(ec.SECP256R1())
OUTER = outer.seal(CONTENT, KEY.public_key())


def test_round_trip_through_the_authority() -> None:
    content_key = recovery.unwrap_content_key(outer.recipient_info(OUTER), KEY)
    assert len(content_key) == 32
    assert outer.open_with_content_key(OUTER, content_key) == CONTENT


@pytest.mark.parametrize("content_key", [b"", bytes(16), bytes(32), bytes(33)])
def test_another_content_key(content_key: bytes) -> None:
    with pytest.raises(Undecryptable) as error:
        outer.open_with_content_key(OUTER, content_key)
    assert str(error.value) == ""


def test_no_flipped_bit_passes() -> None:
    content_key = recovery.unwrap_content_key(outer.recipient_info(OUTER), KEY)
    refused = 0
    for at in range(len(OUTER)):
        flipped = bytearray(OUTER)
        flipped[at] ^= 0x01
        try:
            given = outer.recipient_info(bytes(flipped))
            outer.open_with_content_key(bytes(flipped), content_key)
        except (ContainerInvalid, Undecryptable):
            refused += 1
        else:
            # What the content key does not cover is the way to it: the authority finds out.
            with pytest.raises(recovery.RecoveryFailed):
                recovery.unwrap_content_key(given, KEY)
            refused += 1
    assert refused == len(OUTER)


def changed(change: Callable[[enveloped.AuthEnvelopedData], None]) -> bytes:
    info = asn1.decode_der(enveloped.EnvelopedContentInfo, OUTER)
    change(info.content)
    return asn1.encode_der(info)


def gcm(**values: Any) -> bytes:
    def change(data: enveloped.AuthEnvelopedData) -> None:
        algorithm = data.encrypted.algorithm
        algorithm.parameters = dataclasses.replace(algorithm.parameters, **values)

    return changed(change)


def set_mac(data: enveloped.AuthEnvelopedData) -> None:
    data.mac = data.mac[:12]


def set_version(data: enveloped.AuthEnvelopedData) -> None:
    data.version = 1


def no_recipient(data: enveloped.AuthEnvelopedData) -> None:
    data.recipient_infos = asn1.SetOf([])


def two_recipients(data: enveloped.AuthEnvelopedData) -> None:
    data.recipient_infos = asn1.SetOf(data.recipient_infos.as_list() * 2)


def other_recipient(data: enveloped.AuthEnvelopedData) -> None:
    data.recipient_infos = asn1.SetOf([asn1.decode_der(asn1.TLV, b"\x05\0")])


def other_algorithm(data: enveloped.AuthEnvelopedData) -> None:
    data.encrypted.algorithm.algorithm = x509.ObjectIdentifier("2.16.840.1.101.3.4.1.6")


def large(data: enveloped.AuthEnvelopedData) -> None:
    data.encrypted.encrypted_content = bytes(9000)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(OUTER[:-1], id="truncated"),
        pytest.param(OUTER + b"\0", id="trailing"),
        pytest.param(bytes(20_000), id="too large"),
        pytest.param(gcm(nonce=bytes(16)), id="nonce"),
        pytest.param(gcm(tag_length=12), id="short tag"),
        pytest.param(changed(set_mac), id="short mac"),
        pytest.param(changed(set_version), id="version"),
        pytest.param(changed(no_recipient), id="no recipient"),
        pytest.param(changed(two_recipients), id="two recipients"),
        pytest.param(changed(other_recipient), id="other recipient"),
        pytest.param(changed(other_algorithm), id="AES-128"),
        pytest.param(changed(large), id="large content"),
    ],
)
def test_other_forms(data: bytes) -> None:
    for read in (outer.recipient_info, lambda one: outer.open_with_content_key(one, bytes(32))):
        with pytest.raises(ContainerInvalid):
            read(data)


def test_the_fixture_is_one_too(backup: Backup) -> None:
    assert outer.recipient_info(backup.container.outer)[:1] == b"\xa1"
