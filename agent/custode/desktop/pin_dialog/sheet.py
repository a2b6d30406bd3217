"""The dialog's own shape."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QDialog

WIDTH: Final = 520
_RELAID: Final = (QEvent.Type.Show, QEvent.Type.LayoutRequest)


class Sheet(QDialog):
    """A window of one width, always as high as its texts are when they break their lines there."""

    def __init__(self, title: str) -> None:
        super().__init__(None, Qt.WindowType.WindowStaysOnTopHint)
        self.setWindowTitle(title)
        self.setFixedWidth(WIDTH)

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() in _RELAID and (layout := self.layout()) is not None:
            layout.activate()
            height = layout.totalHeightForWidth(WIDTH)
            if height != self.height():
                self.setFixedHeight(height)
        return done
