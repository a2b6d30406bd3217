"""Our own PIN dialog as the program that asks: where it is, and why it cannot be shown here."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

NAME: Final = "builtin"
OPTION_LABEL: Final = "custode-label"
OPTION_SERIAL: Final = "custode-serial"
OPTION_ATTEMPTS: Final = "custode-attempts"

_DISPLAYS: Final = ("WAYLAND_DISPLAY", "DISPLAY")
_PLATFORM: Final = "QT_QPA_PLATFORM"  # who names one knows where Qt is to draw


def argv() -> tuple[str, ...]:
    """The command that shows our dialog.

    :raises CustodeError: SECRET_MISSING without its libraries, or without a display
    """
    if find_spec("PySide6") is None:
        raise CustodeError(
            ErrorCode.SECRET_MISSING,
            why=t(
                "Custode's own PIN dialog is not installed: install PySide6-Essentials, or write"
                ' pinentry = "tty" under [prompts] of config.toml'
            ),
        )
    if not any(os.environ.get(name) for name in (*_DISPLAYS, _PLATFORM)):
        raise failed()
    return (sys.executable, "-m", "custode.desktop.pin_dialog")


def failed() -> CustodeError:
    """What is told when the dialog could not be opened, or ended by itself."""
    return CustodeError(
        ErrorCode.SECRET_MISSING,
        why=t(
            "Custode's own PIN dialog cannot be shown here; from a terminal, use --pin-source or"
            ' write pinentry = "tty" under [prompts] of config.toml'
        ),
    )
