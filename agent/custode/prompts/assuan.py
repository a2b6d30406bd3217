"""A pinentry program as the one that asks (Assuan protocol; pinentry manual, "Protocol").

Answers are read into buffers that are wiped: a PIN is never a str, and never a `bytes` that the
garbage collector would keep.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import TYPE_CHECKING, Final, Self

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import current, t
from custode.locale.printable import printable
from custode.prompts.secret import MAX_BYTES, Secret, TooLong

if TYPE_CHECKING:
    from types import TracebackType

    from custode.prompts.asking import Question

_GRACE_S: Final = 5.0  # the program's own time-out comes first
_LINE_MAX: Final = 1000 + 2  # Assuan manual, "Server responses": 1000 octets and a line end
_CODE_MASK: Final = 0xFFFF  # libgpg-error: the upper half names the source
_TIMEOUT, _CANCELED, _NOT_CONFIRMED = 62, 99, 114  # gpg-error codes


class AssuanError(Exception):
    """An ERR line: its gpg-error code without the source."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class PinentryAsker:
    """Starts `program` for each question and ends it afterwards."""

    def __init__(self, program: str, timeout_s: int) -> None:
        self._program = program
        self._timeout_s = timeout_s

    def ask(self, question: Question) -> Secret:
        try:
            with _Pinentry(self._program, self._timeout_s) as pinentry:
                return _converse(pinentry, question)
        except AssuanError as error:
            if error.code in {_CANCELED, _NOT_CONFIRMED}:
                raise CustodeError(ErrorCode.CANCELLED) from error
            if error.code == _TIMEOUT:
                raise CustodeError(ErrorCode.TIMED_OUT, seconds=self._timeout_s) from error
            raise _broken(self._program) from error
        except (OSError, ValueError, TooLong) as error:
            raise _broken(self._program) from error


def _broken(program: str) -> CustodeError:
    return CustodeError(
        ErrorCode.SECRET_MISSING,
        why=t("the PIN program {program} does not work", program=program),
    )


def _converse(pinentry: _Pinentry, question: Question) -> Secret:
    # Options that a flavour does not know are no fault: each pinentry has its own.
    pinentry.try_command(f"OPTION lc-messages={'it_IT' if current() == 'it' else 'en_US'}.UTF-8")
    pinentry.try_command("OPTION lc-ctype=C.UTF-8")
    if tty := _terminal_name():
        pinentry.try_command(f"OPTION ttyname={tty}")
        pinentry.try_command(f"OPTION ttytype={os.environ.get('TERM', 'dumb')}")
    pinentry.command("SETTITLE Custode")
    pinentry.command(f"SETDESC {_escape(chr(10).join(question.lines))}")
    pinentry.try_command(f"SETOK {_escape(t('OK'))}")
    pinentry.try_command(f"SETCANCEL {_escape(t('Cancel'))}")
    while True:
        repeats = question.repeat_prompt is not None and pinentry.try_command(
            f"SETREPEAT {_escape(question.repeat_prompt)}"
        )
        first = pinentry.get_pin(question.prompt)
        if (unfit := question.unfit(len(first))) is not None:
            first.wipe()
            pinentry.command(f"SETERROR {_escape(unfit)}")
            continue
        if question.repeat_prompt is None or (repeats and pinentry.repeated):
            return first
        with pinentry.get_pin(question.repeat_prompt) as second:
            if first.equals(second):
                return first
        first.wipe()
        pinentry.command(f"SETERROR {_escape(t('The two are different: please type them again.'))}")


def _terminal_name() -> str | None:
    for descriptor in (0, 2):
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return None


def _escape(text: str) -> str:
    """Percent-escape what would break the line (Assuan manual, "Client requests")."""
    return "".join(c if c not in "%\r\n" else f"%{ord(c):02X}" for c in printable(text))


class _Pinentry:
    """One running program and the conversation with it."""

    def __init__(self, program: str, timeout_s: int) -> None:
        self._timeout_s = timeout_s
        self.repeated = False
        self._process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # a buffer of Python's own would keep the PIN
        )

    def __enter__(self) -> Self:
        try:
            self._reply(Secret())
            self.try_command(f"SETTIMEOUT {self._timeout_s}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()  # the end of its input ends a pinentry
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def command(self, line: str) -> None:
        """Send a command that gives no data.

        :raises AssuanError: when it is refused
        """
        self._send(line)
        with Secret() as nothing:
            self._reply(nothing)

    def try_command(self, line: str) -> bool:
        """Send a command that a flavour may not know; tell whether it did."""
        try:
            self.command(line)
        except AssuanError:
            return False
        return True

    def get_pin(self, prompt: str) -> Secret:
        """Show the dialog.

        :raises AssuanError: when the person cancels, or nobody answers
        """
        self.command(f"SETPROMPT {_escape(prompt)}")
        secret = Secret()
        try:
            while not len(secret):
                self._send("GETPIN")
                self._reply(secret)
        except BaseException:
            secret.wipe()
            raise
        return secret

    def _send(self, line: str) -> None:
        if self._process.stdin is None:
            raise OSError
        self._process.stdin.write(line.encode() + b"\n")

    def _reply(self, secret: Secret) -> None:
        """Read up to OK; `D` lines go into `secret`."""
        self.repeated = False
        deadline = time.monotonic() + self._timeout_s + _GRACE_S
        line = bytearray(_LINE_MAX)
        try:
            while True:
                length = self._read_line(line, deadline)
                if line.startswith(b"D "):
                    _unescape(line, length, secret)
                elif line.startswith(b"OK"):
                    return
                elif line.startswith(b"ERR "):
                    raise AssuanError(int(line[4:length].split(b" ")[0]) & _CODE_MASK)
                elif line.startswith(b"S PIN_REPEATED"):
                    self.repeated = True
                elif line.startswith(b"INQUIRE"):
                    self._send("CAN")  # we set no quality bar, so nothing is to be asked of us
        finally:
            line[:] = bytes(len(line))

    def _read_line(self, line: bytearray, deadline: float) -> int:
        """Read one line into `line`, byte by byte; give its length."""
        if self._process.stdout is None:
            raise OSError
        source = self._process.stdout.fileno()
        for at in range(_LINE_MAX):
            if not select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssuanError(_TIMEOUT)
            with memoryview(line)[at : at + 1] as place:
                if not os.readv(source, [place]):
                    raise OSError("ended")
            if line[at] == ord("\n"):
                return at
        raise ValueError("line too long")


def _unescape(line: bytearray, length: int, secret: Secret) -> None:
    """Put the data of a `D` line into `secret`, decoding %XX."""
    at = len(b"D ")
    while at < length and len(secret) < MAX_BYTES + 1:
        if line[at] == ord("%"):
            secret.append(int(line[at + 1 : at + 3], 16))
            at += 3
        else:
            secret.append(line[at])
            at += 1
