"""Opens a window: in the windows program that runs, else in a new one. Knows no toolkit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from custode.paths import Paths

REPLY_S: Final = 5.0  # a program that is busy for longer is not waited for
LINE_MAX: Final = 1 << 16
ACTIVATION: Final = "XDG_ACTIVATION_TOKEN"  # lets the window come to the front under Wayland


def socket_of(paths: Paths) -> Path:
    """Where the windows program listens."""
    return paths.run / "windows.sock"


def open_window(paths: Paths, name: str, /, **args: str) -> None:
    """Open it and come back at once.

    :raises CustodeError: PART_MISSING when the windows' library is not installed
    """
    if tell(paths, name, args):
        return
    if find_spec("PySide6") is None:
        why = t("PySide6-Essentials, the library of the windows")
        raise CustodeError(ErrorCode.PART_MISSING, why=why)
    process = subprocess.Popen(
        [sys.executable, "-m", "custode.desktop.windows", *argv(name, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **paths.environment()},
        cwd="/",  # a window must not keep a stick busy
        start_new_session=True,
    )
    # Whoever opened it may live on for days: it must not keep a dead child.
    threading.Thread(target=process.wait, daemon=True, name="windows").start()


def argv(name: str, args: Mapping[str, str]) -> list[str]:
    """What the windows program is called with; never a secret."""
    return [name, *(f"{key}={value}" for key, value in args.items())]


def tell(paths: Paths, name: str, args: Mapping[str, str], patience_s: float = REPLY_S) -> bool:
    """Have the program that runs open it; False when none runs, or it does not answer."""
    asked = {"open": name, "args": dict(args), "activation": os.environ.get(ACTIVATION, "")}
    return _ask(paths, asked, patience_s).get("ok") is True


def in_front(paths: Paths) -> bool:
    """Whether one of our windows has the person's attention now."""
    return _ask(paths, {"front": True}, REPLY_S).get("front") is True


def _ask(paths: Paths, asked: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
    """What the program that runs replies; nothing when none runs, or it says nothing in time."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience_s)
            connection.connect(str(socket_of(paths)))
            connection.sendall(json.dumps(asked).encode() + b"\n")
            reply = json.loads(connection.makefile("rb").readline(LINE_MAX))
    except (OSError, ValueError):
        return {}
    return reply if isinstance(reply, dict) else {}
