"""A secret on the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QMimeData
from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from custode.prompts.secret import Secret


def copy_secret(secret: Secret) -> None:
    """Put it on the clipboard, with the mark that keeps it out of clipboard histories (KDE's)."""
    data = QMimeData()
    text = QByteArray(len(secret), 0)
    with secret.view() as content, memoryview(text) as place:  # type: ignore[arg-type] # as in field.py
        place[:] = content
    data.setData("text/plain", text)
    data.setData("x-kde-passwordManagerHint", QByteArray(b"secret"))
    QGuiApplication.clipboard().setMimeData(data)
