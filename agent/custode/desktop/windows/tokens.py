"""Choosing a token: those that are here, or waiting until the right one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from custode.desktop.parts import Note
from custode.desktop.view.choosing import anything, chosen, offers
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.pieces import announce, card, text
from custode.desktop.windows.window import first_of_chain
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.desktop.theme import Theme
    from custode.desktop.view.choosing import Offer, WhyNot
    from custode.desktop.windows.desk import Desk


class TokenChoice(QWidget):
    """Radio cards of tokens; without one that fits, it waits and takes the one that comes.

    `chosen` tells the serial (or URI) for the agent, also when it changes by itself; empty: none.
    """

    chosen = Signal(str)

    def __init__(
        self, desk: Desk, value: str = "", why_not: WhyNot = anything, wanted: str = ""
    ) -> None:
        """`wanted`: which token is waited for, as a sentence (“Insert …”)."""
        super().__init__()
        self._desk = desk
        self._why_not = why_not
        self._wanted = wanted
        self._offers: tuple[Offer, ...] = ()
        self.value = value
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._shown: QWidget | None = None
        self._offers = offers(desk.status, why_not)
        self.value = chosen(self._offers, value)
        self._show()
        desk.changed.connect(self._look)

    def _look(self) -> None:
        now = offers(self._desk.status, self._why_not)
        if now == self._offers:
            return
        self._offers = now
        had_focus = self.isAncestorOf(self.window().focusWidget())
        value = chosen(now, self.value)
        changed, self.value = value != self.value, value
        self._show()
        if had_focus and self._shown is not None and (first := first_of_chain(self._shown)):
            first.setFocus()
        if changed:
            self.chosen.emit(value)

    def _show(self) -> None:
        layout = self.layout()
        assert layout is not None  # noqa: S101 - made in __init__
        if self._shown is not None:
            layout.removeWidget(self._shown)
            self._shown.hide()
            self._shown.deleteLater()
        fits = any(not offer.why_not for offer in self._offers)
        self._shown = QWidget()
        rows = QVBoxLayout(self._shown)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(10)
        if not fits:
            rows.addWidget(waiting(self._desk.theme, self._wanted))
        if self._offers:
            rows.addWidget(self._cards())
        layout.addWidget(self._shown)

    def _cards(self) -> QWidget:
        cards = [Choice(one.name, one.title, one.text, one.why_not) for one in self._offers]
        made = Choices(t("Token"), cards, self.value)
        made.chosen.connect(self._choose)
        return made

    def _choose(self, value: str) -> None:
        self.value = value
        self.chosen.emit(value)


def waiting(theme: Theme, wanted: str = "", *, goes_on: bool = True) -> QWidget:
    """Waits for a token. `goes_on`: by itself then, and nobody has to press anything."""
    wanted = wanted or t("Insert the token.")
    bar = QProgressBar()
    bar.setRange(0, 0)
    bar.setTextVisible(False)
    bar.setAccessibleName(wanted)
    made = card(
        Note(theme, "token", "accent", wanted),
        bar,
        text(t("It goes on by itself as soon as the token is here."), "muted") if goes_on else None,
    )
    announce(made, wanted)
    return made
