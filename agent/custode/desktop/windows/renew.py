"""The renewal: what will happen, then it runs; one that broke off goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from custode.desktop.view import keys, renewing
from custode.desktop.view.renewing import WILL_HAPPEN, Stage
from custode.desktop.windows import sheets
from custode.desktop.windows.pieces import Banner, Kind, card, column, text
from custode.desktop.windows.tokens import waiting
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.locale.catalogue import gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_AS_BEFORE = ""


class Renew(Wizard):
    """Renews the certificate in use."""

    follows = True

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._kind = _AS_BEFORE
        self._destroys = False
        self._done: dict[str, Any] = {}

    def title(self) -> str:
        return t("Renew your certificate")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"start": self._now, "waiting": self._waiting, "done": self._over}

    def depends_on(self) -> object:
        return sheets.standing(self.desk.status)

    def _now(self) -> Page:
        found = renewing.case(self.desk.status)
        paper = renewing.paper(found, self.desk.status)
        page = Page(
            paper.title,
            sheets.first_line(paper),
            [self._plug_in(paper.lacks), *sheets.said(paper)],
            sign="certificate",
            ready=not paper.lacks,
        )
        match found.stage:
            case Stage.NONE:
                page.primary, page.then = t("Ask for a certificate…"), self._ask
            case Stage.SUSPENDED:
                page.last = True
            case Stage.GOES_ON:
                page.primary, page.then = t("Go on"), self._renew
            case Stage.READY:
                page.body = [*page.body, self._what_happens(), self._options()]
                page.primary, page.then = t("Renew"), self._renew
        return page

    def _plug_in(self, lacks: str) -> QWidget | None:
        if not lacks:
            return None
        rows = self.desk.status.get("tokens") or ()
        label = next((row["label"] for row in rows if row["serial"] == lacks), "") or "–"
        told = t(
            "Insert token “{label}” (serial {serial}): the renewal is done on it.",
            label=label,
            serial=lacks,
        )
        return waiting(self.desk.theme, told, goes_on=False)

    def _what_happens(self) -> QWidget:
        lines = [gettext(line) for line in WILL_HAPPEN]
        return column(text(t("What happens"), "strong"), sheets.numbered(lines), gap=6)

    def _options(self) -> QWidget:
        kinds = [(_AS_BEFORE, t("As the old one")), *keys.all_kinds()]
        told = t("What was encrypted for the old key cannot be read any more then.")
        box = sheets.switch(
            t("Destroy the old key as well"), told, on=self._destroys, toggled=self._set_destroys
        )
        warning = Banner(self.desk.theme, Kind.WARNING, told) if self._destroys else None
        return card(
            sheets.one_of(t("Kind of key"), kinds, self._kind, self._set_kind), box, warning, gap=10
        )

    def _set_kind(self, kind: str) -> None:
        self._kind = kind

    def _set_destroys(self, on: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._destroys = on
        self.refill()

    def _ask(self) -> None:
        self.give_way_to("request")

    def _renew(self) -> None:
        wanted = {"key": self._kind or None, "destroy_old_key": self._destroys}
        self.run(
            "renew",
            wanted,
            mark("Your certificate is being renewed"),
            done=self._renewed,
            failed=self._still_generating,
        )

    def _still_generating(self, error: CustodeError) -> bool:
        """No fault: the portal takes longer than the token is kept unlocked."""
        if error.code is not ErrorCode.STILL_GENERATING:
            return False
        self.go("waiting")
        return True

    def _waiting(self) -> Page:
        paper = renewing.generating()
        return Page(
            paper.title,
            sheets.first_line(paper),
            sheets.said(paper),
            sign="clock",
            primary=t("Go on"),
            then=self._renew,
            leave=t("Close"),
        )

    def _renewed(self, answer: Any) -> None:
        self._done = answer
        self.go("done")

    def _over(self) -> Page:
        paper = renewing.done(self._done)
        return Page(
            paper.title,
            "",
            [*map(text, paper.lines), *sheets.said(paper._replace(lines=())), self._notice()],
            sign="done",
            colour="good",
            last=True,
            primary=t("Save a backup…"),
            then=self.back_up,
            leave=t("Later"),
        )

    def _notice(self) -> QWidget:
        return sheets.back_up_banner(self.desk)
