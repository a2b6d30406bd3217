"""What helps to choose a new secret: its strength, a proposal, and what a pinentry asks back."""

from __future__ import annotations

import os

import pytest
from tests.unit.cli.test_terminal import content

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.prompts import builtin, generated, inquiries
from custode.prompts.asking import Kind, Question, Wanted, question
from custode.prompts.assuan_line import send_secret
from custode.prompts.inquiries import NOTHING, Inquiry
from custode.prompts.secret import MAX_BYTES, Secret
from custode.prompts.sources import parse
from custode.prompts.strength import ACCOUNT_BITS, FILE_BITS, TOKEN_BITS, bits, percent

BACKUP = question(Wanted("1", Kind.BACKUP_PIN_NEW))


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (b"", b"1"),
        (b"1", b"17"),
        (b"111111", b"583061"),
        (b"123456", b"583061"),
        (b"987654", b"583061"),
        (b"qwertyuiop", b"qxhkwyuzop"),
        (b"QwErTyUiOp", b"QxHkWyUzOp"),
        (b"abcabcabcabc", b"abchqzmxwkfd"),
        (b"Password", b"Pbskworg"),
        (b"juventus", b"jhventqs"),
        (b"5830617294", b"h8306q72z4"),
        (b"custode2025", b"cxstkde2794"),
    ],
)
def test_what_is_easier_to_guess(weaker: bytes, stronger: bytes) -> None:
    assert bits(weaker) < bits(stronger)


def test_the_scales_of_strength() -> None:
    assert percent(b"583061", TOKEN_BITS) >= 85
    assert percent(b"1234", TOKEN_BITS) < 50
    assert percent(b"583061", FILE_BITS) < 50
    assert percent(b"correct horse battery", FILE_BITS) == 100
    assert percent(b"Hx7-pq2Z", ACCOUNT_BITS) >= 70


def test_a_proposal_is_readable_and_long_enough() -> None:
    seen = set()
    for _ in range(50):
        with generated.generate() as made:
            text = content(made)
            seen.add(text)
            assert percent(text, FILE_BITS) >= 85
            assert BACKUP.unfit(len(made)) is None
        assert [len(group) for group in text.split(b"-")] == [generated.GROUP] * generated.GROUPS
        assert not set(text) & set(b"0O1Il")
    assert len(seen) == 50
    assert len(generated.ALPHABET) ** (generated.GROUP * generated.GROUPS) > 2**64
    assert len(set(generated.ALPHABET)) == len(generated.ALPHABET)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"INQUIRE QUALITY correct%25horse%25battery", b"100"),
        (b"INQUIRE QUALITY abc", b"-8"),
        (b"INQUIRE QUALITY ", b"-1"),
        (b"INQUIRE CHECKPIN abc", b"Too short: at least 8 characters are needed."),
        (b"INQUIRE CHECKPIN abcdefgh", b""),
        (b"INQUIRE TEA", None),
    ],
)
def test_what_a_pinentry_is_answered(line: bytes, told: bytes | None) -> None:
    with Secret() as answer:
        assert inquiries.answer(Inquiry(BACKUP), bytearray(line), len(line), answer) is (
            told is not None
        )
        assert content(answer) == (told or b"")


@pytest.mark.parametrize(
    "inquiry", [NOTHING, Inquiry(question(Wanted("1", Kind.NEW_PIN)))], ids=["none", "token"]
)
def test_no_proposal_where_none_was_offered(inquiry: Inquiry) -> None:
    line = bytearray(b"INQUIRE GENPIN")
    with Secret() as answer:
        assert not inquiries.answer(inquiry, line, len(line), answer)
        assert not len(answer)


@pytest.mark.parametrize(
    ("kind", "bits", "generates"),
    [
        (Kind.TOKEN_PIN, 0, False),
        (Kind.BACKUP_PIN, 0, False),
        (Kind.NEW_PIN, TOKEN_BITS, False),
        (Kind.BACKUP_PIN_NEW, FILE_BITS, True),
        (Kind.EXPORT_PIN_NEW, FILE_BITS, True),
        (Kind.ACCOUNT_PASSWORD_NEW, ACCOUNT_BITS, False),
    ],
)
def test_which_secrets_are_judged(kind: Kind, bits: int, *, generates: bool) -> None:
    asked = question(Wanted("1", kind))
    assert (asked.strong_bits, asked.generates) == (bits, generates)


@pytest.mark.parametrize(
    ("start", "end", "put", "left"),
    [
        (0, 0, b"", b"abcdef"),
        (0, 0, b"xy", b"xyabcdef"),
        (2, 4, b"X", b"abXef"),
        (2, 4, b"XYZ", b"abXYZef"),
        (6, 6, b"g", b"abcdefg"),
        (0, 6, b"", b""),
    ],
)
def test_a_secret_is_changed_in_its_place(start: int, end: int, put: bytes, left: bytes) -> None:
    with Secret() as secret:
        assert secret.replace(0, 0, b"abcdef")
        assert secret.replace(start, end, put)
        assert content(secret) == left
        assert not any(secret._buffer[len(left) :])
        assert not secret.replace(0, 0, b"x" * (MAX_BYTES + 1 - len(left)))
        assert content(secret) == left


def test_an_inquired_secret_stays_on_one_line() -> None:
    read_end, write_end = os.pipe()
    with Secret() as secret:
        secret.replace(0, 0, b"%" * 1000)
        send_secret(write_end, secret, b"INQUIRE QUALITY ", 300)
    os.close(write_end)
    with open(read_end, "rb") as pipe:  # noqa: PTH123 - a descriptor
        assert pipe.read() == b"INQUIRE QUALITY " + b"%25" * 300 + b"\n"


@pytest.mark.parametrize("source", ["prompt", "pinentry:builtin"])
def test_our_own_dialog_without_a_display(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    asked = Question((), "PIN", pinentry="builtin")
    with pytest.raises(CustodeError) as raised:
        parse(source).give(asked)
    assert raised.value.code is ErrorCode.SECRET_MISSING
    assert 'pinentry = "tty"' in str(raised.value.data["why"])
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert builtin.argv()[1:] == ("-m", "custode.desktop.pin_dialog")


def test_our_own_dialog_without_qt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "find_spec", lambda name: None)
    with pytest.raises(CustodeError) as raised:
        parse("pinentry:builtin").give(Question((), "PIN"))
    assert raised.value.code is ErrorCode.SECRET_MISSING
    assert "PySide6-Essentials" in str(raised.value.data["why"])
