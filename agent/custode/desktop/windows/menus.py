"""The tray's menu in a window: the same procedures, behind buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from custode.desktop.view.menu import SEPARATOR, menu
from custode.desktop.windows.window import keyed
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.desktop.view.menu import Item
    from custode.desktop.windows.desk import Desk


def menu_buttons(desk: Desk) -> list[QWidget]:
    """Certificate, Utilities, Language and About; what the panel shows itself is left out."""
    items = menu(desk.status or None, desk.why)
    shown = [one for one in items if one.children and _is_ours(one)]
    buttons: list[QWidget] = [_pulled_down(desk, item) for item in shown]
    about = next(one for one in items if one.label == t("About"))
    return [*buttons, _plain(desk, about)]


def _is_ours(item: Item) -> bool:
    """Tokens and what is to be done stand in the panel itself."""
    return item.label not in {t("Token"), t("Also to be done")}


def _pulled_down(desk: Desk, item: Item) -> QWidget:
    button = QPushButton(f"{item.label} ▾")
    button.setAccessibleName(item.label)
    button.setObjectName("menuButton")
    button.setAutoDefault(False)
    button.setEnabled(item.enabled)
    drawn = QMenu(button)
    for child in item.children:
        _add(desk, drawn, child)
    button.setMenu(drawn)
    return keyed(button, f"menu-{item.label}")


def _add(desk: Desk, drawn: QMenu, item: Item) -> None:
    if item is SEPARATOR:
        drawn.addSeparator()
        return
    action = drawn.addAction(item.label.replace("&", "&&"))
    action.setEnabled(item.enabled and item.action is not None)
    if item.checked is not None:
        action.setCheckable(True)
        action.setChecked(item.checked)
    if (does := item.action) is not None:
        action.triggered.connect(lambda _checked: desk.do(does))


def _plain(desk: Desk, item: Item) -> QWidget:
    button = QPushButton(item.label)
    button.setObjectName("menuButton")
    button.setAutoDefault(False)
    if (does := item.action) is not None:
        button.clicked.connect(lambda _checked: desk.do(does))
    return keyed(button, "about")
