"""The header of a wizard: its steps, and the one where the person stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout

from custode.desktop.parts import label
from custode.desktop.windows.flow import flow
from custode.desktop.windows.pieces import MARGIN
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.desktop.theme import Theme


class Steps(QFrame):
    """`1 Where · 2 PIN · 3 Saving`: those behind are ticked, the present one stands out."""

    def __init__(self, theme: Theme, names: Sequence[str], at: int, *, over: bool = False) -> None:
        super().__init__()
        del theme
        self.setObjectName("steps")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 12, MARGIN, 12)
        chips = [self._chip(place, name, at, over=over) for place, name in enumerate(names)]
        layout.addWidget(flow(chips, 6))
        self.setAccessibleName(
            t("Step {n} of {all}: {name}", n=at + 1, all=len(names), name=names[at])
        )

    def _chip(self, place: int, name: str, at: int, *, over: bool) -> QLabel:
        if place < at or (over and place == at):
            return label(f"✓ {name}", "stepDone")
        return label(f"{place + 1}  {name}", "stepNow" if place == at else "stepAhead")
