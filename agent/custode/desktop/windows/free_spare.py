"""Destroys the key of a void backup on a spare token, so that the token may serve again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.windows.folders import points
from custode.desktop.windows.pieces import card, facts, text
from custode.desktop.windows.tokens import TokenChoice
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale import moments
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk


class FreeSpare(Wizard):
    """Which token → what is destroyed → done. args: `token` (serial)."""

    start = "token"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._token = args.get("token", "")
        self._found: dict[str, Any] = {}
        self._cleared: dict[str, Any] = {}

    def title(self) -> str:
        return t("Free a token")

    def steps(self) -> Sequence[str]:
        return (t("Which token"), t("What is destroyed"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"token": self._which, "sure": self._sure, "done": self._done}

    def _which(self) -> Page:
        wanted = t("Insert the token that still carries the old backup.")
        choice = TokenChoice(self.desk, self._token, wanted=wanted)
        self._token = choice.value
        choice.chosen.connect(self._choose)
        return Page(
            t("Which token is to be freed?"),
            t("The key of a backup that is no longer valid is of no use to anybody."),
            body=[choice],
            sign="token",
            primary=t("Next"),
            then=self._look,
            ready=bool(self._token),
        )

    def _choose(self, token: str) -> None:
        self._token = token
        self.set_ready(bool(token))

    def _look(self) -> None:
        params = {"token": self._token}
        self.run("spare.clear.preview", params, mark("Looking at the token"), done=self._see)

    def _see(self, found: Any) -> None:
        self._found = found
        self.go("sure")

    def _sure(self) -> Page:
        found = self._found
        lines = [
            t(
                "The key of the backup made on {day}",
                day=moments.day(row.get("created_at")) or "–",
            )
            for row in found.get("backups") or ()
        ]
        if found.get("unfinished"):
            lines.append(t("The key of a backup that was never finished"))
        rows = [
            (t("Token"), str(found.get("label") or "–")),
            (t("Serial"), str(found.get("token") or "")),
        ]
        return Page(
            t("This is destroyed on the token"),
            t("It cannot be undone. Everything else on the token stays."),
            body=[card(facts(rows)), points(lines)],
            step=1,
            sign="warning",
            colour="danger",
            primary=t("Destroy the key…"),
            then=self._clear,
            danger=True,
            back=lambda: self.go("token"),
        )

    def _clear(self) -> None:
        params = {"token": str(self._found.get("token") or self._token)}
        self.run("spare.clear", params, mark("Freeing the token"), done=self._freed)

    def _freed(self, cleared: Any) -> None:
        self._cleared = cleared
        self.go("done")

    def _done(self) -> Page:
        kept = self._cleared.get("kept")
        told = (
            t("The token cannot destroy a key. It will never be certified: it is of no use.")
            if kept
            else t("Destroyed. The token may serve again.")
        )
        return Page(t("Done"), body=[text(told)], step=2, sign="done", colour="good", last=True)
