"""The token worker over OpenSC with an OpenPGP card: two slots, and the SO for every write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from custode_drivers.pkcs11 import keys
from custode_drivers.testing.conformance.certificates import certificate_for, pkcs8
from custode_drivers.testing.openpgp import OpenPgpCard
from custode_drivers.testing.pcscd import PcscDaemon

from .card_worker import PIN, CardWorker, spki, worker_over
from .events import insert
from .judges import OPENSC

SO_PIN = b"12345678"


@pytest.fixture
def worker(pcscd: PcscDaemon, openpgp_card: OpenPgpCard, tmp_path: Path) -> Iterator[CardWorker]:
    insert(pcscd.readers[0], openpgp_card)
    with worker_over(OPENSC, tmp_path, SO_PIN) as made:
        yield made


@pytest.mark.parametrize("spec", ["rsa2048", "p256"])
def test_a_key_from_its_making_to_its_certificate(worker: CardWorker, spec: str) -> None:
    row = worker.row()  # one card, though OpenSC shows a slot for each of its PINs
    assert {"rsa2048", "p256"} <= set(row["key_specs"])
    assert worker.login() == []

    made = worker.key(spec)
    assert made["key_id"] == "03"  # behind the PIN that the session was opened with
    public = load_der_public_key(made["public_key"])
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert public.key_size == {"rsa2048": 2048, "p256": 256}[spec]  # and not "16384-bit"
    worker.check_key(made)

    der = certificate_for(made["public_key"])
    worker.work("install_certificate", key_id="03", der=der, label="certificato")
    again = certificate_for(made["public_key"], serial=2)
    worker.work("install_certificate", key_id="03", der=again, label="certificato")
    signed = worker.work("sign", key_id="03", data=b"words")["signature"]
    keys.verify(public, signed, b"words", hashes.SHA256())
    worker.call("logout", {"session": worker.session})

    (certificate,) = worker.row()["certificates"]
    assert (certificate["key_id"], certificate["der"]) == ("03", again)
    (key,) = worker.login()
    assert key["public_key"] == made["public_key"]

    # its place is taken, and stays so
    told = {"session": worker.session, "spec": spec, "label": "x", "as_so": True}
    assert worker.refused("generate_key", told, SO_PIN)[0] == "token_full"
    named = {**told, "key_id": "03"}
    assert worker.refused("generate_key", named, SO_PIN) == ("key_exists", {"key_id": "03"})


def test_an_imported_rsa_key_proves_itself(worker: CardWorker) -> None:
    """OpenSC 0.23 frees memory that it was only lent, which used to end the worker."""
    key = rsa.generate_private_key(65537, 2048)
    worker.login()
    made = worker.work("import_key", pkcs8(key), label="copia", key_id="aa" * 20)
    assert made == {"key_id": "03", "public_key": spki(key)}
    worker.check_key(made)
    assert worker.child.generation == 1


def test_an_ec_key_that_opensc_cannot_import_is_refused(worker: CardWorker) -> None:
    worker.login()
    told = {"session": worker.session, "label": "copia", "key_id": "aa" * 20}
    key = pkcs8(ec.generate_private_key(ec.SECP256R1()))
    assert worker.refused("import_key", told, key) == (
        "not_supported",
        {"capability": "import_key"},
    )
    assert worker.row()["public_keys"] == []


def test_pins_are_changed(worker: CardWorker) -> None:
    worker.row()
    named = {"token": worker.token}
    assert worker.refused("change_pin", named, b"000000", b"654321")[0] == "pin_incorrect"
    row = worker.row()
    assert not row["pin_final_try"]  # one of three was spent, not two
    assert worker.call("change_pin", named, PIN, b"654321") == {}
    assert worker.refused("login", named, PIN)[0] == "pin_incorrect"
    worker.login(b"654321")
    so = {**named, "role": "so"}
    wrong = worker.refused("change_pin", so, b"00000000", b"87654321")
    assert (wrong[0], wrong[1]["role"]) == ("pin_incorrect", "so")
    assert worker.call("change_pin", so, SO_PIN, b"87654321") == {}
    assert worker.call("check_so_pin", named, b"87654321") == {}
