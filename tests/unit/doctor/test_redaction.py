"""What is taken out of a report: what is known, what looks personal, and paths of the person."""

from __future__ import annotations

import base64

import pytest

from custode.doctor.redaction import LEFT_OUT, Redactor

KNOWN = {"ROSSI01": "identity", "Anna Rossi": "identity", "3e920c9b4f46bd78": "serial"}


@pytest.fixture
def redactor() -> Redactor:
    ours = {"/home/anna/.local/share/custode": "<custode>"}
    return Redactor(KNOWN, ours, ["/home/anna"])


@pytest.mark.parametrize(
    "text",
    [
        "code ROSSI01 is",
        "anna rossi",
        "to anna.rossi@studio.example now",
        "RSSNNA80A01H501H",
        "rssmra80a01h501u",
        "pkcs11:token=Anna;serial=3E92",
        "sha256 0123456789abcdef0123456789abcdef",
        "AA:BB:CC:DD:EE:FF",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "operation 2611211067339987",
        "key Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2",
        "reader Gemalto (E12345678) 00 00",
        "/home/anna/Documenti/Rossi Mario/x.csr",
    ],
)
def test_what_is_personal_goes(redactor: Redactor, text: str) -> None:
    told = redactor.text(text)
    assert told != text
    for piece in ("rossi", "anna", "3e92", "rss", "0123456", "bb:cc", "4266", "67339", "zm9v"):
        assert piece not in told.lower()
    assert "E12345678" not in told


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 04:27:19,123 INFO custode.daemon.main: ready, process 4711",
        "libsofthsm2.so: CKR_GENERAL_ERROR during C_GetTokenInfo (0x80100013)",
        "/usr/lib/x86_64-linux-gnu/pkcs11/opensc-pkcs11.so: cannot open shared object file",
        "https://127.0.0.1:43211 answered after 0.12 s",
        "Custode 0.1.0, Python 3.11.7, Linux 6.1.0-18-amd64 x86_64",
    ],
)
def test_what_tells_something_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_the_same_text_is_the_same_within_a_report_and_in_no_other(redactor: Redactor) -> None:
    other = Redactor(KNOWN, {}, [])
    one = redactor.text("ROSSI01")
    assert redactor.text("of rossi01") == f"of {one}"
    assert other.text("ROSSI01") != one


def test_our_own_paths_keep_their_names(redactor: Redactor) -> None:
    told = redactor.text("/home/anna/.local/share/custode/state.sqlite is damaged")
    assert told == "<custode>/state.sqlite is damaged"


@pytest.mark.parametrize(
    "hidden",
    [
        b"Anna Rossi".hex(" "),
        "Anna Rossi"[::-1],
        "Anna%20Rossi",
        "\\u0041nna Rossi",
        "A:" + base64.b64encode(b"Anna Rossi").decode(),
    ],
)
def test_a_line_that_still_holds_something_goes_whole(redactor: Redactor, hidden: str) -> None:
    told = redactor.lines(f"first\nbefore {hidden} after\nlast").splitlines()
    assert told == ["first", LEFT_OUT, "last"]


def test_values_are_redacted_wherever_they_are(redactor: Redactor) -> None:
    value = {"a": ["ROSSI01", 5, None, {"b": "Anna Rossi"}], "c": True}
    told = redactor.value(value)
    assert told["c"] is True
    assert told["a"][1:3] == [5, None]
    assert "rossi" not in str(told).lower()
