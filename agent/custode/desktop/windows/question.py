"""Small boxes: yes or no before something is lost, and what went wrong beside a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from custode.desktop.view import failure
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.errors import CustodeError


def tell(window: QWidget | None, error: CustodeError) -> None:
    """Say what went wrong; nothing waits for it to be read."""
    told = failure.tell(error)
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "Custode",
        told.message,
        QMessageBox.StandardButton.NoButton,
        window,
    )
    box.setInformativeText(told.hint)
    box.addButton(t("Close"), QMessageBox.ButtonRole.AcceptRole)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()


def sure(window: QWidget, question: str) -> bool:
    """Whether the person means it; Enter and Esc are no."""
    box = QMessageBox(
        QMessageBox.Icon.Question,
        window.windowTitle(),
        question,
        QMessageBox.StandardButton.NoButton,
        window,
    )
    yes = box.addButton(t("Yes"), QMessageBox.ButtonRole.DestructiveRole)
    no = box.addButton(t("No"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(no)
    box.setEscapeButton(no)
    box.exec()
    return box.clickedButton() is yes
