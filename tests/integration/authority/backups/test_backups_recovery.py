"""A recovery export brought back: closed whatever happened after it, and a counter that works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.hashes import SHA256
from litestar.testing import TestClient
from sqlalchemy import func, select

from custode_authority.ca import crl
from custode_authority.ca.authority import open_authority
from custode_authority.ca.home import Home
from custode_authority.recovery import export_file, exporting, payload, restoring
from custode_authority.recovery.closing import Ended
from custode_authority.recovery.errors import RecoveryCode, RecoveryFailed
from custode_authority.recovery.export_file import ExportClosed, ExportInvalid
from custode_authority.storage.tables import AuditEntry, Backup, NonceRow
from custode_authority.web.app import counter_app
from custode_authority.wire import parameters
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupState
from custode_authority.wire.states import CertificateState as State

from .conftest import Counter, Person

_R = CrlReason
PIN = bytearray(b"a long enough PIN")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "SCRYPT_N", 2**10)


@pytest.fixture
def export(counter: Counter, tmp_path: Path) -> Callable[[], Path]:
    """Exports the authority that is open, as it is now."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def make() -> Path:
        made = exporting.export(counter.authority.home, folder, PIN, now=counter.clock.now())
        return Path(made.path)

    return make


@contextmanager
def brought_back(
    counter: Counter, source: Path, ended: tuple[Ended, ...] = ()
) -> Iterator[tuple[Counter, restoring.Restored]]:
    """The authority out of an export, beside the one that goes on here, open and served."""
    home = Home(counter.authority.home.folder.with_name("restored"))
    done = restoring.restore(home, source, PIN, ended, now=counter.clock.now())
    authority = open_authority(home, counter.clock)
    with TestClient(counter_app(authority)) as client:
        yield Counter(authority, counter.clock, client, counter.api_keys), done
    authority.db.close()


def number(der: bytes) -> int:
    found = x509.load_der_x509_crl(der).extensions.get_extension_for_class(x509.CRLNumber)
    return found.value.crl_number


def test_restored_dump_after_a_grant(
    counter: Counter, person: Person, export: Callable[[], Path]
) -> None:
    """Every state there is at the dump; then the grants are used up; then the dump comes back."""
    original = person.original()
    registered, reserved = person.backup(original), person.folder(original)
    other = counter.person("XYZ789")
    lost = other.original()
    approved, second = other.backup(lost), other.backup(lost)
    other.report(lost)
    assert other.activate(approved).status_code == 200
    first_crl = crl.current(counter.authority)
    stolen_nonce = other.activation(second)
    source = export()
    successor = other.successor(approved, other.collected(approved))
    assert other.restore(approved, successor).status_code == 200

    with brought_back(counter, source) as (back, done):
        assert set(done.locked_backups) == {
            folder.backup_id for folder in (registered, reserved, approved, second)
        }
        for folder in (registered, approved, second):
            row = back.row(folder)
            assert row.state is BackupState.LOCKED
            assert (row.recovery_key_sealed, row.pin_public_key) == (None, None)
        assert back.row(reserved).state is BackupState.RETIRED
        with back.authority.db.transaction() as tx:
            assert tx.scalar(select(func.count()).select_from(NonceRow)) == 0
        names = [name for name, _ in back.log()]
        assert names.count("authority.restored") == 1
        assert names.count("backup.locked") == 3

        again = back.person("XYZ789")
        assert again.outcome(again.collect(approved)) == "backup_locked"
        assert again.outcome(again.activate(second)) == "backup_locked"
        path = f"/v1/backups/{second.backup_id}/activation"
        assert again.outcome(again.with_pin(path, stolen_nonce, second.pin)) == "backup_locked"
        owner = back.person()
        assert owner.outcome(owner.confirm(reserved, original)) == "backup_retired"

        # What is not a backup goes on: the certificate, its status, the CRL, a new backup.
        assert owner.operation(original.fingerprint).state is State.ACTIVE
        assert number(crl.current(back.authority)) > number(first_crl)
        fresh = owner.backup(original)
        owner.report(original)
        assert owner.outcome(owner.activate(fresh)) == "ok"


@pytest.mark.parametrize(
    ("now", "told", "expected"),
    [
        (
            "active",
            CrlReason.KEY_COMPROMISE,
            (State.CANCELLED, _R.KEY_COMPROMISE),
        ),
        ("active", None, (State.CANCELLED, _R.UNSPECIFIED)),
        (
            "active",
            CrlReason.CERTIFICATE_HOLD,
            (State.SUSPENDED, _R.CERTIFICATE_HOLD),
        ),
        ("suspended", _R.SUPERSEDED, (State.CANCELLED, _R.SUPERSEDED)),
        ("suspended", _R.CERTIFICATE_HOLD, None),
        (
            "cancelled",
            CrlReason.KEY_COMPROMISE,
            (State.CANCELLED, _R.KEY_COMPROMISE),
        ),
        ("cancelled", _R.CERTIFICATE_HOLD, None),
        ("cancelled", _R.SUPERSEDED, None),
    ],
)
def test_what_is_remembered_only_closes(
    counter: Counter,
    person: Person,
    export: Callable[[], Path],
    now: str,
    told: CrlReason | None,
    expected: tuple[State, CrlReason] | None,
) -> None:
    original = person.original()
    if now == "suspended":
        person.report(original)
    if now == "cancelled":
        counter.cancel(original, CrlReason.SUPERSEDED)
    before = person.operation(original.fingerprint)
    ended = Ended(fingerprint_sha256=original.fingerprint, crl_reason=told)
    stranger = Ended(fingerprint_sha256="0" * 64, crl_reason=CrlReason.SUPERSEDED)
    with brought_back(counter, export(), (ended, stranger)) as (back, done):
        row = back.person().operation(original.fingerprint)
        if expected is None:
            assert done.ended_certificates == []
            assert (row.state, row.crl_reason) == (before.state, before.crl_reason)
        else:
            assert done.ended_certificates == [original.fingerprint]
            assert (row.state, row.crl_reason) == expected


def test_an_export_while_somebody_is_writing_is_one_moment(
    counter: Counter, person: Person, export: Callable[[], Path]
) -> None:
    person.original()
    with counter.authority.db.transaction() as tx:
        # This transaction is open while the export is made: none of it is in there.
        tx.add(
            AuditEntry(seq=10_000, at=counter.clock.now(), name="x", data="{}", prev="y", hash="z")
        )
        tx.flush()
        source = export()
        tx.rollback()
    with brought_back(counter, source) as (back, _):
        assert "x" not in [name for name, _ in back.log()]


def test_the_restored_one_can_be_exported_and_restored_again(
    counter: Counter, person: Person, export: Callable[[], Path], tmp_path: Path
) -> None:
    folder = person.backup(person.original())
    with brought_back(counter, export()) as (back, _):
        again = exporting.export(back.authority.home, tmp_path, PIN, now=counter.clock.now())
    home = Home(tmp_path / "third" / "authority")
    home.folder.parent.mkdir()
    done = restoring.restore(home, Path(again.path), PIN, now=counter.clock.now())
    assert done.locked_backups == []
    third = open_authority(home)
    with third.db.transaction() as tx:
        assert tx.get_one(Backup, folder.backup_id).state is BackupState.LOCKED
    third.db.close()


# --- what is refused --------------------------------------------------------------------------


def refused(code: RecoveryCode, do: Callable[[], Any]) -> RecoveryFailed:
    with pytest.raises(RecoveryFailed) as caught:
        do()
    assert caught.value.code is code
    return caught.value


def test_exporting_refused(counter: Counter, tmp_path: Path, monkeypatch: Any) -> None:
    home, now = counter.authority.home, counter.clock.now()

    def attempt(to: Path, pin: bytes = bytes(PIN)) -> Callable[[], Any]:
        return lambda: exporting.export(home, to, pin, now=now)

    for pin in (b"1234567", b"x" * 129, "perché no".encode()):
        weak = refused(RecoveryCode.EXPORT_PIN_WEAK, attempt(tmp_path / "x", pin))
        assert weak.data == {"min": 8, "max": 128}
    refused(RecoveryCode.FILE_MISSING, attempt(tmp_path / "nowhere" / "x"))
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    refused(RecoveryCode.FILE_EXISTS, attempt(there))
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "target")
    refused(RecoveryCode.FILE_EXISTS, attempt(dangling))
    monkeypatch.setattr(parameters, "MAX_EXPORT_CONTENT_SIZE", 100)
    monkeypatch.setattr(export_file, "MAX_EXPORT_CONTENT_SIZE", 100)
    refused(RecoveryCode.EXPORT_TOO_LARGE, attempt(tmp_path / "x"))
    monkeypatch.undo()
    (home.keys / "ca.key").rename(home.keys / "gone")
    refused(RecoveryCode.AUTHORITY_BROKEN, attempt(tmp_path / "x"))
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "x").exists()
    assert not home.recovery_export_record.exists()


def test_a_volume_without_hard_links_or_that_fails(
    counter: Counter, tmp_path: Path, monkeypatch: Any
) -> None:
    home, now = counter.authority.home, counter.clock.now()

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    stick = tmp_path / "stick"
    stick.mkdir()
    names = [Path(exporting.export(home, stick, PIN, now=now).path).name for _ in range(2)]
    assert names[1] == names[0].replace(".iwr", "_2.iwr")
    assert sorted(one.name for one in stick.iterdir()) == sorted(names)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", full)
    failure = refused(
        RecoveryCode.FILE_UNWRITABLE, lambda: exporting.export(home, stick, PIN, now=now)
    )
    assert failure.data["why"] == "No space left on device"
    assert len(list(stick.iterdir())) == 2


def test_restoring_refused(counter: Counter, export: Callable[[], Path], tmp_path: Path) -> None:
    source, now = export(), counter.clock.now()
    living, fresh = counter.authority.home, Home(tmp_path / "fresh" / "authority")

    def attempt(home: Home, path: Path = source, **more: Any) -> Callable[[], Any]:
        pin = more.pop("pin", PIN)
        return lambda: restoring.restore(home, path, pin, now=now, **more)

    refused(RecoveryCode.AUTHORITY_EXISTS, attempt(living))
    refused(RecoveryCode.EXPORT_OF_ANOTHER, attempt(fresh, ca_sha256="0" * 64))
    refused(RecoveryCode.EXPORT_PIN_WRONG, attempt(fresh, pin=b"another good PIN"))
    refused(RecoveryCode.FILE_MISSING, attempt(fresh, tmp_path / "nowhere"))
    refused(RecoveryCode.EXPORT_INVALID, attempt(fresh, living.database))
    refused(RecoveryCode.EXPORT_INVALID, attempt(fresh, Path("/dev/null")))
    assert not fresh.folder.exists()
    assert list(tmp_path.glob("**/.authority.restoring")) == []

    counter.authority.db.close()
    done = attempt(living, replace=True)()
    aside = Path(done.moved_aside)
    assert (aside / "authority.json").is_file()
    assert (living.folder / "authority.json").is_file()


def test_a_database_of_another_moment_is_refused(
    counter: Counter, tmp_path: Path, person: Person
) -> None:
    """Whoever has the PIN could pair an old database with a newer manifest; the chain tells."""
    old = payload.collect(counter.authority.home)
    person.original()
    now = counter.clock.now().replace(microsecond=0)
    about, _ = exporting._sealed(counter.authority.home, PIN, now)
    keys = counter.authority.keys
    data = export_file.build(about, old, PIN, keys.statement_key, keys.statement_certificate)
    (tmp_path / "mixed.iwr").write_bytes(data)
    home = Home(tmp_path / "fresh" / "authority")
    refused(
        RecoveryCode.EXPORT_INVALID,
        lambda: restoring.restore(home, tmp_path / "mixed.iwr", PIN, now=now),
    )
    assert not home.folder.exists()


def small_export(counter: Counter) -> bytes:
    """An export of short files, to be spoilt at every byte."""
    contents = dict.fromkeys(payload.REQUIRED, b"x")
    contents[payload.CA_CERTIFICATE] = counter.authority.home.ca_certificate.read_bytes()
    keys = counter.authority.keys
    about = export_file.Manifest(
        created=counter.clock.now().replace(microsecond=0),
        authority_name="x",
        ca_sha256=keys.ca_certificate.fingerprint(SHA256()).hex(),
        audit_entries=0,
        audit_head="0" * 64,
    )
    return export_file.build(about, contents, PIN, keys.statement_key, keys.statement_certificate)


def refused_unread(data: bytes) -> bool:
    """Whether the damage shows without a PIN; with the right one it shows in any case."""
    try:
        export = export_file.read(data)
    except ExportInvalid:
        return True
    with pytest.raises(ExportInvalid):
        export.open(PIN)  # in the enclosed certificate: its issuer tells
    return False


def test_damaged_anywhere_it_is_refused_and_the_pin_is_not_blamed(counter: Counter) -> None:
    data = small_export(counter)
    assert export_file.read(data).open(PIN)
    with pytest.raises(ExportClosed):
        export_file.read(data).open(b"another good PIN")
    without_pin = 0
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        without_pin += refused_unread(bytes(flipped))
    assert without_pin > len(data) * 0.6
    for length in range(len(data)):
        with pytest.raises(ExportInvalid):
            export_file.read(data[:length])
    with pytest.raises(ExportInvalid):
        export_file.read(data + b"\0")


@pytest.mark.parametrize("names", [["../x"], ["keys/other"], ["accounts/lower.key"], ["x"]])
def test_no_other_file_comes_out_of_an_export(names: list[str]) -> None:
    files = dict.fromkeys([*payload.REQUIRED, *names], b"")
    with pytest.raises(payload.PayloadInvalid):
        payload.encode(files)
    rows = [payload._File(name=name, content=b"") for name in sorted(files)]
    with pytest.raises(payload.PayloadInvalid):
        payload.decode(asn1.encode_der(payload._Files(files=rows)))
