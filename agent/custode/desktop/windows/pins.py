"""A token's PINs: a new token gets one, one is changed, one is unblocked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtWidgets import QLineEdit, QWidget

from custode.desktop.parts import label
from custode.desktop.view import needs, pins
from custode.desktop.view.pins import Task
from custode.desktop.windows import sheets
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.pieces import column, text
from custode.desktop.windows.tokens import waiting
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.windows.desk import Desk

_DOING: Final = {
    Task.INIT: mark("The token gets its PIN"),
    Task.CHANGE: mark("The PIN is being changed"),
    Task.UNBLOCK: mark("The PIN is being unblocked"),
}
_WHO: Final = "identity_missing"  # it concerns no token, and is what comes next on the first day
_LABEL_BYTES: Final = 32  # CK_TOKEN_INFO.label (PKCS #11 v3.1 §3.2)


class PinTask(Wizard):
    """One thing done with a token's PIN. args: `token` (serial)."""

    follows = True

    task: ClassVar[Task]

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._token = args.get("token", "")
        self._role = args["role"] if args.get("role") in pins.ROLES else "user"
        self._agreed = False
        self._answer: dict[str, Any] = {}

    def title(self) -> str:
        return pins.paper(self.task, found=True).title

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"start": self._ask, "done": self._over}

    def depends_on(self) -> object:
        return self.desk.status.get("tokens"), self.desk.status.get("needs")

    # --- what is asked ---

    def _ask(self) -> Page:
        found = pins.choices(self.desk.status, self.task, self._role)
        paper = pins.paper(self.task, found=bool(found))
        if not found:
            wait = waiting(self.desk.theme, sheets.first_line(paper))
            return Page(paper.title, body=[wait], sign="token", leave=t("Close"))
        if self._token not in {one.name for one in found}:
            meant = next((one for one in found if one.serial == self._token), found[0])
            self._token, self._agreed = meant.name, False
        last = self._last_attempt()
        return Page(
            paper.title,
            sheets.first_line(paper),
            [*sheets.said(paper), last, self._tokens(found), *self._more()],
            sign="lock",
            primary=self.verb(),
            then=self._work,
            ready=last is None or self._agreed,
        )

    def verb(self) -> str:
        """What the button that goes on is called."""
        raise NotImplementedError  # abstract, as in window.py

    def _more(self) -> list[QWidget | None]:
        """What else there is to choose."""
        return []

    def params(self) -> dict[str, Any]:
        """What the agent is asked for."""
        return {"token": self._token}

    def _tokens(self, found: list[pins.Choice]) -> QWidget:
        if len(found) == 1:
            one = found[0]
            look = "dangerChip" if one.grave else "chip"
            return sheets.token_card(self.desk.theme, one.label, one.serial, one.standing, look)
        choices = [
            Choice(
                one.name,
                one.label,
                "  ·  ".join(
                    part for part in (t("Serial {serial}", serial=one.serial), one.standing) if part
                ),
            )
            for one in found
        ]
        return sheets.token_choices(choices, self._token, self._choose)

    def _choose(self, token: str) -> None:
        self._token, self._agreed = token, False
        self.refill()

    def _last_attempt(self) -> QWidget | None:
        row = pins.token_row(self.desk.status, self._token)
        if row is None or not pins.is_last(row, pins.sent_as(self.task, self._role)):
            return None
        return sheets.last_attempt(self.desk.theme, self._agreed, self._agree)

    def _agree(self, yes: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._agreed = yes
        self.set_ready(yes)

    # --- what is done ---

    def _work(self) -> None:
        wanted = self.params() | ({"use_last_attempt": True} if self._agreed else {})
        self.run(self.task.value, wanted, _DOING[self.task], done=self._finished)

    def _finished(self, answer: Any) -> None:
        self._answer, self._agreed = answer, False
        self.go("done")

    def _over(self) -> Page:
        paper = pins.done(self.task, self._answer)
        page = Page(paper.title, sheets.first_line(paper), sign="done", colour="good", last=True)
        serial = self._answer.get("serial")
        rows = [row for row in self.desk.status.get("needs") or () if row["need"] != "pin_not_set"]
        of_it = [row for row in rows if (row.get("token") or {}).get("serial") == serial]
        for row in [*of_it, *(row for row in rows if row["need"] == _WHO)][:1]:
            need = needs.shown(row)
            page.body = [text(f"{need.title} {need.text}")]
            page.primary, page.then = need.button, partial(self._go_on, need)
        return page

    def _go_on(self, need: needs.Shown) -> None:
        self.desk.do(need.action)
        self.close()


class PinChange(PinTask):
    """Changes a PIN. args: `token`, `role` (user, so)."""

    task = Task.CHANGE

    def verb(self) -> str:
        return t("Change the PIN…")

    def params(self) -> dict[str, Any]:
        return {"token": self._token, "so": self._role == "so"}

    def _more(self) -> list[QWidget | None]:
        choices = [
            Choice("user", t("PIN of the token"), t("The one you type every day.")),
            Choice(
                "so",
                t("Administrator PIN (SO PIN, PUK)"),
                t("The one that unblocks the other."),
            ),
        ]
        made = Choices(t("Which PIN"), choices, self._role)
        made.chosen.connect(self._choose_role)
        return [column(label(t("Which PIN"), "muted"), made, gap=4)]

    def _choose_role(self, role: str) -> None:
        self._role, self._agreed = role, False
        self.refill()


class PinUnblock(PinTask):
    """Sets a new PIN in place of one that is locked or forgotten. args: `token`."""

    task = Task.UNBLOCK

    def verb(self) -> str:
        return t("Set a new PIN…")


class TokenInit(PinTask):
    """Gives a new token its name and its PIN. args: `token`."""

    task = Task.INIT

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._name = ""

    def verb(self) -> str:
        return t("Prepare the token")

    def params(self) -> dict[str, Any]:
        return {"serial": self._token, "label": self._name.strip() or None}

    def _more(self) -> list[QWidget | None]:
        field = QLineEdit(self._name)
        named = t("A name for the token (optional)")
        field.setAccessibleName(named)
        row = pins.token_row(self.desk.status, self._token) or {}
        field.setPlaceholderText(str(row.get("label") or ""))
        field.setMaxLength(_LABEL_BYTES)
        field.textChanged.connect(self._set_name)  # an assistive program sets the text
        above = label(named, "muted")
        above.setBuddy(field)
        return [column(above, keyed(field, "name"), gap=4)]

    def _set_name(self, name: str) -> None:
        self._name = name
