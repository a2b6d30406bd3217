"""Why a backup is closed, and what would change it; it follows every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from custode.desktop.parts import Note
from custode.desktop.view import gate as gates
from custode.desktop.windows.pieces import card, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.view.gate import Reason
    from custode.desktop.windows.desk import Desk


def verdict(desk: Desk, gate: Mapping[str, Any], folder: str = "") -> Page:
    """The page that says how the gate stands, with every reason."""
    title, meaning = gates.headline(gate)
    allowed = bool(gate.get("allowed"))
    return Page(
        title,
        meaning,
        body=[_reason(desk, reason) for reason in gates.reasons(gate, folder)],
        sign="done" if allowed else "lock",
        colour="good" if allowed else "danger",
    )


def _reason(desk: Desk, reason: Reason) -> QWidget:
    button = None
    if (action := reason.action) is not None:
        button = pressed(reason.button, lambda: desk.do(action), "quiet")
        keyed(button, f"reason-{reason.code}")
    return card(
        Note(desk.theme, "lock", "danger", reason.fact),
        text(reason.remedy, "muted") if reason.remedy else None,
        button,
        gap=6,
    )


class Blocked(Wizard):
    """Of the backup in `folder`, or of the newest that could be used."""

    start = "blocked"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.folder = args.get("folder", "")
        self.gate: Mapping[str, Any] = {}
        self._judged_by: object = None
        if self.folder:
            desk.changed.connect(self._look_again)

    def title(self) -> str:
        return t("Why the backup is closed")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"blocked": self._blocked}

    def depends_on(self) -> object:
        return None if self.folder else self.desk.status.get("gate")

    def present(self) -> None:
        super().present()
        if self.folder and not self.gate:
            self._ask()

    def _look_again(self) -> None:
        if gates.facts(self.desk.status) != self._judged_by:
            self._ask()

    def _ask(self) -> None:
        if self.isVisible():
            self._judged_by = gates.facts(self.desk.status)
            self.desk.call("backup.show", {"folder": self.folder}, done=self._judged)

    def _judged(self, shown: dict[str, Any]) -> None:
        gate = shown.get("gate") or {}
        if gate and gate != self.gate:
            self.gate = gate
            self.refill()

    def _blocked(self) -> Page:
        gate = self.gate or self.desk.status.get("gate") or {}
        page = verdict(self.desk, gate, self.folder)
        page.last = True
        if gate.get("allowed"):
            page.primary, page.then = t("Restore the backup…"), self._restore
        return page

    def _restore(self) -> None:
        args = {"folder": self.folder} if self.folder else {}
        self.give_way_to("restore", **args)
