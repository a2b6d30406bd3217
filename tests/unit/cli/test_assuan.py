"""Pinentry programs that answer well, badly, or not at all (Assuan protocol)."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.test_terminal import content

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.prompts.asking import Question
from custode.prompts.assuan import PinentryAsker
from custode.prompts.sources import parse
from custode.prompts.terminal import TerminalAsker

ASK = Question(("Token “FIRMA”", "100% of “it”"), "PIN")
ASK_TWICE = Question((), "PIN", "Again")

Make = Callable[..., str]

# Answers each GETPIN with the next of `pins`; writes down everything it was told.
BODY = """
    import sys
    pins, log = list({pins!r}), open({log!r}, "w")
    out = sys.stdout.buffer
    def say(line): out.write(line + b"\\n"); out.flush()
    say({greeting!r})
    for line in sys.stdin.buffer:
        word = line.split()[0]
        log.write(line.decode()); log.flush()
        if word == b"GETPIN": [say(part) for part in pins.pop(0)]
        elif word == b"SETREPEAT" and not {repeat!r}: say(b"ERR 536871187 Unknown IPC command")
        elif word == b"OPTION": say(b"ERR 83886254 Unknown option")
        else: say(b"OK")
"""


@pytest.fixture
def pinentry(tmp_path: Path) -> Make:
    def make(
        *pins: list[bytes], repeat: bool = False, greeting: bytes = b"OK hello", body: str = BODY
    ) -> str:
        path = tmp_path / "pinentry"
        source = textwrap.dedent(body).format(
            pins=pins, log=str(tmp_path / "log"), repeat=repeat, greeting=greeting
        )
        path.write_text(f"#!{sys.executable} -SE\n{source}")
        path.chmod(0o755)
        return str(path)

    return make


def ask(program: str, asked: Question = ASK, timeout_s: int = 5) -> bytes:
    with PinentryAsker(program, timeout_s).ask(asked) as secret:
        return content(secret)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ([b"D 1234", b"OK"], b"1234"),
        ([b"D 1%2534%0A", b"OK"], b"1%34\n"),
        ([b"S PASSWORD_FROM_CACHE", b"D 12", b"D 34", b"OK"], b"1234"),
        (["D pìn".encode(), b"OK"], "pìn".encode()),
        ([b"# a comment", b"D 1", b"OK closing"], b"1"),
    ],
)
def test_the_pin_comes_through_decoded(pinentry: Make, said: list[bytes], secret: bytes) -> None:
    assert ask(pinentry(said)) == secret


def test_an_empty_answer_is_asked_again(pinentry: Make) -> None:
    assert ask(pinentry([b"OK"], [b"D 1", b"OK"])) == b"1"


def test_the_dialog_says_what_a_person_has_to_know(pinentry: Make, tmp_path: Path) -> None:
    ask(pinentry([b"D 1", b"OK"]))
    told = (tmp_path / "log").read_text().splitlines()
    assert "SETDESC Token “FIRMA”%0A100%25 of “it”" in told
    assert "SETPROMPT PIN" in told
    assert "SETTITLE Custode" in told


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"ERR 83886179 Operation cancelled <Pinentry>", ErrorCode.CANCELLED),
        (b"ERR 83886194 not confirmed <Pinentry>", ErrorCode.CANCELLED),
        (b"ERR 83886142 Timeout <Pinentry>", ErrorCode.TIMED_OUT),
        (b"ERR 83886340 something else", ErrorCode.SECRET_MISSING),
        (b"D " + b"x" * 1100, ErrorCode.SECRET_MISSING),
        (b"D %zz", ErrorCode.SECRET_MISSING),
        (b"ERR what", ErrorCode.SECRET_MISSING),
    ],
)
def test_what_ends_the_question(pinentry: Make, said: bytes, code: ErrorCode) -> None:
    with pytest.raises(CustodeError) as raised:
        ask(pinentry([said, b"OK"]))
    assert raised.value.code is code


def test_a_program_that_says_nothing_is_a_time_out(
    pinentry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custode.prompts.assuan._GRACE_S", 0.2)
    with pytest.raises(CustodeError) as raised:
        ask(pinentry(body="import time; time.sleep(30)"), timeout_s=0)
    assert raised.value.code is ErrorCode.TIMED_OUT


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/at/all", "/etc/hostname"])
def test_a_program_that_is_no_pinentry(program: str) -> None:
    with pytest.raises(CustodeError) as raised:
        ask(program)
    assert (raised.value.code, raised.value.exit) == (ErrorCode.SECRET_MISSING, 2)


def test_a_new_secret_is_repeated_in_the_same_dialog(pinentry: Make, tmp_path: Path) -> None:
    program = pinentry([b"S PIN_REPEATED", b"D 12345678", b"OK"], repeat=True)
    assert ask(program, ASK_TWICE) == b"12345678"
    assert "SETREPEAT Again" in (tmp_path / "log").read_text()


def test_a_dialog_without_repetition_is_shown_twice(pinentry: Make, tmp_path: Path) -> None:
    program = pinentry(*([b"D " + pin, b"OK"] for pin in (b"12", b"13", b"45", b"45")))
    assert ask(program, ASK_TWICE) == b"45"
    assert (tmp_path / "log").read_text().count("SETERROR") == 1


def test_the_source_asks_anew_each_time(pinentry: Make) -> None:
    import os

    source = parse(f"pinentry:{pinentry([b'D 1234', b'OK'])}")
    for _ in range(2):
        descriptor = source.give(ASK)
        assert os.read(descriptor, 100) == b"1234"
        os.close(descriptor)


def given(source: str, question: Question) -> bytes:
    with open(parse(source).give(question), "rb") as pipe:  # noqa: PTH123 - a descriptor
        return pipe.read()


def test_the_prompt_is_the_configured_program(pinentry: Make) -> None:
    asked = ASK._replace(pinentry=pinentry([b"D 1234", b"OK"]), seconds=5.0)
    assert given("prompt", asked) == b"1234"


def test_the_configured_program_waits_as_long_as_the_agent(pinentry: Make, tmp_path: Path) -> None:
    given("prompt", ASK._replace(pinentry=pinentry([b"D 1234", b"OK"]), seconds=77.0))
    assert "SETTIMEOUT 77\n" in (tmp_path / "log").read_text()


def test_a_named_program_goes_before_the_configured_one(pinentry: Make) -> None:
    asked = ASK._replace(pinentry="/nowhere/at/all", seconds=5.0)
    assert given(f"pinentry:{pinentry([b'D 1234', b'OK'])}", asked) == b"1234"


@pytest.mark.parametrize("configured", ["", "tty"])
def test_the_prompt_is_the_terminal(configured: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def init(asker: TerminalAsker, timeout_s: float) -> None:
        waits.append(timeout_s)
        asker._path = "/dev/null"

    monkeypatch.setattr(TerminalAsker, "__init__", init)
    with pytest.raises(CustodeError) as raised:
        parse("prompt").give(ASK._replace(pinentry=configured, seconds=77.0))
    assert (raised.value.code, waits) == (ErrorCode.SECRET_MISSING, [77.0])
