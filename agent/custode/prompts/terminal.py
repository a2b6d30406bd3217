"""Asks on the controlling terminal, whatever standard input and output are (termios(3)).

The keys are read one by one, without echo and without the line editor of the terminal: only so
can Esc cancel, and only so do the bytes go from the kernel straight into the wiped buffer.
"""

from __future__ import annotations

import os
import select
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t
from custode.locale.printable import printable
from custode.prompts.secret import Secret, TooLong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode.prompts.asking import Question

_ESCAPE_PAUSE_S: Final = 0.05  # a key such as an arrow sends its bytes at once; a lone Esc does not
_ESC: Final = 0x1B
_PRINTABLE_FROM: Final = 0x20
_ENTER: Final = b"\r\n"
_BACKSPACE: Final = b"\x7f\x08"
_GIVE_UP: Final = b"\x03\x04\x1c"  # Ctrl-C, Ctrl-D, Ctrl-\
_ERASE_LINE: Final = 0x15  # Ctrl-U
_FINAL_LOW, _FINAL_HIGH = 0x40, 0x7E  # ECMA-48 §5.4: the last byte of a control sequence


class TerminalAsker:
    """Asks on `path`, the terminal of this process unless a test gives another one."""

    def __init__(self, timeout_s: float, path: str = "/dev/tty") -> None:
        self._path = path
        self._timeout_s = timeout_s

    def ask(self, question: Question) -> Secret:
        try:
            tty = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise _nobody(question) from error
        try:
            if not os.isatty(tty):
                raise _nobody(question)
            with _quiet(tty):
                for line in question.lines:
                    _say(tty, line + "\n")
                return self._ask_until_same(tty, question)
        finally:
            os.close(tty)

    def _ask_until_same(self, tty: int, question: Question) -> Secret:
        while True:
            first = self._read(tty, question.prompt)
            if (unfit := question.unfit(len(first))) is not None:
                first.wipe()
                _say(tty, unfit + "\n")
                continue
            if question.repeat_prompt is None:
                return first
            with self._read(tty, question.repeat_prompt) as second:
                if first.equals(second):
                    return first
            first.wipe()
            _say(tty, t("The two are different. Nothing was sent: please type them again.") + "\n")

    def _read(self, tty: int, prompt: str) -> Secret:
        secret = Secret()
        try:
            while not len(secret):  # Enter alone is a slip of the finger, not a PIN
                _say(tty, f"{prompt}: ")
                self._read_line(tty, secret)
        except BaseException:
            secret.wipe()
            raise
        return secret

    def _read_line(self, tty: int, secret: Secret) -> None:
        while (byte := self._key(tty)) not in _ENTER:
            if byte in _GIVE_UP or (byte == _ESC and _alone(tty)):
                _say(tty, "\n")
                raise CustodeError(ErrorCode.CANCELLED)
            if byte in _BACKSPACE:
                secret.drop_last_character()
            elif byte == _ERASE_LINE:
                secret.wipe()
            elif byte != _ESC:
                _append(secret, byte)
        _say(tty, "\n")

    def _key(self, tty: int) -> int:
        ready, _, _ = select.select([tty], [], [], self._timeout_s)
        if not ready:
            _say(tty, "\n")
            raise CustodeError(ErrorCode.TIMED_OUT, seconds=int(self._timeout_s))
        key = os.read(tty, 1)
        if not key:  # the terminal was closed
            raise CustodeError(ErrorCode.CANCELLED)
        return key[0]


def read_answer(stream: TextIO) -> str:
    """One line of an answer that is no secret; key by key where `stream` is a terminal.

    :raises CustodeError: CANCELLED for Esc, Ctrl-C and Ctrl-D, as at a PIN
    """
    if not stream.isatty():
        line = stream.readline()
        if not line or chr(_ESC) in line:
            raise CustodeError(ErrorCode.CANCELLED)
        return line
    # Opened once more: what standard input was opened for may be reading alone.
    tty = os.open(os.ttyname(stream.fileno()), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        with _quiet(tty):
            return _read_keys(tty).decode(errors="replace")
    finally:
        os.close(tty)


def _read_keys(tty: int) -> bytearray:
    """Read up to Enter, showing what is typed."""
    typed = bytearray()
    while (byte := os.read(tty, 1) or b"\x04") not in {b"\r", b"\n"}:
        if byte in _GIVE_UP or (byte[0] == _ESC and _alone(tty)):
            _say(tty, "\n")
            raise CustodeError(ErrorCode.CANCELLED)
        if byte in _BACKSPACE and typed:
            del typed[-1]
            os.write(tty, b"\b \b")
        elif byte[0] >= _PRINTABLE_FROM and byte not in _BACKSPACE:
            typed += byte
            os.write(tty, byte)
    _say(tty, "\n")
    return typed


def _append(secret: Secret, byte: int) -> None:
    try:
        secret.append(byte)
    except TooLong as error:
        raise CustodeError(ErrorCode.SECRET_MISSING, why=t("it is too long")) from error


def _alone(tty: int) -> bool:
    """Whether Esc was pressed by itself; the rest of a longer key (ECMA-48 §5.4) is read away."""
    if not select.select([tty], [], [], _ESCAPE_PAUSE_S)[0]:
        return True
    byte = os.read(tty, 1)
    while byte in {b"[", b"O"} or (byte and not _FINAL_LOW <= byte[0] <= _FINAL_HIGH):
        if not select.select([tty], [], [], _ESCAPE_PAUSE_S)[0]:
            break
        byte = os.read(tty, 1)
    return False


@contextmanager
def _quiet(tty: int) -> Iterator[None]:
    """No echo, no line editor and no signals from keys; as it was before, afterwards."""
    before = termios.tcgetattr(tty)
    during = termios.tcgetattr(tty)
    during[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    during[6][termios.VMIN], during[6][termios.VTIME] = 1, 0
    termios.tcsetattr(tty, termios.TCSAFLUSH, during)  # FLUSH: what was typed ahead is no PIN
    try:
        yield
    finally:
        termios.tcsetattr(tty, termios.TCSAFLUSH, before)


def _say(tty: int, text: str) -> None:
    os.write(tty, printable(text).encode())


def _nobody(question: Question) -> CustodeError:
    return CustodeError(
        ErrorCode.SECRET_MISSING,
        why=t(
            "there is no terminal to ask on; say where it comes from with {option}"
            " (fd:N, file:PATH or pinentry:PROGRAM)",
            option=question.option,
        ),
    )
