"""The terminal's prompt: bytes from the keyboard, never shown, on a pseudo-terminal (pty(7))."""

import os
import select
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.prompts.asking import Kind, Question, Wanted, question
from custode.prompts.secret import MAX_BYTES, Secret, TooLong
from custode.prompts.terminal import TerminalAsker, read_answer

TIMEOUT_S = 5.0
ASK = Question(("Token “FIRMA”",), "PIN")
ASK_TWICE = Question((), "PIN", "Again")


@dataclass
class Keyboard:
    """The person's end of a terminal; types the next keys when a prompt is shown."""

    master: int
    path: str
    shown: bytes = b""
    result: list[Any] = field(default_factory=list)

    def wait_for(self, text: bytes) -> None:
        until = time.monotonic() + TIMEOUT_S
        while text not in self.shown:
            assert select.select([self.master], [], [], max(0, until - time.monotonic()))[0], text
            self.shown += os.read(self.master, 4096)

    def ask(self, asked: Question, *typed: tuple[bytes, bytes], timeout_s: float = 5.0) -> Any:
        """Ask in a thread; for each (prompt, keys) wait for the prompt and press the keys."""

        def run() -> None:
            try:
                with TerminalAsker(timeout_s, self.path).ask(asked) as secret:
                    self.result.append(content(secret))
            except CustodeError as error:
                self.result.append(error.code)

        asking = threading.Thread(target=run)
        asking.start()
        for prompt, keys in typed:
            self.wait_for(prompt)
            self.shown = self.shown.partition(prompt)[2]
            os.write(self.master, keys)
        asking.join(TIMEOUT_S)
        assert not asking.is_alive()
        return self.result[0]


def content(secret: Secret) -> bytes:
    descriptor = secret.into_pipe()
    with open(descriptor, "rb") as pipe:  # noqa: PTH123 - a descriptor, not a path
        return pipe.read()


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    master, slave = os.openpty()
    yield Keyboard(master, os.ttyname(slave))
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("keys", "secret"),
    [
        (b"1234\r", b"1234"),
        (b"1234\n", b"1234"),
        ("pìn\r".encode(), "pìn".encode()),
        (b"12\x7f34\r", b"134"),
        ("1ì\x7f2\r".encode(), b"12"),
        (b"\x7f1\r", b"1"),
        (b"wrong\x1512\r", b"12"),
        (b"1\x1b[A2\r", b"12"),
        (b"1\x1bOP2\r", b"12"),
        (b"1\x1b[3~2\r", b"12"),
        (b"\r\r1\r", b"1"),
        (b"\x1b[200~12\x1b[201~\r", b"12"),
    ],
)
def test_what_is_typed_is_the_secret(keyboard: Keyboard, keys: bytes, secret: bytes) -> None:
    assert keyboard.ask(ASK, (b"PIN: ", keys)) == secret


@pytest.mark.parametrize("keys", [b"\x1b", b"\x03", b"\x04", b"\x1c", b"123\x03"])
def test_esc_and_ctrl_c_cancel(keyboard: Keyboard, keys: bytes) -> None:
    assert keyboard.ask(ASK, (b"PIN: ", keys)) is ErrorCode.CANCELLED


def test_nobody_there_is_a_time_out(keyboard: Keyboard) -> None:
    assert keyboard.ask(ASK, timeout_s=0.05) is ErrorCode.TIMED_OUT


def test_what_is_asked_is_shown_and_what_is_typed_is_not(keyboard: Keyboard) -> None:
    keyboard.ask(ASK, ("Token “FIRMA”\r\nPIN: ".encode(), b"93847561\r"))
    time.sleep(0.05)
    while select.select([keyboard.master], [], [], 0)[0]:
        keyboard.shown += os.read(keyboard.master, 4096)
    assert b"93847561" not in keyboard.shown
    assert b"9" not in keyboard.shown


def test_the_terminal_is_as_before_afterwards(keyboard: Keyboard) -> None:
    before = termios.tcgetattr(keyboard.master)
    for keys in (b"1\r", b"\x03"):
        keyboard.ask(ASK, (b"PIN: ", keys))
        assert termios.tcgetattr(keyboard.master) == before
        keyboard.result.clear()


def test_a_new_secret_is_asked_until_both_are_the_same(keyboard: Keyboard) -> None:
    answer = keyboard.ask(
        ASK_TWICE,
        (b"PIN: ", b"12345678\r"),
        (b"Again: ", b"12345679\r"),
        (b"type them again", b""),
        (b"PIN: ", b"abcdefgh\r"),
        (b"Again: ", b"abcdefgh\r"),
    )
    assert answer == b"abcdefgh"


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/at/all"])
def test_no_terminal_is_an_error_and_no_waiting(path: str) -> None:
    with pytest.raises(CustodeError) as raised:
        TerminalAsker(5.0, path).ask(ASK)
    assert (raised.value.code, raised.value.exit) == (ErrorCode.SECRET_MISSING, 2)


def test_more_than_a_pin_can_be_is_refused() -> None:
    secret = Secret()
    for _ in range(MAX_BYTES):
        secret.append(1)
    with pytest.raises(TooLong):
        secret.append(1)
    secret.wipe()
    assert (len(secret), repr(secret)) == (0, "<Secret>")


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (
            Wanted("1", Kind.TOKEN_PIN, "FIRMA", "0A12", 2, "csr"),
            (
                "Token “FIRMA” (serial 0A12)",
                "Custode needs it to make the key and sign the request.",
                "2 tries left.",
            ),
        ),
        (
            Wanted("1", Kind.TOKEN_PIN, "", "0A12", 1, ""),
            ("Token “–” (serial 0A12)", "This is the LAST try: a wrong PIN locks it."),
        ),
        (Wanted("1", Kind.ACCOUNT_PASSWORD), ()),
        (
            Wanted("1", Kind.BACKUP_PIN_NEW),
            ("Choose a PIN that is not the token's. Without it the backup is useless.",),
        ),
    ],
)
def test_the_question_says_which_token_why_and_the_tries_left(
    wanted: Wanted, lines: tuple[str, ...]
) -> None:
    assert question(wanted).lines == lines


@pytest.mark.parametrize("kind", list(Kind))
def test_only_new_secrets_are_asked_twice(kind: Kind) -> None:
    new = {Kind.NEW_PIN, Kind.BACKUP_PIN_NEW, Kind.EXPORT_PIN_NEW, Kind.ACCOUNT_PASSWORD_NEW}
    assert (question(Wanted("1", kind)).repeat_prompt is not None) is (kind in new)


def test_a_short_password_is_asked_again(keyboard: Keyboard) -> None:
    asked = question(Wanted("1", Kind.ACCOUNT_PASSWORD_NEW))
    typed = keyboard.ask(
        asked,
        (b"characters): ", b"short\r"),
        (b"Too short: at least 8 characters are needed.", b""),
        (b"characters): ", b"long enough\r"),
        (b"once more: ", b"long enough\r"),
    )
    assert typed == b"long enough"


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (b"y\r", "y"),
        (b"nx\x7f\r", "n"),
        (b"\x7fs\x1b[A\xc3\xac\n", "sì"),
        (b"\x1b", None),
        (b"\x03", None),
        (b"y\x04", None),
    ],
)
def test_an_answer_is_read_key_by_key(keyboard: Keyboard, keys: bytes, answer: str | None) -> None:
    def run() -> None:
        with open(keyboard.path, encoding="utf-8") as stream:  # noqa: PTH123 - a terminal
            try:
                keyboard.result.append(read_answer(stream))
            except CustodeError as error:
                keyboard.result.append(error.code)

    reading = threading.Thread(target=run)
    reading.start()
    time.sleep(0.2)  # what was typed before it is ready is thrown away
    os.write(keyboard.master, keys)
    reading.join(TIMEOUT_S)
    assert keyboard.result == [ErrorCode.CANCELLED if answer is None else answer]
