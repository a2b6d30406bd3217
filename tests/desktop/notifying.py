"""A program that shows notifications as it is told, a JSON line each, and says what was pressed.

By itself it shows nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.desktop.session.programs import end, first_line

ROOT: Final = Path(__file__).parents[2]


class Shower:
    """Has the program show things."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def do(self, *calls: tuple[Any, ...]) -> None:
        """Call the notifier's methods, all of them before it hears of any answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(calls).encode() + b"\n")
        self._process.stdin.flush()

    def show(self, key: str, title: str, **more: Any) -> None:
        self.do(("show", {"key": key, "title": title, **more}))

    def heard(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        return first_line(self._process.stdout.fileno(), "the notifier")


@contextmanager
def shower(environment: Mapping[str, str]) -> Iterator[Shower]:
    """The program, ready."""
    command = [
        "setpriv",
        "--pdeathsig",
        "TERM",
        "--",
        sys.executable,
        "-m",
        "tests.desktop.notifying",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=dict(environment), cwd=ROOT, stdin=pipe, stdout=pipe
    ) as process:
        try:
            yield Shower(process)
        finally:
            end(process)


def main() -> None:
    from gi.repository import GLib

    from custode.desktop.tray.notifications import GioNotifier
    from custode.desktop.view.action import window
    from custode.desktop.view.note import Button, Note

    def said(note: Note, button: Button) -> None:
        allowed = os.environ.get("XDG_ACTIVATION_TOKEN", "")
        sys.stdout.write(f"{note.key} {button.label} {allowed}".rstrip() + "\n")
        sys.stdout.flush()

    def made(told: dict[str, Any]) -> Note:
        labels = told.pop("buttons", [])
        return Note(
            text=told.pop("text", ""),
            buttons=tuple(Button(label, window("panel")) for label in labels),
            **told,
        )

    def take(_source: object, _condition: object) -> bool:
        lines = os.read(sys.stdin.fileno(), 65536).splitlines()  # a pipe gives short ones whole
        if not lines:
            loop.quit()
        for name, value in (call for line in lines for call in json.loads(line)):
            if name == "close":
                notifier.close()
                sys.stdout.write("closed\n")
                sys.stdout.flush()
            else:
                getattr(notifier, name)(made(value) if isinstance(value, dict) else value)
        return bool(lines)

    loop = GLib.MainLoop()
    notifier = GioNotifier(said)
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, take)
    loop.run()


if __name__ == "__main__":
    main()
