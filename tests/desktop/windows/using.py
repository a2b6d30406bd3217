"""What a test does with a window on a played desk, beyond the hands of every dialog."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QRadioButton
from tests.desktop.hands import texts
from tests.desktop.windows.played import PlayedDesk, settle

from custode.error_codes import ErrorCode
from custode.errors import CustodeError


def choose(window: Any, wanted: str) -> None:
    """One of some cards: Tab comes to their group, arrows to each."""
    cards = {card.accessibleName(): card for card in window.findChildren(QRadioButton)}
    cards[wanted].setChecked(True)
    settle()


def ready(window: Any) -> bool:
    return bool(window._primary.isEnabled())


def said(window: Any) -> str:
    return "\n".join(texts(window))


def fail(desk: PlayedDesk, code: ErrorCode, **data: Any) -> None:
    desk.calls[-1].failed.emit(CustodeError(code, **data))
    settle()


def sent(desk: PlayedDesk, method: str) -> dict[str, Any]:
    assert desk.calls[-1].method == method
    return desk.calls[-1].params


def opened(desk: PlayedDesk, name: str, **args: str) -> Any:
    window = desk.open(name, **args)
    settle()
    return window
