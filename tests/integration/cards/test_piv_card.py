"""The virtual PIV card, judged by yubico-piv-tool, ykcs11 and OpenSC."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import AUTHENTICATION, KEY_MANAGEMENT, SIGNATURE, PivCard
from custode_drivers.testing.piv_keys import Origin

from .events import insert
from .judges import OPENSC, YKCS11, Judge, run, self_signed

VERIFIED = "self-signature verify OK"


@pytest.fixture
def card(pcscd: PcscDaemon) -> PivCard:
    card = PivCard(serial=4711)
    insert(pcscd.readers[0], card)
    return card


@pytest.fixture
def ykcs11(card: PivCard, tmp_path: Path) -> Judge:
    return Judge(YKCS11, tmp_path)


@pytest.fixture
def opensc(card: PivCard, tmp_path: Path) -> Judge:
    return Judge(OPENSC, tmp_path)


def public(card: PivCard, slot: int) -> bytes:
    key = card.keys[slot].private.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def piv_tool(*arguments: str | Path, fails: bool = False) -> str:
    return run("yubico-piv-tool", *arguments, fails=fails)


@pytest.mark.parametrize(
    ("kind", "slot", "key_id"),
    [
        ("RSA:2048", AUTHENTICATION, "01"),
        ("EC:prime256v1", AUTHENTICATION, "01"),
        ("EC:secp384r1", KEY_MANAGEMENT, "03"),
        ("RSA:2048", SIGNATURE, "02"),
    ],
)
def test_key_and_request_by_ykcs11(
    card: PivCard, ykcs11: Judge, kind: str, slot: int, key_id: str
) -> None:
    ykcs11.generate(kind, key_id)
    assert card.keys[slot].origin is Origin.GENERATED
    assert VERIFIED in ykcs11.request(key_id, public(card, slot))


def test_certificate_is_read_back_by_both_modules(
    card: PivCard, ykcs11: Judge, opensc: Judge, tmp_path: Path
) -> None:
    ykcs11.generate("EC:prime256v1", "01")
    _, certificate = self_signed(tmp_path, kind="ec:P-256")
    ykcs11.install(certificate, "01")
    assert card.certificate(AUTHENTICATION) == certificate.read_bytes()
    for judge in (ykcs11, opensc):
        path = tmp_path / "read.der"
        judge.run("--read-object", "--type", "cert", "--id", "01", "--output-file", path)
        assert path.read_bytes() == certificate.read_bytes()


@pytest.mark.parametrize("kind", ["rsa:2048", "ec:P-256", "ec:P-384"])
def test_an_imported_key_signs_for_opensc(
    card: PivCard, opensc: Judge, tmp_path: Path, kind: str
) -> None:
    key, certificate = self_signed(tmp_path, kind=kind)
    piv_tool("-a", "import-key", "-s", "9a", "-i", key)
    piv_tool("-a", "import-certificate", "-s", "9a", "-K", "DER", "-i", certificate)
    assert card.keys[AUTHENTICATION].origin is Origin.IMPORTED
    assert VERIFIED in opensc.request("01", public(card, AUTHENTICATION))


def test_status_of_a_card_with_serial_and_version(card: PivCard) -> None:
    told = piv_tool("-a", "status")
    assert "Version:\t5.4.3" in told
    assert "Serial Number:\t4711" in told
    assert "PIN tries left:\t3" in told


def test_the_pin_counter_down_to_the_lock_and_the_way_out(card: PivCard, ykcs11: Judge) -> None:
    assert "user PIN" not in ykcs11.flags()
    for flag in ("user PIN count low", "final user PIN try", "user PIN locked"):
        assert "CKR_PIN_" in ykcs11.as_user("-O", pin="000000", fails=True)
        assert flag in ykcs11.flags()
    assert "CKR_PIN_LOCKED" in ykcs11.as_user("-O", fails=True)
    assert card.pin_attempts_remaining == 0

    piv_tool("-a", "unblock-pin", "-P", "99999999", "-N", "222222", fails=True)
    assert card.puk_attempts_remaining == 2
    piv_tool("-a", "unblock-pin", "-P", "12345678", "-N", "222222")
    assert (card.pin_attempts_remaining, card.puk_attempts_remaining) == (3, 3)
    ykcs11.as_user("-O", pin="222222")


def test_pin_and_puk_are_changed(card: PivCard, ykcs11: Judge, opensc: Judge) -> None:
    piv_tool("-a", "change-pin", "-P", "123456", "-N", "333333")
    ykcs11.as_user("--change-pin", "--new-pin", "444444", pin="333333")
    opensc.as_user("--change-pin", "--new-pin", "555555", pin="444444")
    piv_tool("-a", "verify-pin", "-P", "555555")
    piv_tool("-a", "change-puk", "-P", "12345678", "-N", "87654321")
    piv_tool("-a", "unblock-pin", "-P", "87654321", "-N", "123456")


def test_the_knobs_of_the_counters(card: PivCard, ykcs11: Judge) -> None:
    card.pin_attempts_remaining = 1
    assert "final user PIN try" in ykcs11.flags()
    card.puk_attempts_remaining = 0
    assert "puk code is blocked" in piv_tool(
        "-a", "unblock-pin", "-P", "12345678", "-N", "222222", fails=True
    )


def test_both_blocked_and_reset_makes_a_new_card(card: PivCard, ykcs11: Judge) -> None:
    ykcs11.generate("EC:prime256v1", "01")
    piv_tool("-a", "reset", fails=True)
    card.pin_attempts_remaining = card.puk_attempts_remaining = 0
    piv_tool("-a", "reset")
    assert card.keys == {}
    piv_tool("-a", "verify-pin", "-P", "123456")


def test_what_is_on_it_survives_removal(pcscd: PcscDaemon, card: PivCard, ykcs11: Judge) -> None:
    ykcs11.generate("EC:prime256v1", "01")
    pcscd.readers[0].remove()
    insert(pcscd.readers[1], card)
    assert VERIFIED in ykcs11.request("01", public(card, AUTHENTICATION))
    assert VERIFIED in ykcs11.request("01", ykcs11.public("01"))


def test_a_new_management_key(card: PivCard, tmp_path: Path) -> None:
    new = "0a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778"
    piv_tool("-a", "set-mgm-key", "-n", new)
    assert not card.management.is_default
    piv_tool("-a", "generate", "-s", "9a", "-A", "ECCP256", fails=True)
    piv_tool(f"--key={new}", "-a", "generate", "-s", "9a", "-A", "ECCP256")
