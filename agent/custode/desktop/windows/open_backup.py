"""Try a backup: its key is proved in memory, and nothing is written. Closed: every reason why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.view import activating
from custode.desktop.view import gate as gates
from custode.desktop.windows.blocked import verdict
from custode.desktop.windows.folders import points
from custode.desktop.windows.pieces import card, facts, text
from custode.desktop.windows.which_backup import WithBackup
from custode.desktop.windows.wizard import Page
from custode.error_codes import ErrorCode
from custode.locale import moments
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.view.activating import Candidate
    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError


class OpenBackup(WithBackup):
    """Says what a restore would do."""

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.gate: dict[str, Any] = {}
        self.opened: dict[str, Any] = {}
        self._judged_by: object = None
        desk.changed.connect(self._judge_again)

    def title(self) -> str:
        return t("Try a backup")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {
            **self.choosing(),
            "try": self._try,
            "blocked": self._blocked,
            "done": self._done,
        }

    def question(self) -> str:
        return t("Which backup do you want to try?")

    def suits(self, candidate: Candidate) -> bool:
        return not activating.on_token(candidate.row)

    def chosen(self) -> None:
        self.go("try")

    def _try(self) -> Page:
        return Page(
            t("Does the backup work?"),
            t(
                "Its key is opened in memory and has to prove that it works. Nothing is written"
                " anywhere."
            ),
            body=[facts(self._about())],
            sign="gate",
            primary=t("Try it…"),
            then=self._open,
            back=lambda: self.go("which"),
        )

    def _about(self) -> list[tuple[str, str]]:
        return [
            (t("Folder"), str(self.row.get("folder") or self.row.get("folder_name") or "")),
            (t("Path"), self.folder),
            (t("Made on"), moments.day(self.row.get("created_at"))),
        ]

    def _open(self) -> None:
        self.run(
            "backup.open",
            {"folder": self.folder},
            mark("Opening the backup"),
            done=self._proved,
            failed=self._shut,
        )

    def _proved(self, opened: dict[str, Any]) -> None:
        self.opened = opened
        self.go("done")

    def _shut(self, error: CustodeError) -> bool:
        if error.code is not ErrorCode.GATE_CLOSED:
            return False
        self._judged_by = gates.facts(self.desk.status)
        self.gate = {"allowed": False, "reasons": error.data.get("reasons") or []}
        self.go("blocked")
        return True

    # --- closed ---

    def _judge_again(self) -> None:
        """Something has changed: how it stands is told by what is known here."""
        facts_now = gates.facts(self.desk.status)
        if facts_now == self._judged_by:
            return
        if self.at == "blocked" and self.isVisible() and not self.busy:
            self._judged_by = facts_now
            self.desk.call("backup.show", {"folder": self.folder}, done=self._judged)

    def _judged(self, shown: dict[str, Any]) -> None:
        gate = shown.get("gate") or {}
        if self.at == "blocked" and gate and gate != self.gate:
            self.gate = gate
            self.refill()

    def _blocked(self) -> Page:
        page = verdict(self.desk, self.gate, self.folder)
        page.primary, page.then = t("Try again…"), self._open
        page.back = lambda: self.go("which")
        page.leave = t("Close")
        return page

    def _done(self) -> Page:
        steps = (
            t("put the key onto a new token, from which it cannot be taken again"),
            t("put its certificate beside it"),
            t("tell the authority; every other copy of this folder is dead then"),
        )
        day = moments.day(self.opened.get("expires_at"))
        return Page(
            t("The backup works"),
            t("The backup opens, and its key has proved that it works. Nothing was written."),
            body=[
                facts([(t("Expires on"), day)]),
                card(
                    text(t("What restore would do:"), "strong"),
                    points(steps),
                ),
            ],
            sign="done",
            colour="good",
            primary=t("Restore the backup…"),
            then=self._restore,
            last=True,
        )

    def _restore(self) -> None:
        self.give_way_to("restore", folder=self.folder)
