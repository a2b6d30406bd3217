"""Pieces that the windows of certificates, keys and PINs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QWidget

from custode.desktop.parts import label, picture
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.pieces import Banner, Kind, card, column, facts, pressed, text
from custode.desktop.windows.tokens import waiting
from custode.desktop.windows.window import keyed
from custode.locale import outcomes
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.theme import Theme
    from custode.desktop.view.paper import Paper
    from custode.desktop.windows.desk import Desk


def said(paper: Paper) -> list[QWidget | None]:
    """Everything of it below the title and the first line, which is the heading's."""
    rows: list[QWidget | None] = [text(line) for line in paper.lines[1:]]
    if any(value for _, value in paper.facts):
        rows.append(card(facts(paper.facts)))
    return rows


def first_line(paper: Paper) -> str:
    """What stands below the title."""
    return paper.lines[0] if paper.lines else ""


def lacking(theme: Theme, paper: Paper) -> QWidget | None:
    """Waits for the token without which it cannot go on; its first line says which."""
    return waiting(theme, first_line(paper), goes_on=False) if paper.lacks else None


def standing(status: Mapping[str, Any]) -> object:
    """What of `status` the windows on the way to a certificate show."""
    return status.get("certificates"), status.get("tokens"), status.get("needs")


def back_up_banner(desk: Desk) -> Banner:
    """The red notice: a certificate without a backup."""
    return Banner(
        desk.theme,
        Kind.DANGER,
        t(outcomes.BACK_UP_NOW),
        t("If the token is lost, stolen or broken, only a backup brings your certificate back."),
    )


def token_choices(choices: Sequence[Choice], value: str, chosen: Callable[[str], None]) -> Choices:
    """Tokens to choose one of."""
    made = Choices(t("Token"), choices, value)
    made.chosen.connect(chosen)
    return made


def token_card(theme: Theme, name: str, serial: str, told: str = "", look: str = "") -> QWidget:
    """The one token that is meant."""
    made = card()
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(12)
    layout.addWidget(picture(theme, "token", "muted", 28), 0, Qt.AlignmentFlag.AlignTop)
    words = column(
        label(name, "strong", wraps=True),
        label(t("Serial {serial}", serial=serial), "muted", wraps=True),
        gap=2,
    )
    layout.addWidget(words, 1)
    if told:
        layout.addWidget(label(told, look))
    inside = made.layout()
    assert inside is not None  # noqa: S101 - card() made it
    inside.addWidget(row)
    return made


def one_of(
    name: str, choices: Sequence[tuple[str, str]], value: str, chosen: Callable[[str], None]
) -> QWidget:
    """A short list to choose from, with its name above it."""
    box = QComboBox()
    for key, words in choices:
        box.addItem(words, key)
    box.setCurrentIndex(max(0, box.findData(value)))
    box.setAccessibleName(name)
    box.currentIndexChanged.connect(lambda _: chosen(str(box.currentData())))
    above = label(name, "muted")
    above.setBuddy(box)
    return column(above, keyed(box, name), gap=4)


def switch(words: str, explanation: str, *, on: bool, toggled: Callable[[bool], None]) -> QCheckBox:
    """A box to tick."""
    made = QCheckBox(words)
    made.setAccessibleDescription(explanation)
    made.setChecked(on)
    made.toggled.connect(toggled)
    return made


def last_attempt(theme: Theme, agreed: bool, toggled: Callable[[bool], None]) -> QWidget:  # noqa: FBT001 - what the box shows
    """What the last try means, and the yes without which it is not used."""
    warning = t("This is the LAST try: a wrong PIN locks it.")
    yes = switch(t("I know; use the last try"), warning, on=agreed, toggled=toggled)
    return column(Banner(theme, Kind.DANGER, warning), keyed(yes, "last"), gap=8)


def numbered(lines: Sequence[str]) -> QWidget:
    """Things that happen in this order."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for place, line in enumerate(lines):
        grid.addWidget(label(f"{place + 1}.", "muted"), place, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text(line), place, 1)
    return made


def opens(desk: Desk, name: str, **args: str) -> Callable[[], None]:
    """What a button does that leads to another window."""

    def do() -> None:
        desk.open(name, **args)

    return do


def going(words: str, then: Callable[[], None], key: str) -> QWidget:
    """A button of the footer that is not the one that goes on."""
    return keyed(pressed(words, then), key)
