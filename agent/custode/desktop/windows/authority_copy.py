"""Saves this computer's authority elsewhere: without it no backup could be activated any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.view import backup as view
from custode.desktop.windows.choices import Choices
from custode.desktop.windows.folders import choice_of, left, points
from custode.desktop.windows.mounts import Mounts
from custode.desktop.windows.picking import pick_folder
from custode.desktop.windows.pieces import card, facts, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk


class AuthorityCopy(Wizard):
    """Where → saved; the PIN of the copy is asked for by its own window."""

    start = "where"
    width_em = 48

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._volumes: dict[str, Any] | None = None
        self._place = ""
        self._named = ""
        self._made: dict[str, Any] = {}
        self._mounts = Mounts(self)
        self._mounts.changed.connect(self._look)
        self._look()

    def title(self) -> str:
        return t("Copy of the authority")

    def steps(self) -> Sequence[str]:
        return (t("Where"), t("Saved"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"where": self._where, "saved": self._saved}

    def closing(self) -> None:
        super().closing()
        self._mounts.close()

    def _look(self) -> None:
        if not self.busy and self.at == "where":
            asked = {"folder": self._named or None}
            self.desk.call("volumes.list", asked, done=self._see, failed=self.show_error)

    def _see(self, found: dict[str, Any]) -> None:
        self._volumes = found
        self._place = self._place or view.first_choice(self._spots())
        if not self.busy and self.at == "where":
            self.refill()

    def _spots(self) -> Sequence[view.Spot]:
        return view.spots(self._volumes or {}, {}, self._named)

    def _where(self) -> Page:
        spots = self._spots()
        choices = Choices(t("Where to save it"), [choice_of(one) for one in spots], self._place)
        choices.chosen.connect(self._choose)
        return Page(
            t("Save a copy of the authority"),
            t(
                "The authority on this computer knows your certificates and backups. If the"
                " computer breaks, this copy brings it back."
            ),
            body=[
                text(t("Where is it to be saved? Best on something you keep elsewhere."), "strong"),
                choices,
                left(keyed(pressed(t("Another folder…"), self._pick), "another")),
                text(
                    t("You choose a PIN for it in the next window: with both, anybody can be you."),
                    "muted",
                ),
            ],
            sign="folder",
            primary=t("Save the copy…"),
            then=self._save,
            ready=view.still_there(spots, self._place),
        )

    def _choose(self, place: str) -> None:
        self._place = place
        self.set_ready(view.still_there(self._spots(), place))

    def _pick(self) -> None:
        found = pick_folder(self, t("Where to save it"), self._named)
        if found:
            self._named = self._place = found
            self._look()

    def _save(self) -> None:
        doing = mark("Saving the authority")
        self.run("authority.backup", {"to": self._place}, doing, done=self._kept)

    def _kept(self, made: Any) -> None:
        self._made = made
        self.go("saved")

    def _saved(self) -> Page:
        made = self._made
        rows = [
            (t("File"), str(made.get("path") or "")),
            (t("Authority"), str(made.get("authority_name") or "")),
        ]
        advice = [
            t("Keep the file and its PIN elsewhere, never together with a backup's folder."),
            t("Make a new copy now and then: it knows what was done before it, nothing later."),
        ]
        return Page(
            t("The authority is saved."),
            body=[card(facts(rows)), points(advice)],
            step=1,
            sign="done",
            colour="good",
            last=True,
        )
