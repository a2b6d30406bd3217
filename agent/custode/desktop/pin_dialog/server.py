"""The line protocol of a pinentry (Assuan manual; pinentry manual, "Protocol").

Knows no window: whoever shows the question is given. A PIN goes from the window's buffer to the
pipe through one line that is wiped; texts of the client are shown as they come.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from custode.desktop.pin_dialog.asked import Asked, ClientGone, Ending
from custode.locale import catalogue
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
from custode.prompts.secret import Secret, TooLong
from custode.release import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.desktop.pin_dialog.asked import Window

FLAVOR: Final = "custode"
_SOURCE: Final = 5 << 24  # libgpg-error: GPG_ERR_SOURCE_PINENTRY
_UNKNOWN_OPTION, _UNKNOWN_COMMAND, _BAD_PARAMETER, _LINE_TOO_LONG = 174, 275, 280, 263
_ANSWER_S: Final = 2.0  # for what the client is asked back: the person waits meanwhile
_INQUIRED_MAX: Final = 300  # octets of an inquired secret, so that its line is short enough
_TIMEOUT_MAX_S: Final = 24 * 60 * 60

# Said by gpg-agent and others; of no use to a window of Qt, and so no fault.
_IGNORED_OPTIONS: Final = frozenset(
    {
        *("grab", "no-grab", "ttyname", "ttytype", "ttyalert", "lc-ctype", "parent-wid", "owner"),
        *("touch-file", "invisible-char", "allow-external-password-cache", "default-prompt"),
        *("default-pwmngr", "default-cf-visi", "default-tt-visi", "default-tt-hide"),
        *("default-capshint", "allow-emacs-prompt", "formatted-passphrase"),
        *("formatted-passphrase-hint", "constraints-hint-long", "constraints-error-title"),
    }
)
_TEXTS: Final = {
    "SETTITLE": "title",
    "SETDESC": "text",
    "SETPROMPT": "prompt",
    "SETERROR": "error",
    "SETOK": "ok",
    "SETCANCEL": "cancel",
    "SETNOTOK": "not_ok",
    "SETREPEAT": "repeat",
    "SETREPEATERROR": "repeat_error",
    "SETQUALITYBAR": "quality",
    "SETGENPIN": "generate",
}
_OPTION_TEXTS: Final = {
    "default-ok": "ok",
    "default-cancel": "cancel",
    "constraints-hint-short": "rule",
    builtin.OPTION_LABEL: "label",
    builtin.OPTION_SERIAL: "serial",
}
# Said about this window by others, or about what it does not show: taken, and of no effect.
_IGNORED_COMMANDS: Final = frozenset(
    {"SETKEYINFO", "SETREPEATOK", "SETQUALITYBAR_TT", "SETGENPIN_TT", "CLEARPASSPHRASE", "NOP"}
)
_ENDINGS: Final = {
    Ending.CANCELLED: (CANCELED, "Operation cancelled"),
    Ending.REFUSED: (NOT_CONFIRMED, "Not confirmed"),
    Ending.TIMED_OUT: (TIMEOUT, "Timeout"),
}


class Refused(Exception):
    """A command that cannot be done: its gpg-error code and what the line says."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Server:
    """One conversation on two descriptors; `open_window` is called at the first question."""

    def __init__(self, source: int, target: int, open_window: Callable[[], Window]) -> None:
        self._source = source
        self._target = target
        self._open_window = open_window
        self._window: Window | None = None
        self._asked = Asked()

    @property
    def descriptor(self) -> int:
        return self._source

    def run(self) -> None:
        """Serve until the client says BYE or is gone."""
        self._say("OK Custode at your service")
        line = bytearray(LINE_MAX + 2)
        try:
            while self._serve(line):
                pass
        except (ClientGone, OSError):
            return  # nobody is there to be told

    def _serve(self, line: bytearray) -> bool:
        """Do one line; False after the last."""
        try:
            length = read_line(self._source, line, None)
        except ValueError:
            self._skip_line(line)
            self._fail(_LINE_TOO_LONG, "Line too long")
            return True
        if length is None:
            return False
        text = line[:length].decode("utf-8", "replace").rstrip("\r")
        word, _, rest = text.partition(" ")
        if not word or word.startswith("#"):
            return True
        if word.upper() == "BYE":
            self._say("OK closing connection")
            return False
        try:
            self._do(word.upper(), rest.strip())
        except Refused as refused:
            self._fail(refused.code, refused.text)
        return True

    def _skip_line(self, line: bytearray) -> None:
        while True:
            try:
                if read_line(self._source, line, None) is None:
                    raise ClientGone
                return
            except ValueError:
                continue

    def _do(self, word: str, rest: str) -> None:
        """Do one command and say OK, or what it gives.

        :raises Refused: when it cannot be done
        """
        if word in _TEXTS:
            self._note(_TEXTS[word], _text(rest))
        elif word == "GETPIN":
            self._get_pin()
            return
        elif word in {"CONFIRM", "MESSAGE"}:
            self._confirm(one_button=word == "MESSAGE" or "--one-button" in rest)
        elif word == "OPTION":
            self._option(rest)
        elif word == "SETTIMEOUT":
            self._asked = replace(self._asked, timeout_s=_number(rest, _TIMEOUT_MAX_S))
        elif word == "GETINFO":
            self._tell(rest)
        elif word == "RESET":
            self._asked = Asked()
        elif word not in _IGNORED_COMMANDS:
            raise Refused(_UNKNOWN_COMMAND, "Unknown IPC command")
        self._say("OK")

    def _note(self, field: str, text: str) -> None:
        changed: dict[str, Any] = {field: text}
        self._asked = replace(self._asked, **changed)

    def _option(self, rest: str) -> None:
        name, _, value = rest.removeprefix("--").partition("=" if "=" in rest else " ")
        name, value = name.strip(), value.strip()
        if name in _OPTION_TEXTS:
            self._note(_OPTION_TEXTS[name], printable(value))
        elif name == builtin.OPTION_ATTEMPTS:
            left = _number(value, 10**6) if value else None
            self._asked = replace(self._asked, attempts_remaining=left)
        elif name == "constraints-enforce":
            self._asked = replace(self._asked, checked=True)
        elif name == "lc-messages":
            catalogue.use(catalogue.detect({"LANG": value}))
        elif name not in _IGNORED_OPTIONS:
            raise Refused(_UNKNOWN_OPTION, "Unknown option")

    def _tell(self, what: str) -> None:
        told = {"flavor": FLAVOR, "version": VERSION, "pid": str(os.getpid()), "ttyinfo": "- - -"}
        if what not in told:
            raise Refused(_BAD_PARAMETER, "IPC parameter error")
        self._say(f"D {escape(told[what])}")

    # --- questions ---

    def _get_pin(self) -> None:
        asked, self._asked = self._asked, _for_the_next(self._asked)
        with Secret() as secret:
            ending = self._shown().ask(asked, self, secret)
            if ending is not Ending.OK:
                raise Refused(*_ENDINGS[ending])
            if asked.repeat is not None:
                self._say("S PIN_REPEATED")
            send_secret(self._target, secret)
        self._say("OK")

    def _confirm(self, *, one_button: bool) -> None:
        asked, self._asked = self._asked, _for_the_next(self._asked)
        ending = self._shown().confirm(asked, self, one_button=one_button)
        if ending is not Ending.OK:
            raise Refused(*_ENDINGS[ending])

    def _shown(self) -> Window:
        if self._window is None:
            self._window = self._open_window()
        return self._window

    # --- what the client is asked back (pinentry.c: QUALITY, CHECKPIN, GENPIN) ---

    def quality(self, secret: Secret) -> int | None:
        with self._inquire(b"QUALITY ", secret) as told, told.view() as content:
            digits = content.tobytes()
        sign, number = digits[:1] == b"-", digits.removeprefix(b"-")
        if not number.isdigit():
            return None
        return max(-100, min(100, -int(number[:4]) if sign else int(number[:4])))

    def fault(self, secret: Secret) -> str:
        with self._inquire(b"CHECKPIN ", secret) as told, told.view() as content:
            return printable(content.tobytes().decode("utf-8", "replace"))

    def proposal(self) -> Secret | None:
        told = self._inquire(b"GENPIN", None)
        return told if len(told) else None

    def _inquire(self, word: bytes, about: Secret | None) -> Secret:
        """Ask the client; what it answers, or nothing.

        :raises ClientGone: when it is not there any more, or does not answer
        """
        prefix = b"INQUIRE " + word
        if about is None or not len(about):
            self._write(prefix + b"\n")
        else:
            send_secret(self._target, about, prefix, _INQUIRED_MAX)
        told, line = Secret(), bytearray(LINE_MAX + 2)
        deadline = time.monotonic() + _ANSWER_S
        try:
            while (length := read_line(self._source, line, deadline)) is not None:
                if line.startswith(b"D "):
                    unescape_into(told, line, len(b"D "), length)
                elif line.startswith(b"END"):
                    return told
                elif line.startswith(b"CAN"):
                    told.wipe()
                    return told
            raise ClientGone
        except (OSError, ValueError, TooLong) as error:  # TimeoutError is an OSError
            told.wipe()
            raise ClientGone from error
        finally:
            line[:] = bytes(len(line))

    # --- lines ---

    def _say(self, text: str) -> None:
        self._write(text.encode() + b"\n")

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._target, line) :]

    def _fail(self, code: int, text: str) -> None:
        self._say(f"ERR {_SOURCE | code} {text} <Pinentry>")


def _for_the_next(asked: Asked) -> Asked:
    """What holds beyond one question: an error and a repetition are for one alone (pinentry.c)."""
    return replace(
        asked, error="", repeat=None, repeat_error="", quality=None, generate=None, checked=False
    )


def _text(escaped: str) -> str:
    """A client's text; what would drive a screen is made visible."""
    return printable(unquote(escaped, errors="replace").replace("\r\n", "\n"))


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        raise Refused(_BAD_PARAMETER, "IPC parameter error")
    return min(int(text), most)
