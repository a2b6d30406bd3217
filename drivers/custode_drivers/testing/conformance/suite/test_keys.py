"""Keys from their making to their end: requests, certificates, signatures."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from custode_drivers.pkcs11 import keys
from custode_drivers.testing.conformance.certificates import (
    Public,
    certificate_for,
    pkcs8,
    spki,
)
from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story

WORDS = b"words"


def make(desk: Desk, spec: str) -> tuple[dict[str, str], Public]:
    """Make a key, and see that it is the one of which the answer tells."""
    offers = desk.row()["key_specs"]
    if spec not in offers:
        desk.not_offered(f"it makes {', '.join(offers) or 'no keys'}")
    before = {key["key_id"] for key in desk.login()}
    made = desk.key(spec)
    public = load_der_public_key(made["public_key"])
    assert isinstance(public, Public)
    desk.check(made)
    desk.logout()
    (seen,) = [key for key in desk.login() if key["key_id"] not in before]
    assert (seen["key_id"], seen["public_key"]) == (made["key_id"], made["public_key"])
    return made, public


@pytest.mark.story(Story.RSA2048)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE)
def test_an_rsa_key_and_its_request(plugged: Desk) -> None:
    _, public = make(plugged, "rsa2048")
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 2048


@pytest.mark.story(Story.P256)
@pytest.mark.needs(Mean.CHANGE)
def test_an_ec_key_and_its_request(plugged: Desk) -> None:
    _, public = make(plugged, "p256")
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"


@pytest.mark.story(Story.INSTALL)
@pytest.mark.needs(Mean.CHANGE)
def test_a_certificate_is_installed_and_read_back(plugged: Desk) -> None:
    key = plugged.key()
    der = plugged.certify(key)
    # the same once more: nothing happens, and no SO is needed for it
    asked = {"session": plugged.session, "key_id": key["key_id"], "label": "x"}
    call = plugged.worker.call
    call("install_certificate", {**asked, "der": der})
    other = certificate_for(spki(ec.generate_private_key(ec.SECP256R1()).public_key()))
    refused = plugged.refused(lambda: call("install_certificate", {**asked, "der": other}))
    assert refused.code == "integrity"
    plugged.check(key)
    plugged.logout()
    shown = [c for c in plugged.row()["certificates"] if c["key_id"] == key["key_id"]]
    assert [c["der"] for c in shown] == [der]


@pytest.mark.story(Story.INSTALL)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE)
def test_a_certificate_is_taken_away_and_its_key_stays(plugged: Desk) -> None:
    key = plugged.key()
    plugged.certify(key)
    with plugged.offered():
        plugged.work("remove_certificate", key_id=key["key_id"])
    ids = {c["key_id"] for c in plugged.row()["certificates"]}
    assert key["key_id"] not in ids
    plugged.check(key)
    again = plugged.refused(lambda: plugged.work("remove_certificate", key_id=key["key_id"]))
    assert again.code == "no_such_key"


@pytest.mark.story(Story.SIGN)
def test_a_key_signs_and_proves_itself(plugged: Desk) -> None:
    key = plugged.key()
    named = {"session": plugged.session, "key_id": key["key_id"]}
    public = load_der_public_key(key["public_key"])
    assert isinstance(public, Public)
    for name, algorithm in keys.HASHES.items():
        asked = {**named, "data": WORDS, "hash": name}
        signature = plugged.worker.call("sign", asked)["signature"]
        keys.verify(public, signature, WORDS, algorithm)
    plugged.check(key)
    # somebody else's key is not proved by this one, of either kind
    other_rsa = rsa.generate_private_key(65537, 2048).public_key()
    for other in (ec.generate_private_key(ec.SECP256R1()).public_key(), other_rsa):
        asked = {**named, "public_key": spki(other)}
        refused = plugged.refused(lambda asked=asked: plugged.worker.call("challenge", asked))  # type: ignore[misc] # a lambda's default has no type of its own
        assert refused.code == "integrity"
    unknown = {**named, "key_id": "ab" * 20, "data": WORDS}
    assert plugged.refused(lambda: plugged.worker.call("sign", unknown)).code == "no_such_key"


@pytest.mark.story(Story.IMPORT)
@pytest.mark.whole
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.needs(Mean.CHANGE)
def test_an_imported_key_signs(plugged: Desk, kind: str) -> None:
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa2048"
        else ec.generate_private_key(ec.SECP256R1())
    )
    plugged.login()
    with plugged.offered():
        made = plugged.work("import_key", pkcs8(key), label="copia", key_id="aa" * 20)
    plugged.made(made)
    assert made["public_key"] == spki(key.public_key())
    plugged.check(made)
    asked = {"session": plugged.session, "key_id": made["key_id"], "data": WORDS}
    signature = plugged.worker.call("sign", asked)["signature"]
    keys.verify(key.public_key(), signature, WORDS, hashes.SHA256())
    assert plugged.worker.starts == 1
