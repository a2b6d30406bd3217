"""A copy of the original's own key: made, refused, alive after a fault, on a new token."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode.demo.stage import new_pin
from custode.demo.telling import Step
from custode_drivers.testing.conformance.stacks.nss import SOFTOKN

from .conftest import Player

pytestmark = pytest.mark.e2e
NSS_LABEL = "NSS Certificate DB"


def copyable(player: Player, key: str = "p256") -> None:
    """A certificate over a key that can leave its token."""
    player.initialised()
    csr = player.person.folder / "first.csr"
    words = ("csr", "--token", player.token.serial, "--key", key, "--copyable", "--yes")
    made = player.run(*words, "--out", csr, pin=player.token.pin).answer
    assert made["extractable"] is True
    player.run("request", "--csr", csr, "--wait")
    player.run("install", pin=player.token.pin)


def copied(player: Player, name: str = "stick") -> Path:
    """A copy in a new folder of that name."""
    stick = player.person.folder / name
    stick.mkdir()
    words = ("backup", "create", "--kind", "copy", "--to", stick)
    made = player.run(*words, pin=player.token.pin, backup_pin=player.person.backup_pin).answer
    assert made["kind"] == "copy"
    return Path(made["path"])


def spki(certificate: str) -> bytes:
    key = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def judged(folder: Path, told: dict[str, str], ca: Path) -> None:
    """openssl: the certificate is the authority's, and its key made the signature."""
    certificate, challenge, signature = (folder / n for n in ("new.pem", "challenge", "signature"))
    der = base64.b64decode(told["certificate"])
    found = x509.load_der_x509_certificate(der)
    certificate.write_bytes(found.public_bytes(Encoding.PEM))
    public = folder / "new.pub"
    public.write_bytes(
        found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    challenge.write_bytes(base64.b64decode(told["challenge"]))
    signature.write_bytes(base64.b64decode(told["signature"]))
    judgements: list[list[str | Path]] = [
        ["verify", "-CAfile", ca, certificate],
        ["dgst", "-sha256", "-verify", public, "-signature", signature, challenge],
    ]
    for words in judgements:
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)


def test_after_a_fault_the_same_key_lives_on_a_new_token(player: Player) -> None:
    person, token = player.person, player.token
    copyable(player, "rsa2048")
    folder = copied(player)
    before = next(row for row in player.run("certificates").answer["certificates"])

    seen = player.run("backup", "verify", folder).answer
    assert (seen["kind"], seen["registered"], seen["state"]) == ("copy", True, "registered")
    assert [row["kind"] for row in player.run("backup", "list").answer["backups"]] == ["copy"]
    assert "backup_missing" not in player.needs()
    refused = player.run("backup", "open", folder, expect=10, backup_pin=person.backup_pin)
    assert "original_active" in refused.reasons

    player.pull()
    player.run("report", "malfunction", password=person.password)
    activate = ("backup", "activate", folder, "--reason", "malfunction", "--wait")

    # Nothing ends before a token is here that could take the key.
    refused = player.run(*activate, expect=31, backup_pin=person.backup_pin)
    assert refused.error["code"] == "no_taker"
    rows = player.run("certificates").answer["certificates"]
    assert [row["state"] for row in rows] == ["suspended"]

    spare = player.stage.factory_token("Nuova")
    player.plug(spare)
    init = ("token", "init", "--token", spare.serial)
    player.run(*init, so_pin=spare.so_pin, new_pin=spare.pin)
    player.run(*activate, backup_pin=person.backup_pin)
    opening = ("backup", "open", folder, "--token", spare.serial)
    opened = player.run(*opening, backup_pin=person.backup_pin, pin=spare.pin).answer
    assert opened["proved"] is True
    assert player.stage.token_row(_quiet(), person, spare)["public_keys"] == []
    wrong = player.run(*opening, backup_pin=b"not that PIN at all", pin=spare.pin, expect=None)
    assert wrong.error["code"] == "wrong_backup_pin"

    restore = ("backup", "restore", folder, "--token", spare.serial)
    restored = player.run(*restore, backup_pin=person.backup_pin, pin=spare.pin).answer
    judged(person.folder, restored, person.ca)
    assert spki(restored["certificate"]) == spki(before["certificate"])
    rows = player.run("certificates").answer["certificates"]
    assert sorted(row["state"] for row in rows) == ["active", "cancelled"]
    ended = next(row for row in rows if row["state"] == "cancelled")
    assert ended["crl_reason"] == "superseded"

    # The key stays on that token: no copy of it is made any more.
    more = person.folder / "more"
    more.mkdir()
    words = ("backup", "create", "--kind", "copy", "--to", more)
    refused = player.run(*words, pin=spare.pin, backup_pin=person.backup_pin, expect=31)
    assert refused.error["data"]["capability"] == "copyable_key"
    assert "--kind successor" in refused.error["hint"]
    assert list(more.iterdir()) == []

    # And the old token, found again, does not open the folder: it is dead.
    player.pull(spare)
    player.plug(token)
    refused = player.run("backup", "open", folder, expect=10, backup_pin=person.backup_pin)
    assert "backup_restored" in refused.reasons


@pytest.mark.skipif(SOFTOKN is None, reason="NSS is not installed (Debian: libnss3)")
def test_a_key_goes_from_softhsm_into_nss(player: Player) -> None:
    """The second module is there from the start: a database of NSS, beside SoftHSM's reader."""
    person = player.person
    database = person.folder / "nss"
    database.mkdir()
    told = f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='' flags="
    with (person.home / "config.toml").open("a") as settings:
        settings.write(
            f'\n[[module]]\npath = "{SOFTOKN}"\nwatch = "none"\ninit_args = {json.dumps(told)}\n'
        )
    pin = new_pin()
    copyable(player)
    folder = copied(player)
    player.pull()
    player.run("report", "malfunction", password=person.password)
    player.run("token", "init", "--token", NSS_LABEL, new_pin=pin)
    activate = ("backup", "activate", folder, "--reason", "malfunction", "--wait")
    player.run(*activate, backup_pin=person.backup_pin)
    restore = ("backup", "restore", folder, "--token", NSS_LABEL)
    restored = player.run(*restore, backup_pin=person.backup_pin, pin=pin).answer
    judged(person.folder, restored, person.ca)


def test_a_key_that_was_not_made_so_is_not_copied(player: Player) -> None:
    player.certified()
    stick = player.person.folder / "stick"
    stick.mkdir()
    words = ("backup", "create", "--kind", "copy", "--to", stick)
    pin, backup_pin = player.token.pin, player.person.backup_pin
    refused = player.run(*words, expect=31, pin=pin, backup_pin=backup_pin)
    assert refused.error["code"] == "not_supported"
    assert refused.error["data"]["capability"] == "copyable_key"
    assert list(stick.iterdir()) == []
    assert player.run("backup", "list").answer["backups"] == []
    assert "backup_missing" in player.needs()


def test_after_a_loss_a_copy_is_void_and_a_successor_is_not(player: Player) -> None:
    person = player.person
    copyable(player)
    folder = copied(player)
    beside = player.backup("other")
    player.pull()

    lost = ("backup", "activate", folder, "--reason", "lost")
    assert player.run(*lost, expect=21).error["code"] == "copy_refused"
    told = player.run("report", "lost", "--yes", password=person.password).answer
    assert [one["folder"] for one in told["retired"]] == [folder.name]
    assert [one["folder"] for one in told["usable"]] == [beside.name]
    for reason in ("lost", "theft"):
        words = ("backup", "activate", folder, "--reason", reason)
        assert player.run(*words, expect=21).error["code"] == "copy_refused"
    refused = player.run("backup", "activate", folder, "--reason", "malfunction", expect=10)
    assert refused.reasons == ["backup_retired"]
    player.run(
        *("backup", "activate", beside, "--reason", "lost", "--wait"), backup_pin=person.backup_pin
    )


def _quiet() -> Step:
    return Step(0, "", quiet=True)
