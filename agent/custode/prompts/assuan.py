"""A pinentry program as the one that asks (Assuan protocol; pinentry manual, "Protocol").

Answers are read into buffers that are wiped: a PIN is never a str, and never a `bytes` that the
garbage collector would keep.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Final, Self

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import current, t
from custode.locale.printable import printable
from custode.prompts import builtin
from custode.prompts.assuan_line import (
    CANCELED,
    LINE_MAX,
    NOT_CONFIRMED,
    TIMEOUT,
    escape,
    read_line,
    send_secret,
    unescape_into,
)
from custode.prompts.inquiries import NOTHING, Inquiry, answer
from custode.prompts.secret import Secret, TooLong

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from custode.prompts.asking import Question

_GRACE_S: Final = 5.0  # the program's own time-out comes first
_CODE_MASK: Final = 0xFFFF  # libgpg-error: the upper half names the source


class AssuanError(Exception):
    """An ERR line: its gpg-error code without the source."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class PinentryAsker:
    """Starts `program` (`builtin`: our own dialog) for each question and ends it afterwards."""

    def __init__(self, program: str, timeout_s: int) -> None:
        self._program = program
        self._timeout_s = timeout_s
        self._running: _Pinentry | None = None
        self._abandoned = False

    def ask(self, question: Question) -> Secret:
        argv = builtin.argv() if self._program == builtin.NAME else (self._program,)
        try:
            with _Pinentry(argv, self._timeout_s) as pinentry:
                self._running = pinentry
                if self._abandoned:
                    raise CustodeError(ErrorCode.CANCELLED)
                return _converse(pinentry, question)
        except AssuanError as error:
            if error.code in {CANCELED, NOT_CONFIRMED}:
                raise CustodeError(ErrorCode.CANCELLED) from error
            if error.code == TIMEOUT:
                raise CustodeError(ErrorCode.TIMED_OUT, seconds=self._timeout_s) from error
            raise self._broken() from error
        except (OSError, ValueError, TooLong) as error:
            raise self._broken() from error

    def abandon(self) -> None:
        """Take the question from the screen, from another thread: `ask` ends with an error."""
        self._abandoned = True
        if self._running is not None:
            self._running.kill()

    def _broken(self) -> CustodeError:
        if self._program == builtin.NAME:
            return builtin.failed()
        return CustodeError(
            ErrorCode.SECRET_MISSING,
            why=t("the PIN program {program} does not work", program=self._program),
        )


def _converse(pinentry: _Pinentry, question: Question) -> Secret:
    # Options and commands that a flavour does not know are no fault: each pinentry has its own.
    pinentry.try_command(f"OPTION lc-messages={'it_IT' if current() == 'it' else 'en_US'}.UTF-8")
    pinentry.try_command("OPTION lc-ctype=C.UTF-8")
    if tty := _terminal_name():
        pinentry.try_command(f"OPTION ttyname={tty}")
        pinentry.try_command(f"OPTION ttytype={os.environ.get('TERM', 'dumb')}")
    pinentry.command("SETTITLE Custode")
    pinentry.command(f"SETDESC {escape(chr(10).join(_described(pinentry, question)))}")
    pinentry.try_command(f"SETOK {escape(t('OK'))}")
    pinentry.try_command(f"SETCANCEL {escape(t('Cancel'))}")
    different = t("The two are different: please type them again.")
    while True:
        repeats = question.repeat_prompt is not None and pinentry.try_command(
            f"SETREPEAT {escape(question.repeat_prompt)}"
        )
        if repeats:
            pinentry.try_command(f"SETREPEATERROR {escape(different)}")
        first = pinentry.get_pin(question.prompt, _offer_help(pinentry, question))
        if (unfit := question.unfit(len(first))) is not None:
            first.wipe()
            pinentry.command(f"SETERROR {escape(unfit)}")
            continue
        if question.repeat_prompt is None or (repeats and pinentry.repeated):
            return first
        with pinentry.get_pin(question.repeat_prompt) as second:
            if first.equals(second):
                return first
        first.wipe()
        pinentry.command(f"SETERROR {escape(different)}")


def _described(pinentry: _Pinentry, question: Question) -> tuple[str, ...]:
    """The lines to be shown: our own dialog has a place of its own for the token and its tries."""
    label, serial, left = question.label, question.serial, question.attempts_remaining
    takes_all = (
        pinentry.try_command(f"OPTION {builtin.OPTION_LABEL}={printable(label)}")
        and pinentry.try_command(f"OPTION {builtin.OPTION_SERIAL}={printable(serial)}")
        and pinentry.try_command(f"OPTION {builtin.OPTION_ATTEMPTS}={'' if left is None else left}")
    )
    return question.text if takes_all else question.lines


def _offer_help(pinentry: _Pinentry, question: Question) -> Inquiry:
    """Let the program ask us back about a new secret; gives what it will be told.

    Before each question: a pinentry forgets it with the question (pinentry.c, cmd_getpin).
    """
    if not question.strong_bits:
        return NOTHING
    pinentry.try_command(f"SETQUALITYBAR {escape(t('Strength'))}")
    if question.generates:
        pinentry.try_command(f"SETGENPIN {escape(t('Propose a PIN'))}")
    if question.min_length or question.max_length:
        pinentry.try_command("OPTION constraints-enforce")
        pinentry.try_command(f"OPTION constraints-hint-short={question.length_rule()}")
        pinentry.try_command("OPTION constraints-hint-long=")
        pinentry.try_command(f"OPTION constraints-error-title={t('Not usable')}")
    return Inquiry(question)


def _terminal_name() -> str | None:
    for descriptor in (0, 2):
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return None


class _Pinentry:
    """One running program and the conversation with it."""

    def __init__(self, argv: Sequence[str], timeout_s: int) -> None:
        self._timeout_s = timeout_s
        self.repeated = False
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # a buffer of Python's own would keep the PIN
        )

    def __enter__(self) -> Self:
        try:
            self._reply(Secret(), NOTHING)
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

    def kill(self) -> None:
        """End the program now; whoever reads from it finds its end."""
        self._process.kill()

    def command(self, line: str) -> None:
        """Send a command that gives no data.

        :raises AssuanError: when it is refused
        """
        self._send(line)
        with Secret() as nothing:
            self._reply(nothing, NOTHING)

    def try_command(self, line: str) -> bool:
        """Send a command that a flavour may not know; tell whether it did."""
        try:
            self.command(line)
        except AssuanError:
            return False
        return True

    def get_pin(self, prompt: str, inquiry: Inquiry = NOTHING) -> Secret:
        """Show the dialog; `inquiry` answers what it asks back meanwhile.

        :raises AssuanError: when the person cancels, or nobody answers
        """
        self.command(f"SETPROMPT {escape(prompt)}")
        secret = Secret()
        try:
            while not len(secret):
                self._send("GETPIN")
                self._reply(secret, inquiry)
        except BaseException:
            secret.wipe()
            raise
        return secret

    def _send(self, line: str) -> None:
        if self._process.stdin is None:
            raise OSError
        self._process.stdin.write(line.encode() + b"\n")

    def _reply(self, secret: Secret, inquiry: Inquiry) -> None:
        """Read up to OK; `D` lines go into `secret`."""
        self.repeated = False
        deadline = time.monotonic() + self._timeout_s + _GRACE_S
        line = bytearray(LINE_MAX + 2)
        try:
            while True:
                length = self._read_line(line, deadline)
                if line.startswith(b"D "):
                    unescape_into(secret, line, len(b"D "), length)
                elif line.startswith(b"OK"):
                    return
                elif line.startswith(b"ERR "):
                    raise AssuanError(int(line[4:length].split(b" ")[0]) & _CODE_MASK)
                elif line.startswith(b"S PIN_REPEATED"):
                    self.repeated = True
                elif line.startswith(b"INQUIRE "):
                    self._answer(inquiry, line, length)
        finally:
            line[:] = bytes(len(line))

    def _answer(self, inquiry: Inquiry, line: bytearray, length: int) -> None:
        if self._process.stdin is None:
            raise OSError
        with Secret() as told:
            if not answer(inquiry, line, length, told):
                self._send("CAN")
                return
            send_secret(self._process.stdin.fileno(), told)
        self._send("END")

    def _read_line(self, line: bytearray, deadline: float) -> int:
        if self._process.stdout is None:
            raise OSError
        try:
            length = read_line(self._process.stdout.fileno(), line, deadline)
        except TimeoutError as error:
            raise AssuanError(TIMEOUT) from error
        if length is None:
            raise OSError("ended")
        return length
