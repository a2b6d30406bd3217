"""The manifest has one form, and hostile values none."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from custode_authority.wire import manifest, oids
from custode_authority.wire.manifest import Manifest, ManifestInvalid
from custode_authority.wire.parameters import MAX_MANIFEST_SIZE
from custode_authority.wire.states import BackupKind

GOOD = Manifest(
    backup_id="0123456789abcdef" * 2,
    kind=BackupKind.SUCCESSOR,
    identity_code="PROVA01",
    original_sha256="a" * 64,
    successor_sha256="b" * 64,
    created=datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC),
    authority_name="Autorità di prova",
    authority_address="https://127.0.0.1:8443",
    salt=b"0123456789abcdef",
)
FORM = (
    '{"authority_address":"https://127.0.0.1:8443","authority_name":"Autorità di prova",'
    '"backup_id":"0123456789abcdef0123456789abcdef","created":"2026-05-04T12:30:15Z",'
    '"format_version":1,"identity_code":"PROVA01","kind":"successor",'
    f'"original_sha256":"{"a" * 64}","salt":"MDEyMzQ1Njc4OWFiY2RlZg==",'
    f'"successor_sha256":"{"b" * 64}"}}'
).encode()


def test_its_one_form() -> None:
    assert manifest.encode(GOOD) == FORM
    assert manifest.decode(FORM) == GOOD


def test_times_are_brought_into_form() -> None:
    rome = timezone(timedelta(hours=2))
    local = datetime(2026, 5, 4, 14, 30, 15, 999_999, tzinfo=rome)
    assert manifest.encode(msgspec.structs.replace(GOOD, created=local)) == FORM


def test_its_identifier_is_the_uuid() -> None:
    arc = 0x75088D55FEA743EB8FB6CB16932EFAF1
    assert oids.MANIFEST.dotted_string == f"2.25.{arc}.1"
    assert oids.STATEMENT_SIGNING.dotted_string == f"2.25.{arc}.2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format_version", 2),
        ("format_version", 0),
        ("format_version", "1"),
        ("format_version", None),
        ("backup_id", "0123456789ABCDEF" * 2),
        ("backup_id", "0" * 31),
        ("backup_id", "0" * 32 + "\n"),
        ("backup_id", "../" * 10 + "00"),
        ("kind", "master"),
        ("identity_code", "AB"),
        ("identity_code", "A" * 17),
        ("identity_code", "PROVA01\n"),
        ("identity_code", "../PROVA"),
        ("identity_code", "prova01"),
        ("original_sha256", "a" * 63),
        ("original_sha256", "A" * 64),
        ("successor_sha256", "g" * 64),
        ("created", "2026-05-04T12:30:15"),
        ("created", "2026-05-04T14:30:15+02:00"),
        ("created", "2026-05-04T12:30:15.5Z"),
        ("created", "2026-05-04T12:30:15.500000Z"),
        ("created", "2026-05-04"),
        ("created", 1_777_897_815),
        ("authority_name", ""),
        ("authority_name", "A" * 101),
        ("authority_name", "A\nB"),
        ("authority_name", "A\x1b[31mB"),
        ("authority_name", "A\u202eB"),
        ("authority_address", "http://127.0.0.1:8443"),
        ("authority_address", "https://user:secret@example.invalid"),
        ("authority_address", "https://example.invalid/?q"),
        ("authority_address", "https://example.invalid\n"),
        ("authority_address", "https://"),
        ("authority_address", "file:///etc/passwd"),
        ("authority_address", "https://" + "a" * 200),
        ("salt", "MDEyMzQ1Njc4OWFiY2Rl"),
        ("salt", "MDEyMzQ1Njc4OWFiY2RlZjA="),
        ("salt", "*"),
    ],
)
def test_hostile_values(field: str, value: object) -> None:
    fields = json.loads(FORM)
    assert field in fields
    fields[field] = value
    data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(ManifestInvalid):
        manifest.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        FORM + b" ",
        FORM + b"\n",
        b" " + FORM,
        FORM.replace(b'":', b'": ', 1),
        FORM[:-1] + b',"unknown":1}',
        FORM.replace(b"{", b'{"kind":"copy",'),  # twice the same key
        FORM.replace("à".encode(), b"\\u00e0"),  # the same text in another form
        FORM.replace("à".encode(), b"\xe0"),  # no UTF-8
        FORM.replace(b'"format_version":1,', b""),
        FORM.replace(b'"salt":"MDEyMzQ1Njc4OWFiY2RlZg==",', b""),
        b"[" * MAX_MANIFEST_SIZE,
        b" " * (MAX_MANIFEST_SIZE + 1),
    ],
)
def test_other_forms(data: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        manifest.decode(data)


def test_nothing_is_written_that_cannot_be_read() -> None:
    with pytest.raises(ManifestInvalid):
        manifest.encode(msgspec.structs.replace(GOOD, identity_code="../x"))


def test_keys_are_sorted_by_us_and_not_by_chance() -> None:
    assert list(json.loads(FORM)) == sorted(GOOD.__struct_fields__)
