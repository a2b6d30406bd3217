"""The token worker over ykcs11, and over OpenSC, with a PIV card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from smartcard import scard

from custode.daemon.children import ChildTimeout
from custode_drivers.pkcs11 import keys
from custode_drivers.testing.conformance.certificates import certificate_for, pkcs8
from custode_drivers.testing.faults import Cut
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import AUTHENTICATION, SIGNATURE, PivCard

from .card_worker import PIN, CardWorker, spki, worker_over
from .events import WITHIN_S, Pcsc, insert
from .judges import MANAGEMENT_KEY, OPENSC, YKCS11

SO_PIN = MANAGEMENT_KEY.encode()


@pytest.fixture
def card(pcscd: PcscDaemon) -> PivCard:
    card = PivCard(serial=4711)
    insert(pcscd.readers[0], card)
    return card


@pytest.fixture
def worker(card: PivCard, tmp_path: Path) -> Iterator[CardWorker]:
    with worker_over(YKCS11, tmp_path, SO_PIN) as made:
        yield made


@pytest.mark.parametrize(("spec", "slot"), [("rsa2048", AUTHENTICATION), ("p256", AUTHENTICATION)])
def test_a_key_from_its_making_to_its_certificate(
    worker: CardWorker, card: PivCard, spec: str, slot: int
) -> None:
    row = worker.row()
    assert row["key_specs"] == ["rsa2048", "p256", "p384"]
    assert row["needs_so_for"] == []
    assert worker.login() == []

    # a user may not; the SO may, and the user is logged in again afterwards
    made = worker.key(spec)
    assert made["key_id"] == "01"  # the card's own name for its place
    assert spki(card.keys[slot].private) == made["public_key"]
    worker.check_key(made)

    # the SO PIN is asked for once in a session
    der = certificate_for(made["public_key"])
    told = {"session": worker.session, "key_id": "01", "label": "certificato"}
    worker.call("install_certificate", {**told, "der": der})
    assert card.certificate(slot) == der
    signed = worker.work("sign", key_id="01", data=b"words")["signature"]
    keys.verify(card.keys[slot].private.public_key(), signed, b"words", hashes.SHA256())
    worker.call("logout", {"session": worker.session})

    row = worker.row()
    assert [(c["key_id"], c["der"]) for c in row["certificates"]] == [("01", der)]
    assert row["needs_so_for"] == ["generate_key", "install_certificate"]
    (key,) = worker.login()
    assert (key["key_id"], key["public_key"]) == ("01", made["public_key"])

    # a certificate takes the place of another one for the same key, with the SO PIN asked anew
    other = certificate_for(made["public_key"], serial=2)
    assert worker.refused("install_certificate", {**told, "session": worker.session, "der": other})[
        0
    ] == ("needs_so")
    worker.work("install_certificate", key_id="01", der=other, label="nuovo")
    assert card.certificate(slot) == other


def test_each_use_of_the_signature_key_is_with_the_pin(worker: CardWorker, card: PivCard) -> None:
    """PIV's 9C wants it before every signature (CKA_ALWAYS_AUTHENTICATE); people type it once."""
    worker.login()
    made = worker.key("p256", key_id="02")
    assert spki(card.keys[SIGNATURE].private) == made["public_key"]
    card.trace.clear()
    for _ in range(2):
        worker.check_key(made)
    verified = len(card.trace.exchanges(ins=0x20))
    assert verified >= 4  # two proofs and two requests
    (row,) = worker.login()
    assert row["always_authenticate"] is True

    # changed by somebody else meanwhile: it is sent once more, and never again
    card.pin_attempts_remaining = 2
    worker.call("logout", {"session": worker.session})
    worker.login()
    card.pin.replace(b"654321\xff\xff")
    code, data = worker.refused("sign", {"session": worker.session, "key_id": "02", "data": b"x"})
    assert (code, data["role"]) == ("pin_incorrect", "user")
    left = card.pin_attempts_remaining
    assert worker.refused("sign", {"session": worker.session, "key_id": "02", "data": b"x"})[0] == (
        "session_unknown"
    )
    assert card.pin_attempts_remaining == left


def test_a_key_is_overwritten_only_when_that_is_said(worker: CardWorker, card: PivCard) -> None:
    worker.login()
    first = worker.key("p256")
    second = worker.key("p256")
    assert (first["key_id"], second["key_id"]) == ("01", "02")
    assert spki(card.keys[AUTHENTICATION].private) == first["public_key"]
    told = {"session": worker.session, "spec": "p256", "label": "x", "key_id": "01"}
    assert worker.refused("generate_key", told) == ("key_exists", {"key_id": "01"})
    third = worker.key("p256", key_id="01", overwrite=True)
    assert third["key_id"] == "01"
    assert spki(card.keys[AUTHENTICATION].private) == third["public_key"] != first["public_key"]


def test_what_it_cannot_make_is_said_with_what_it_can(worker: CardWorker) -> None:
    worker.login()
    worker.key("p256")
    told = {"session": worker.session, "spec": "rsa4096", "label": "x", "as_so": True}
    code, data = worker.refused("generate_key", told, SO_PIN)
    assert code == "not_supported"
    told = {"capability": "key rsa4096", "can_make": "rsa2048, p256, p384"}
    assert data == {**told, "accepted": ["so"]}  # the SO PIN was right


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())],
    ids=["rsa", "ec"],
)
def test_an_imported_key_is_sent_once_and_proves_itself(
    worker: CardWorker, card: PivCard, key: Any
) -> None:
    worker.login()
    # an id that ykcs11 would take for the place 9C: it looks at the first byte alone
    worker.key("p384", key_id="02")
    theirs = spki(card.keys[SIGNATURE].private)
    named = {"label": "copia", "key_id": "02" + hashlib.sha256(b"id").hexdigest()[:38]}
    made = worker.work("import_key", pkcs8(key), **named)
    assert made == {"key_id": "01", "public_key": spki(key)}
    assert spki(card.keys[AUTHENTICATION].private) == spki(key)
    assert spki(card.keys[SIGNATURE].private) == theirs
    worker.check_key(made)


def test_the_counter_decides_before_a_pin_is_sent(worker: CardWorker, card: PivCard) -> None:
    worker.row()
    named = {"token": worker.token}
    told = {"attempts_remaining": None, "role": "user"}
    assert worker.refused("login", named, b"000000") == ("pin_incorrect", told)
    last = {"attempts_remaining": 1, "role": "user"}
    assert worker.refused("login", named, b"000000") == ("pin_incorrect", last)
    assert worker.row()["pin_final_try"]
    assert worker.refused("login", named, PIN) == ("pin_last_attempt", {"role": "user"})
    assert worker.refused("change_pin", named, PIN, b"654321")[0] == "pin_last_attempt"
    assert card.pin_attempts_remaining == 1
    assert card.trace.exchanges(ins=0x24) == ()
    assert worker.refused("login", {**named, "use_last_attempt": True}, b"000000") == (
        "pin_locked",
        {"role": "user"},
    )
    assert card.pin_attempts_remaining == 0
    assert worker.refused("login", {**named, "use_last_attempt": True}, PIN)[0] == "pin_locked"


def test_a_pin_is_changed_with_one_try(worker: CardWorker, card: PivCard) -> None:
    worker.row()
    named = {"token": worker.token}
    assert worker.refused("change_pin", named, PIN, b"12")[1]["which"] == "new"
    assert worker.refused("change_pin", named, PIN, PIN) == ("pin_unchanged", {"role": "user"})
    assert card.pin_attempts_remaining == 3
    assert worker.refused("change_pin", named, b"000000", b"654321")[0] == "pin_incorrect"
    assert card.pin_attempts_remaining == 2
    assert worker.call("change_pin", named, PIN, b"654321") == {}
    assert worker.refused("login", named, PIN)[0] == "pin_incorrect"
    worker.login(b"654321")
    assert worker.refused("unblock_pin", named, SO_PIN, PIN) == (
        "not_supported",
        {"capability": "unblock_pin", "accepted": ["so"]},
    )


def test_a_wrong_so_pin_is_sent_once_and_the_session_goes_on(
    worker: CardWorker, card: PivCard
) -> None:
    worker.login()
    told = {"session": worker.session, "spec": "p256", "label": "x"}
    assert worker.refused("generate_key", told)[0] == "needs_so"
    wrong = worker.refused("generate_key", {**told, "as_so": True}, b"00" * 24)
    assert (wrong[0], wrong[1]["role"]) == ("pin_incorrect", "so")
    assert card.keys == {}
    made = worker.key("p256")  # the same session, asked anew
    worker.check_key(made)


def test_the_card_is_let_go_after_each_operation(
    worker: CardWorker, card: PivCard, pcscd: PcscDaemon
) -> None:
    reader = pcscd.readers[0].name
    pcsc = Pcsc()
    try:
        worker.login()
        assert pcsc.state(reader)[0] & scard.SCARD_STATE_INUSE
        worker.call("logout", {"session": worker.session})
        assert not pcsc.state(reader)[0] & scard.SCARD_STATE_INUSE
        worker.row()
        assert not pcsc.state(reader)[0] & scard.SCARD_STATE_INUSE
    finally:
        pcsc.close()


def test_who_holds_the_card_is_told(worker: CardWorker, pcscd: PcscDaemon) -> None:
    worker.row()
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    code, held, _ = scard.SCardConnect(
        context, pcscd.readers[0].name, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_ANY
    )
    assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)
    try:
        code, data = worker.refused("login", {"token": worker.token}, PIN)
        assert code == "token_busy"
        assert "by" in data  # we are the worker's parent, and not named
        (row,) = worker.call("list")  # not "pulled out": whoever asks has to know
        assert row == {"unreadable": "held", "held_by": None}
    finally:
        scard.SCardDisconnect(held, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)
    worker.login()


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_removed_while_a_key_is_made(
    worker: CardWorker, card: PivCard, pcscd: PcscDaemon, cut: Cut
) -> None:
    worker.login()
    card.faults.remove_at(1, ins=0x47, cut=cut)
    told = {"session": worker.session, "spec": "p256", "label": "x"}
    assert worker.refused("generate_key", told)[0] == "needs_so"
    code, _ = worker.refused("generate_key", {**told, "as_so": True}, SO_PIN)
    assert code == "token_gone"
    assert worker.refused("logout", {"session": worker.session})[0] == "session_unknown"
    assert pcscd.readers[0].wait_empty(WITHIN_S)
    assert worker.call("list") == []
    # Into the other reader: pcscd 1.9.9 is blind on one in which a removed card was reset.
    insert(pcscd.readers[1], card)
    worker.login()  # a new insertion, a new login, whatever the reader


def test_a_card_that_does_not_answer_costs_its_worker_alone(
    worker: CardWorker, card: PivCard
) -> None:
    worker.row()
    card.faults.delay_at(8.0, 1, ins=0x20)
    with pytest.raises(ChildTimeout):
        worker.call("login", {"token": worker.token}, PIN, deadline_s=2.0)
    card.faults.clear()
    worker.login()
    assert worker.child.generation == 2


def test_opensc_signs_with_what_ykcs11_made(
    worker: CardWorker, card: PivCard, tmp_path: Path
) -> None:
    worker.login()
    made = worker.key("rsa2048")
    worker.work(
        "install_certificate",
        key_id="01",
        der=certificate_for(made["public_key"]),
        label="certificato",
    )
    worker.call("logout", {"session": worker.session})
    with worker_over(OPENSC, tmp_path, SO_PIN) as other:
        row = other.row()
        assert (row["key_specs"], row["can_generate"]) == ([], False)
        (key,) = other.login()
        assert key["public_key"] == made["public_key"]
        other.check_key(key)
        code, data = other.refused(
            "generate_key", {"session": other.session, "spec": "p256", "label": "x"}
        )
        assert (code, data["capability"]) == ("not_supported", "key p256")
        public = load_der_public_key(made["public_key"])
        assert isinstance(public, rsa.RSAPublicKey)
        signed = other.work("sign", key_id=key["key_id"], data=b"words")["signature"]
        keys.verify(public, signed, b"words", hashes.SHA256())


def test_ykcs11_gets_no_pin_that_it_would_make_something_else_of(
    worker: CardWorker, card: PivCard
) -> None:
    """It fills up a short management key with zeros, and knows no word for a long PIN."""
    worker.row()
    named = {"token": worker.token}
    assert worker.refused("login", named, b"123456789") == (
        "pin_length",
        {"min": 6, "max": 8, "role": "user"},
    )
    code, data = worker.refused("change_pin", {**named, "role": "so"}, SO_PIN, b"abcdef")
    assert (code, data["which"]) == ("pin_length", "new")
    assert card.management.is_default
    assert card.pin_attempts_remaining == 3
    assert worker.call("change_pin", {**named, "role": "so"}, SO_PIN, b"0a" * 24) == {}
    assert not card.management.is_default


def test_what_was_pulled_out_after_its_so_pin_was_right(worker: CardWorker, card: PivCard) -> None:
    worker.login()
    card.faults.remove_at(1, ins=0x47)
    told = {"session": worker.session, "spec": "p256", "label": "x"}
    assert worker.refused("generate_key", told)[0] == "needs_so"
    assert worker.refused("generate_key", {**told, "as_so": True}, SO_PIN)[1]["accepted"] == ["so"]


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_pulled_out_in_the_middle_of_a_signature(
    worker: CardWorker, card: PivCard, pcscd: PcscDaemon, cut: Cut
) -> None:
    """The command fails before the reader service knows why."""
    worker.login()
    key_id = worker.key("p256")["key_id"]
    card.faults.remove_at(1, ins=0x87, cut=cut)
    told = {"session": worker.session, "key_id": key_id, "data": b"words"}
    assert worker.refused("sign", told)[0] == "token_gone"
    assert pcscd.readers[0].wait_empty(WITHIN_S)
