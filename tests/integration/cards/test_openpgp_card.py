"""The third-party OpenPGP card behind our reader, judged by OpenSC."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from custode_drivers.testing.openpgp import OpenPgpCard, OpenPgpUnavailable
from custode_drivers.testing.pcscd import PcscDaemon

from .events import WITHIN_S, insert
from .judges import OPENSC, Judge, run, self_signed

VERIFIED = "self-signature verify OK"
SELECT = "00:A4:04:00:06:D2:76:00:01:24:01"
UNBLOCK = "00:2C:02:81:06:31:32:33:34:35:36"
VERIFY_SO = "00:20:00:83:08:31:32:33:34:35:36:37:38"


@pytest.fixture
def opensc(pcscd: PcscDaemon, openpgp_card: OpenPgpCard, tmp_path: Path) -> Judge:
    insert(pcscd.readers[0], openpgp_card)
    return Judge(OPENSC, tmp_path, so_pin="12345678")


def test_key_request_and_certificate(opensc: Judge, tmp_path: Path) -> None:
    opensc.generate("EC:prime256v1", "03")
    assert VERIFIED in opensc.request("03", opensc.public("03"))
    _, certificate = self_signed(tmp_path)
    opensc.install(certificate, "03")
    read = tmp_path / "read.der"
    opensc.run("--read-object", "--type", "cert", "--id", "03", "--output-file", read)
    assert read.read_bytes() == certificate.read_bytes()


def test_the_signature_key_is_behind_a_token_of_its_own(opensc: Judge) -> None:
    opensc.generate("RSA:2048", "01")
    signing = replace(opensc, token=("--token-label", "OpenPGP card (User PIN (sig))"))
    assert VERIFIED in signing.request("01", signing.public("01"))


def test_the_serial_number_is_the_cards(opensc: Judge, openpgp_card: OpenPgpCard) -> None:
    assert f"fffe{openpgp_card.serial:08x}" in opensc.run("--list-token-slots")


def test_the_pin_counter_down_to_the_lock_and_the_way_out(opensc: Judge) -> None:
    for flag in ("PIN initialized", "final user PIN try", "user PIN locked"):
        assert "CKR_PIN_" in opensc.as_user("-O", pin="000000", fails=True)
        assert flag in opensc.flags()
    assert "CKR_PIN_LOCKED" in opensc.as_user("-O", fails=True)
    run("opensc-tool", "-s", SELECT, "-s", VERIFY_SO, "-s", UNBLOCK)
    opensc.as_user("-O")


def test_the_pin_is_changed(opensc: Judge) -> None:
    opensc.as_user("--change-pin", "--new-pin", "654321")
    opensc.as_user("-O", pin="654321")
    assert "CKR_PIN_INCORRECT" in opensc.as_user("-O", fails=True)


def test_what_is_on_it_survives_removal_in_the_middle_of_a_signature(
    pcscd: PcscDaemon, openpgp_card: OpenPgpCard, opensc: Judge
) -> None:
    opensc.generate("EC:prime256v1", "03")
    public = opensc.public("03")
    openpgp_card.faults.remove_at(1, ins=0x88)
    with pytest.raises(AssertionError):
        opensc.request("03", opensc.public("03"))
    assert pcscd.readers[0].wait_empty(WITHIN_S)
    insert(pcscd.readers[1], openpgp_card)
    assert opensc.public("03") == public
    assert VERIFIED in opensc.request("03", opensc.public("03"))


def test_a_missing_environment_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTODE_OPENPGP_PYTHON", str(tmp_path / "python"))
    with pytest.raises(OpenPgpUnavailable, match="make setup"):
        OpenPgpCard()


def test_a_card_whose_process_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such card >&2\n")
    broken.chmod(0o755)
    with pytest.raises(OpenPgpUnavailable, match="ended: no such card"):
        OpenPgpCard(python=broken)
