"""Keys, requests and certificates on a real SoftHSM token, judged by openssl and cryptography."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from custode.daemon.children import ChildError
from custode_drivers.pkcs11 import keys
from custode_drivers.testing.conformance import certificates
from custode_drivers.testing.conformance.certificates import (
    COMMON_NAME,
    Private,
    certificate_for,
    pkcs8,
)

if TYPE_CHECKING:
    from tests.integration.drivers.conftest import Worker

    from custode_drivers.softhsm.tokens import TokenFiles

OTHER_RSA = rsa.generate_private_key(65537, 2048)


def spki(key: Private) -> bytes:
    return certificates.spki(key.public_key())


@pytest.mark.parametrize(("spec", "bits", "kind"), [("rsa2048", 2048, "rsa")])
def test_a_key_from_its_making_to_its_certificate(
    worker: "Worker", token: "TokenFiles", tmp_path: Path, spec: str, bits: int, kind: str
) -> None:
    session = worker.login(token)
    made = worker.call("generate_key", {"session": session, "spec": spec, "label": "chiave"})
    public = serialization.load_der_public_key(made["public_key"])
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert public.key_size == bits
    named = {"session": session, "key_id": made["key_id"]}

    # the id is the subject key identifier, on both halves
    assert made["key_id"] == x509.SubjectKeyIdentifier.from_public_key(public).digest.hex()

    # openssl agrees with the request
    csr = worker.call("csr", {**named, "common_name": COMMON_NAME})["csr"]
    request = tmp_path / "request.der"
    request.write_bytes(csr)
    judged = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-subject", "-inform", "DER", "-in", request],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert judged.returncode == 0, judged.stderr
    assert "verify OK" in judged.stdout + judged.stderr
    assert [a.value for a in x509.load_der_x509_csr(csr).subject] == [COMMON_NAME]

    # any hash verifies with the public key
    for name, algorithm in keys.HASHES.items():
        signed = worker.call("sign", {**named, "data": b"words", "hash": name})["signature"]
        keys.verify(public, signed, b"words", algorithm)

    # challenge: with its own key, and not with another
    answer = worker.call("challenge", {**named, "public_key": made["public_key"]})
    keys.verify(public, answer["signature"], answer["challenge"], hashes.SHA256())
    assert len(answer["challenge"]) == 32
    for other in (ec.generate_private_key(ec.SECP256R1()), OTHER_RSA):
        with pytest.raises(ChildError, match="integrity"):
            worker.call("challenge", {**named, "public_key": spki(other)})

    # the certificate goes on, once, and is read without a PIN
    der = certificate_for(made["public_key"])
    for _ in range(2):
        worker.call("install_certificate", {**named, "der": der, "label": "certificato"})
    worker.call("logout", {"session": session})
    (listed,) = worker.call("list")
    assert listed["certificates"] == [
        {"key_id": made["key_id"], "label": "certificato", "der": der}
    ]
    assert listed["public_keys"] == [{"key_id": made["key_id"], "type": kind, "bits": bits}]

    # and after a new login everything is found again
    answer = worker.call("login", {"token": token.identity}, b"123456")
    assert answer["keys"] == [
        {
            "key_id": made["key_id"],
            "label": "chiave",
            "type": kind,
            "bits": bits,
            "public_key": made["public_key"],
            "always_authenticate": False,
            "extractable": False,
        }
    ]
    named["session"] = answer["session"]
    worker.call("remove_certificate", named)
    worker.call("destroy_key", named)
    for method in ("remove_certificate", "destroy_key"):
        with pytest.raises(ChildError, match="no_such_key"):
            worker.call(method, named)
    assert worker.call("list")[0]["public_keys"] == []


def test_a_certificate_of_another_key_is_not_installed(
    worker: "Worker", token: "TokenFiles"
) -> None:
    session = worker.login(token)
    made = worker.call("generate_key", {"session": session, "spec": "p256", "label": "k"})
    der = certificate_for(spki(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ChildError, match="integrity"):
        worker.call(
            "install_certificate",
            {"session": session, "key_id": made["key_id"], "der": der, "label": "c"},
        )
    assert worker.call("list")[0]["certificates"] == []


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa", "ec"],
)
def test_an_imported_key_signs_and_never_leaves(
    worker: "Worker", token: "TokenFiles", key: Any
) -> None:
    session = worker.login(token)
    named = {"session": session, "key_id": hashlib.sha256(b"id").hexdigest(), "label": "copia"}
    made = worker.call("import_key", named, pkcs8(key))
    assert made == {"key_id": named["key_id"], "public_key": spki(key)}
    with pytest.raises(ChildError, match="key_exists"):
        worker.call("import_key", named, pkcs8(key))

    del named["label"]
    signature = worker.call("sign", {**named, "data": b"words"})["signature"]
    keys.verify(key.public_key(), signature, b"words", hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        with pytest.raises(InvalidSignature):
            key.public_key().verify(signature, b"other", padding.PKCS1v15(), hashes.SHA256())
    assert len(worker.call("list")[0]["public_keys"]) == 1


def test_what_is_no_key_is_not_imported(worker: "Worker", token: "TokenFiles") -> None:
    named = {"session": worker.login(token), "key_id": "aa", "label": "x"}
    with pytest.raises(ChildError, match="integrity"):
        worker.call("import_key", named, b"no key at all")
    with pytest.raises(ChildError, match="secret_missing"):
        worker.call("import_key", named, os.urandom(9000))


READER = """
import sys, pkcs11
from pkcs11 import Attribute as A
token = next(pkcs11.lib(sys.argv[1]).get_tokens(token_serial=sys.argv[2].encode()))
with token.open(user_pin=sys.stdin.read()) as session:
    for key in list(session.get_objects({A.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})):
        print(key.label, key[A.SENSITIVE], key[A.EXTRACTABLE])
"""


def test_only_a_copyable_key_can_ever_leave(
    worker: "Worker", token: "TokenFiles", module: str, tmp_path: Path
) -> None:
    """As a second program finds them on the token."""
    session = worker.login(token)
    for label in ("yes", "no"):
        made = {"session": session, "spec": "p256", "label": label, "copyable": label == "yes"}
        worker.call("generate_key", made)
    imported = {"session": session, "key_id": "aa", "label": "imported"}
    worker.call("import_key", imported, pkcs8(ec.generate_private_key(ec.SECP256R1())))
    read = subprocess.run(
        [sys.executable, "-c", READER, module, token.serial],
        env={**os.environ, "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")},
        input="123456",
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert sorted(read.stdout.splitlines()) == [
        "imported True False",
        "no True False",
        "yes True True",
    ]


# What a kill between the two halves of C_GenerateKeyPair leaves: the public one, alone.
HALVER = """
import sys, pkcs11
token = pkcs11.lib(sys.argv[1]).get_token(token_serial=bytes(sys.argv[2], "ascii"))
with token.open(user_pin=sys.stdin.read(), rw=True) as session:
    for label in sys.argv[3:]:
        wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                  pkcs11.Attribute.LABEL: label}
        (private,) = list(session.get_objects(wanted))
        private.destroy()
"""


def test_making_a_key_again_takes_away_half_of_one(
    worker: "Worker", token: "TokenFiles", module: str, tmp_path: Path
) -> None:
    session = worker.login(token)
    whole = worker.call("generate_key", {"session": session, "spec": "p256", "label": "mine too"})
    for label in ("mine", "theirs"):
        worker.call("generate_key", {"session": session, "spec": "p256", "label": label})
    worker.call("logout", {"session": session})
    subprocess.run(
        [sys.executable, "-c", HALVER, module, token.serial, "mine", "theirs"],
        env={**os.environ, "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")},
        input="123456",
        text=True,
        check=True,
        timeout=20,
    )

    def public_keys() -> set[str]:
        (row,) = worker.call("list")
        return {key["key_id"] for key in row["public_keys"]}

    session, halves = worker.login(token), public_keys() - {whole["key_id"]}
    assert len(halves) == 2
    named = {"session": session, "spec": "p256", "label": "mine"}
    first = worker.call("generate_key", named)
    assert public_keys() == {whole["key_id"], first["key_id"], *halves}
    second = worker.call("generate_key", {**named, "again": True})
    left = public_keys() - {whole["key_id"], first["key_id"], second["key_id"]}
    assert len(left) == 1  # somebody else's, which is none of our business
    assert left < halves
