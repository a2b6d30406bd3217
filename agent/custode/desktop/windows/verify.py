"""Checks the folder of a backup from outside: no PIN is asked, and nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from custode.desktop.view import checking
from custode.desktop.windows.choices import Choices
from custode.desktop.windows.flow import flow
from custode.desktop.windows.folders import choice_of, left, opened
from custode.desktop.windows.mounts import Mounts
from custode.desktop.windows.picking import pick_folder
from custode.desktop.windows.pieces import card, facts, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale import backup_lines
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtWidgets import QWidget

    from custode.desktop.view.backup import Spot
    from custode.desktop.windows.desk import Desk


class Verify(Wizard):
    """Checks one folder. `folder`: the one that is meant."""

    start = "which"
    width_em = 48

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._named = args.get("folder", "")
        self._chosen = self._named
        self._found: dict[str, Any] = {}
        self._mounts = Mounts(self)
        self._mounts.changed.connect(self._sticks_changed)

    def title(self) -> str:
        return t("Verify a backup")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"which": self._which, "result": self._result}

    def depends_on(self) -> object:
        return self.desk.status.get("backups") if self.at == "which" else None

    def again(self, args: Mapping[str, str]) -> bool:
        """What was told is over: asked for once more, it begins anew."""
        return self.at != "result" and super().again(args)

    def closing(self) -> None:
        super().closing()
        self._mounts.close()

    def _sticks_changed(self) -> None:
        if self.at == "which" and not self.busy:
            self.refill()

    def _spots(self) -> Sequence[Spot]:
        return checking.known(self.desk.status, lambda path: Path(path).is_dir(), self._named)

    def _which(self) -> Page:
        spots = self._spots()
        if self._chosen not in [one.value for one in spots]:
            self._chosen = checking.first_choice(spots)
        choices = Choices(t("Which backup"), [choice_of(one) for one in spots], self._chosen)
        choices.chosen.connect(self._choose)
        another = keyed(pressed(t("Another folder…"), self._pick), "another")
        return Page(
            t("Which backup is to be checked?"),
            t("Custode looks at the folder from outside: no PIN is needed, nothing is changed."),
            body=[choices if spots else None, left(another)],
            sign="backup",
            primary=t("Check it"),
            then=self._check,
            ready=bool(self._chosen),
        )

    def _choose(self, folder: str) -> None:
        self._chosen = folder
        self.set_ready(True)

    def _pick(self) -> None:
        if found := pick_folder(self, t("Which folder holds the backup?"), self._named):
            self._named = self._chosen = found
            self.error = None
            self.refill()

    def _check(self) -> None:
        asked = {"folder": self._chosen}
        self.run("backup.verify", asked, mark("Checking the backup"), done=self._told)

    def _told(self, found: dict[str, Any]) -> None:
        self._found = found
        self.go("result")

    def _result(self) -> Page:
        headline, besides = checking.verdict(self._found)
        good = checking.is_good(self._found)
        show = keyed(pressed(t("Open folder"), self._open), "open")
        only_outside = t(
            "To be sure of its PIN, too, you would have to open it; that is only possible once it"
            " is activated."
        )
        another = pressed(t("Check another one"), lambda: self.go("which"))
        return Page(
            headline,
            besides,
            body=[
                card(facts(backup_lines.seen_facts(self._found)), flow([show, *self._more()])),
                text(only_outside, "muted") if good else None,
            ],
            sign="done" if good else "warning",
            colour="good" if good else "danger",
            primary="" if good else t("Save a backup…"),
            then=self._make_new,
            last=True,
            extra=[keyed(another, "more")],
        )

    def _more(self) -> list[QWidget]:
        """What else can be done with it."""
        found = self._found
        try_ = pressed(t("Try to open it…"), lambda: self._lead("open", folder=str(found["path"])))
        void = pressed(
            t("Make it void…"), lambda: self._lead("retire", backup_id=str(found["backup_id"]))
        )
        return [keyed(try_, "try"), keyed(void, "void")] if checking.is_good(found) else []

    def _lead(self, name: str, **args: str) -> None:
        self.desk.open(name, **args)

    def _make_new(self) -> None:
        self.desk.open("backup")

    def _open(self) -> None:
        opened(str(self._found["path"]))
