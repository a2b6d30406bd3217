"""Where a secret comes from: `prompt`, `fd:N`, `file:PATH` or `pinentry:PROGRAM`.

PROGRAM `builtin` is our own dialog.

Nothing else is read: no environment variable, and no text on the command line, which every
program of this computer can see (proc(5), cmdline).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t
from custode.prompts.literal import LITERAL_SECRET
from custode.prompts.secret import Secret, TooLong
from custode_authority.wire.parameters import PIN_MAX_LENGTH

if TYPE_CHECKING:
    from custode.prompts.asking import Asker, Question


class Source(Protocol):
    """Gives a secret, as often as one command needs it."""

    def check(self) -> None:
        """Find out before anything begins whether it can work.

        :raises CustodeError: SECRET_MISSING when it cannot
        """

    def give(self, question: Question) -> int:
        """Read end of a pipe with the secret, closed by the caller.

        :raises CustodeError: CANCELLED, TIMED_OUT, SECRET_MISSING; `question.weak` when a stored
            one is too short or too long (whoever can be asked is asked again)
        """

    def close(self) -> None:
        """Wipe what was kept."""


_TERMINAL: Final = frozenset({"", "tty"})


class AskedSource:
    """A person who is asked anew each time: one entry is one try."""

    def __init__(self, pinentry: str | None = None) -> None:
        """`pinentry`: the program that asks; None: what the question says."""
        self._pinentry = pinentry

    def check(self) -> None:
        """Say nothing: whether somebody can be asked shows when there is something to ask."""

    def give(self, question: Question) -> int:
        program = question.pinentry if self._pinentry is None else self._pinentry
        with _asker(program, question.seconds).ask(question) as secret:
            return secret.into_pipe()

    def close(self) -> None:
        """Nothing was kept."""


def _asker(program: str, seconds: float) -> Asker:
    # Loaded when somebody is asked: where secrets come from a descriptor, nobody is.
    if program in _TERMINAL:
        from custode.prompts.terminal import TerminalAsker

        return TerminalAsker(seconds)
    from custode.prompts.assuan import PinentryAsker

    return PinentryAsker(program, int(seconds))


class _Descriptor(NamedTuple):
    """`fd:N`, inherited from whoever started us."""

    number: int

    def open(self) -> int:
        return os.dup(self.number)


class _File(NamedTuple):
    """`file:PATH`."""

    path: str

    def open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)


class StoredSource:
    """A descriptor or a file, read at the first need and kept until the command ends."""

    def __init__(self, origin: _Descriptor | _File, name: str) -> None:
        self._origin = origin
        self._name = name
        self._secret: Secret | None = None

    def check(self) -> None:
        try:
            if isinstance(self._origin, _Descriptor):
                os.fstat(self._origin.number)
            elif stat.S_ISDIR(os.stat(self._origin.path).st_mode):  # noqa: PTH116 - follows links, raises
                raise IsADirectoryError
        except OSError as error:
            raise self._unreadable() from error

    def give(self, question: Question) -> int:
        if self._secret is None:
            self._secret = self._read()
        if question.unfit(len(self._secret)) is not None:
            most = question.max_length or PIN_MAX_LENGTH
            raise CustodeError(question.weak, min=question.min_length, max=most)
        return self._secret.into_pipe()

    def close(self) -> None:
        if self._secret is not None:
            self._secret.wipe()

    def _read(self) -> Secret:
        secret = Secret()
        try:
            descriptor = self._origin.open()
            try:
                secret.read_from(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, TooLong) as error:
            secret.wipe()
            raise self._unreadable() from error
        secret.drop_newline()
        if not len(secret):
            why = t("{source} holds none", source=self._name)
            raise CustodeError(ErrorCode.SECRET_MISSING, why=why)
        return secret

    def _unreadable(self) -> CustodeError:
        why = t("it cannot be read from {source}", source=self._name)
        return CustodeError(ErrorCode.SECRET_MISSING, why=why)


_FIRST_FREE: Final = 3  # 1 and 2 are for output


def parse(text: str) -> Source:
    """Read the value of a `--…-source` option.

    :raises CustodeError: USAGE, with a sentence that does not repeat the value
    """
    scheme, _, rest = text.partition(":")
    match scheme:
        case "prompt" if text == "prompt":
            return AskedSource()
        case "pinentry" if rest:
            return AskedSource(rest)
        case "file" if rest:
            return StoredSource(_File(rest), f"file:{rest}")
        case "fd" if rest.isascii() and rest.isdigit() and len(rest) < len("10000"):
            number = int(rest)
            if number == 0 or number >= _FIRST_FREE:
                return StoredSource(_Descriptor(number), f"fd:{number}")
        case _:
            pass
    raise CustodeError(ErrorCode.USAGE, what=t(LITERAL_SECRET))
