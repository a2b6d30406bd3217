"""`custode demo --play`: tray and panel on the demo's identity, and tokens to plug in and out."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any, Final

from custode.demo.run import staged
from custode.demo.stage import processes_of
from custode.demo.story import set_identity
from custode.demo.telling import Step
from custode.desktop.tray import toolkit
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from custode.demo.stage import Person, Stage, Token

ENDING_S: Final = 5.0
_TRAY: Final = ("-m", "custode.desktop.tray")
_PANEL: Final = ("-m", "custode.desktop.windows", "panel")
_TABLE: Final = ("-m", "custode.desktop.playing")


@dataclass(slots=True)
class Drawer:
    """What lies on the table beside the computer: tokens, in the reader or not, and a stick."""

    stage: Stage
    person: Person
    tokens: list[Token]
    stick: Path
    plugged: set[str]

    def told(self) -> dict[str, Any]:
        """What the window shows; PINs made for this run, gone with it."""
        return {
            "tokens": [
                {
                    "label": token.label,
                    "serial": token.serial,
                    "pin": token.pin.decode(),
                    "so_pin": token.so_pin.decode(),
                    "plugged": token.serial in self.plugged,
                }
                for token in self.tokens
            ],
            "password": self.person.password.decode(),
            "stick": str(self.stick),
        }

    def move(self, serial: str) -> None:
        """Plug that token in, or pull it out."""
        token = next(one for one in self.tokens if one.serial == serial)
        if serial in self.plugged:
            self.stage.take(self.person, token)
            self.plugged.discard(serial)
        else:
            self.stage.put(self.person, token)
            self.plugged.add(serial)


def main(*, lang: str) -> int:
    """Set the stage, open tray, panel and table, and play until the table is closed.

    :raises CustodeError: NO_DISPLAY, PART_MISSING without the desktop's libraries, CANCELLED after
        Ctrl-C
    """
    toolkit.check_display()
    if find_spec("pystray") is None or find_spec("PySide6") is None:
        raise toolkit.missing()
    _say(t("A stage is set: a token, an authority on this computer, a person …"))
    try:
        with staged(None, None, fast=True, lang=lang) as stage:
            drawer = laid(stage)
            _say(t("Tray and panel are open. “End the demo” in the window “Demo” ends it."))
            with _desktop(drawer.person):
                _play(drawer)
    except KeyboardInterrupt:
        raise CustodeError(ErrorCode.CANCELLED) from None
    _say(t("Nothing is left behind."))
    return 0


def laid(stage: Stage) -> Drawer:
    """A person whose certificate is on the token in the reader, and has no backup yet."""
    step = Step(0, "", quiet=True)
    person = stage.person("anna", "ROSSI01", "RSSNNA80A01H501H")
    token, spare = stage.factory_token("Anna"), stage.factory_token("Anna 2")
    stage.plug(person, token)
    stage.give_pin(step, person, token)
    set_identity(stage, step, person)
    csr = person.folder / "anna.csr"
    stage.run(step, person, "csr", "--out", csr, secret=token.writing())
    stage.run(step, person, "request", "--csr", csr, "--wait")
    stage.run(step, person, "install", secret=token.writing())
    stick = person.folder / t("USB stick")
    stick.mkdir()
    return Drawer(stage, person, [token, spare], stick, {token.serial})


@contextlib.contextmanager
def _desktop(person: Person) -> Iterator[None]:
    """Tray and panel; ended with all the windows that were opened since."""
    programs = [_started(person, words) for words in (_TRAY, _PANEL)]
    try:
        yield
    finally:
        for program in programs:
            program.terminate()
        _end(person.home)
        for program in programs:
            program.wait(ENDING_S)


def _started(person: Person, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words], env=person.environment(), stdin=subprocess.DEVNULL
    )


def _end(home: Path) -> None:
    """End what the tray started, before the agent is asked to stop: a tray would start it again."""
    until = time.monotonic() + ENDING_S
    number = signal.SIGTERM
    while (left := [pid for pid in processes_of(home) if _is_of_the_desktop(pid)]) != []:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if time.monotonic() >= until:
            number = signal.SIGKILL
        time.sleep(0.1)


def _is_of_the_desktop(pid: int) -> bool:
    from pathlib import Path

    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z" and any(word.startswith(b"custode.desktop.") for word in words)


def _play(drawer: Drawer) -> None:
    """Show the table, and do what its buttons ask, a line of JSON each way at a time."""
    with subprocess.Popen(
        [sys.executable, *_TABLE],
        env=drawer.person.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as table:
        assert table.stdin is not None  # noqa: S101 - asked for above
        assert table.stdout is not None  # noqa: S101 - as above
        try:
            _tell(table.stdin, drawer)
            for line in table.stdout:
                drawer.move(json.loads(line)["move"])
                _tell(table.stdin, drawer)
        except BrokenPipeError:
            pass  # the table was closed while it was told something
        finally:
            table.terminate()


def _tell(pipe: IO[bytes], drawer: Drawer) -> None:
    pipe.write(json.dumps(drawer.told()).encode() + b"\n")
    pipe.flush()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a face
