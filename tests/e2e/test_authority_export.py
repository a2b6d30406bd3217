"""The embedded authority is exported, lost, and brought back: closed, and working."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from custode.demo.stage import Stage

from .conftest import Player

# Two whole lives of an authority: on a loaded machine they need more than the usual two minutes.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

PIN = b"a long enough PIN"


def lose_the_authority(player: Player) -> None:
    """The folder is gone, and so is the process that had it open."""
    player.run("agent", "stop")
    shutil.rmtree(player.person.home / "authority")


def export(player: Player, to: Path) -> Path:
    made = player.run("authority", "backup", "--to", to, export_pin=PIN).answer
    return Path(made["path"])


def restore(player: Player, source: Path, *more: str, **expect: Any) -> Any:
    return player.run("authority", "restore", source, *more, export_pin=PIN, **expect).answer


def crl(certificate: bytes) -> x509.CertificateRevocationList:
    parsed = x509.load_der_x509_certificate(certificate)
    points = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    [name] = next(iter(points)).full_name or []
    return x509.load_der_x509_crl(httpx.get(name.value).content)


def crl_number(revoked: x509.CertificateRevocationList) -> int:
    return revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def certificate_of(player: Player, where: Path) -> bytes:
    """The one active certificate, from the token by way of `certificates`."""
    import sqlite3

    with sqlite3.connect(player.person.home / "authority" / "authority.sqlite") as db:
        [(der,)] = db.execute("SELECT der FROM certificates").fetchall()
    (where / "certificate.der").write_bytes(der)
    return bytes(der)


def test_the_authority_comes_back_closed(player: Player, tmp_path: Path) -> None:
    folder = player.backed_up()
    assert "recovery_export_missing" in player.needs()
    certificate = certificate_of(player, tmp_path)
    first = crl(certificate)

    # The authority is running: it has just answered. A folder gets a file with a name of its own.
    made = export(player, tmp_path)
    assert made.parent == tmp_path
    assert made.stat().st_mode & 0o777 == 0o600
    assert "recovery_export_missing" not in player.needs()
    again = player.run("authority", "backup", "--to", made, export_pin=PIN, expect=2)
    assert again.error["code"] == "file_exists"
    weak = player.run("authority", "backup", "--to", tmp_path, export_pin=b"1234567", expect=12)
    assert weak.error["code"] == "export_pin_weak"
    assert [one.name for one in tmp_path.glob("*.iwr")] == [made.name]
    living = restore(player, made, expect=1)
    assert living["error"]["code"] == "authority_exists"

    lose_the_authority(player)
    lost = player.run("backup", "list", expect=20)
    assert lost.error["code"] == "authority_lost"
    wrong = player.run("authority", "restore", made, export_pin=PIN + b"!", expect=12)
    assert wrong.error["code"] == "export_pin_wrong"
    damaged = tmp_path / "damaged.iwr"
    damaged.write_bytes(made.read_bytes()[:-1])
    assert restore(player, damaged, expect=30)["error"]["code"] == "export_invalid"
    assert not (player.person.home / "authority").exists()
    assert "recovery_export_missing" not in player.needs() or folder.exists()

    done = restore(player, made)
    assert len(done["locked_backups"]) == 1
    assert done["ended_certificates"] == []
    assert done["moved_aside"] is None

    # The old backup is closed for good, and the person is told to make another.
    [backup] = player.run("backup", "list").answer["backups"]
    assert backup["state"] == "locked"
    assert "backup_locked" in player.run("backup", "open", folder, expect=10).reasons
    assert "backup_missing" in player.needs()

    # Status and CRL go on, and the new CRL is newer than any that was ever signed.
    [row] = player.run("certificates").answer["certificates"]
    assert row["state"] == "active"
    now = crl(certificate)
    assert crl_number(now) > crl_number(first)
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", str(player.person.ca), str(tmp_path / "certificate.der")],
        capture_output=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    player.backup("stick-2")
    assert "backup_missing" not in player.needs()
    assert "recovery_export_missing" in player.needs()

    # What ended after the export ends again: the agent remembers.
    player.run("report", "theft", password=player.person.password)
    [row] = player.run("certificates").answer["certificates"]
    assert row["state"] == "cancelled"
    lose_the_authority(player)
    done = restore(player, made)
    assert done["ended_certificates"] == [row["fingerprint_sha256"]]
    [row] = player.run("certificates").answer["certificates"]
    assert row["state"] == "cancelled"
    revoked = crl(certificate).get_revoked_certificate_by_serial_number(
        x509.load_der_x509_certificate(certificate).serial_number
    )
    assert revoked is not None
    assert player.run("audit", "verify").answer["ok"]


def test_on_another_computer_the_account_is_taken_up(
    player: Player, stage: Stage, tmp_path: Path
) -> None:
    player.certified()
    made = export(player, tmp_path / "authority.iwr")
    player.run("agent", "stop")  # that computer is gone; here its ports are the same

    person = stage.person("carla-2", player.person.code, player.person.codice_fiscale)
    new = Player(stage, person, player.token)
    restore(new, made)
    names = ("identity", "set", "--code", person.code, "--codice-fiscale")
    other = new.run(*names, "ALTRAA85C45L219Y", expect=21)
    assert other.error["code"] == "identity_exists"
    new.run(*names, person.codice_fiscale)  # no password is asked: the account is there
    [row] = new.run("certificates").answer["certificates"]
    assert row["state"] == "active"
