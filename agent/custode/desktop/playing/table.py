"""Tokens on the table: a button for each, and what one has to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from custode.desktop import parts
from custode.desktop.windows import pieces
from custode.desktop.windows.flow import flow
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.theme import Theme

_WIDTH_EM = 44


class Table(QWidget):
    """What lies there; `move` is called with the serial of a token to plug in or pull out."""

    def __init__(self, theme: Theme, move: Callable[[str], None]) -> None:
        super().__init__()
        self._theme = theme
        self._move = move
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(pieces.MARGIN, pieces.MARGIN, pieces.MARGIN, pieces.MARGIN)
        self._body: QWidget | None = None
        self.setMinimumWidth(_WIDTH_EM * self.fontMetrics().horizontalAdvance("m"))

    def lay(self, told: Mapping[str, Any]) -> None:
        """Show that from now on; the keyboard stays where it was."""
        self.setWindowTitle(t("Demo"))
        at: QWidget | None = self.focusWidget()  # PySide's types forget that there may be none
        serial = at.property("serial") if at is not None else None
        if self._body is not None:
            self._outer.removeWidget(self._body)
            self._body.deleteLater()
        self._body = self._laid(told)
        self._outer.addWidget(self._body)
        for button in self._body.findChildren(QPushButton):
            if serial is not None and button.property("serial") == serial:
                button.setFocus()

    def _laid(self, told: Mapping[str, Any]) -> QWidget:
        text = t(
            "Plug a token in or pull it out, as you would with your hand, and see what Custode"
            " does. Everything here was made for this demo, and goes with it."
        )
        needed = (
            (t("Password of the account"), told["password"]),
            (t("Place for a backup"), told["stick"]),
        )
        return pieces.column(
            parts.Heading(self._theme, "token", t("The tokens on the table"), text),
            *(self._card(token) for token in told["tokens"]),
            pieces.card(pieces.facts(needed)),
            flow([pieces.pressed(t("End the demo"), self._end)]),
        )

    def _card(self, token: Mapping[str, Any]) -> QFrame:
        card = QFrame()
        card.setObjectName("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(14)
        plugged = token["plugged"]
        row.addWidget(parts.picture(self._theme, "token", "accent" if plugged else "muted", 28))
        place = t("plugged in") if plugged else t("on the table")
        secrets = ((t("PIN"), token["pin"]), (t("Administrator PIN"), token["so_pin"]))
        name = pieces.text(f"{token['label']} – {place}", "strong")
        row.addWidget(pieces.column(name, pieces.facts(secrets), gap=4), 1)
        words = t("Pull out") if plugged else t("Plug in")
        button = pieces.pressed(words, lambda: self._move(token["serial"]))
        button.setAccessibleName(f"{words}: {token['label']}")
        button.setProperty("serial", token["serial"])
        row.addWidget(button)
        return card

    def _end(self) -> None:
        self.close()
