"""The real dialog in a process of its own, with hands at its keyboard (see test_pinentry.py)."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QRegularExpression, QTimer
from PySide6.QtWidgets import QApplication, QDialog

from custode.desktop.pin_dialog.__main__ import main
from custode.desktop.pin_dialog.dialog import PinDialog

from .hands import find, press, texts, write

MASK: Final = 0x55  # what is typed must not lie in this process's memory before it is typed
LEAKED: Final[list[object]] = []  # on purpose, to see that the search finds it
_PR_GET_DUMPABLE: Final = 3  # prctl(2)


def run(dialogs: list[list[list[Any]]], log: str, wanted: list[int]) -> None:
    """Serve as a pinentry; `dialogs`: what is done in each. `wanted`: what must not stay behind."""
    seen = put_hands_on(dialogs)
    status = main([])
    Path(log).write_text(json.dumps({"seen": seen, "left": left_behind(wanted)}))
    os._exit(status)


def put_hands_on(dialogs: list[list[list[Any]]]) -> list[dict[str, Any]]:
    """Have `dialogs` played in the windows that this process will open; gives what they said."""
    from custode.desktop.pin_dialog import window

    seen: list[dict[str, Any]] = []
    timer = QTimer()

    def look() -> None:
        if not timer.property("playing"):
            for shown in QApplication.topLevelWidgets():
                if isinstance(shown, QDialog) and shown.isVisible() and dialogs:
                    timer.setProperty("playing", True)
                    seen.append(told(shown))
                    play(shown, dialogs.pop(0))
                    timer.setProperty("playing", False)

    timer.timeout.connect(look)

    class Played(window.QtWindow):
        def __init__(self) -> None:
            super().__init__()
            timer.start(10)  # that wants an application

    window.QtWindow = Played  # type: ignore[misc] # what `main` opens
    return seen


def told(window: QDialog) -> dict[str, Any]:
    """What the window says, and what is known of its process."""
    return {
        "kind": type(window).__name__,
        "title": window.windowTitle(),
        "texts": texts(window),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "dumpable": ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0),
        "argv": Path("/proc/self/cmdline").read_bytes().decode().split("\0"),
    }


def play(window: QDialog, steps: list[list[Any]]) -> None:
    for what, *more in steps:
        match what:
            case "type":
                where, keys = more
                for key in keys:
                    write(find(window, where), chr(key ^ MASK))
            case "press":
                press(window, more[0])
            case "copy":
                assert isinstance(window, PinDialog)
                window._second.field.take(bytes(window._first.field.secret.view()))  # type: ignore[union-attr] # there are two
            case "leak":
                text = "".join(chr(key ^ MASK) for key in more[0])
                LEAKED.extend((text, QRegularExpression(text)))
            case "escape":
                window.reject()
            case _:
                raise AssertionError(what)


def left_behind(wanted: list[int]) -> list[str]:
    """Where in this process's memory the secret still lies, as UTF-8 or as Qt's UTF-16.

    The pattern holds it in brackets, one by one, so that it does not find itself.
    """
    if not wanted:
        return []
    classes = [b"[\\x%02x]" % (key ^ MASK) for key in wanted]
    patterns = {
        "UTF-8": re.compile(b"".join(classes)),
        "UTF-16": re.compile(b"\\x00".join(classes)),
    }
    found = []
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - unbuffered
        for line in Path("/proc/self/maps").read_text().splitlines():
            place, rights, *rest = line.split()
            if not rights.startswith("rw") or rest[-1].startswith(("[vvar", "/dev")):
                continue
            start, end = (int(part, 16) for part in place.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, OverflowError):
                continue
            found += [f"{name} in {line}" for name, pat in patterns.items() if pat.search(content)]
    return found
