"""Asks yes or no before something is lost."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from custode.locale.catalogue import t


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
