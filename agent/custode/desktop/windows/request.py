"""The whole way to a certificate in one window: token, request, portal, installation.

Where the person stands is the agent's word (`status`, `request.standing`), asked for whenever
something has changed: so it can be closed at any point, and goes on when it is opened again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from custode import files
from custode.desktop.view import keys, requesting
from custode.desktop.view.requesting import STEPS, Stage, Way, Wish
from custode.desktop.windows import sheets
from custode.desktop.windows.asking_standing import Standing
from custode.desktop.windows.choices import Choice
from custode.desktop.windows.flow import flow
from custode.desktop.windows.picking import pick_folder
from custode.desktop.windows.pieces import Banner, Kind, card, column, pressed, text
from custode.desktop.windows.tokens import waiting
from custode.desktop.windows.wizard import Page, Wizard
from custode.errors import CustodeError
from custode.locale import moments, outcomes
from custode.locale.catalogue import gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.view.paper import Paper
    from custode.desktop.windows.desk import Desk

_LOADING: Final = "loading"
_BEHIND_S: Final = 1.5  # after the portal's look, until its answer is there
_LONGEST_S: Final = 3600.0
_KEPT: Final = frozenset({Stage.TOKEN, Stage.SEND, Stage.KEY})


class Request(Wizard):
    """Asks for a certificate. args: `token` (serial); `new`: another one besides what there is."""

    start: ClassVar[str] = _LOADING

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._wish = Wish(args.get("token", ""), bool(args.get("new")))
        self._way = Way(Stage.TOKEN)
        self._kind = ""
        self._copyable: bool | None = None
        self._installed = False
        self._missed = False
        self._saved = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._standing = Standing(desk, self)
        self._standing.changed.connect(self._settle)
        self._standing.failed.connect(self._miss)
        self._timer.timeout.connect(self._standing.ask)
        self._standing.ask()

    def title(self) -> str:
        return t("Ask for a certificate")

    def steps(self) -> Sequence[str]:
        return [gettext(step) for step in STEPS]

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {
            _LOADING: lambda: Page(t("One moment…"), sign="work", leave=t("Close")),
            Stage.IDENTITY: self._identity,
            Stage.TOKEN: lambda: self._plain(waiting(self.desk.theme), sign="token"),
            Stage.PIN: self._pin,
            Stage.KEY: self._key,
            Stage.SEND: self._send_page,
            Stage.WAITING: self._waiting,
            Stage.REJECTED: self._rejected,
            Stage.INSTALL: self._install_page,
            Stage.BACKUP: self._backup,
            Stage.THERE: self._there,
            Stage.SUSPENDED: self._suspended,
        }

    # --- where the person stands ---

    def show_error(self, error: CustodeError) -> None:
        """Tell it, and ask the agent where all this stands after it."""
        super().show_error(error)
        self._standing.ask()

    def _miss(self, error: CustodeError) -> None:
        """The agent did not say: that is told until it does."""
        self._missed = True
        if not self.busy:
            super().show_error(error)

    def _settle(self) -> None:
        """Stand where the agent says; an error stays in sight while the way has not gone on."""
        if self.busy or not self.desk.status:
            return
        if self._missed:
            self._missed, self.error = False, None
            self.refill()
        before, self._way = self._way.stage, self._find()
        self._await_next_look()
        stage = self._way.stage
        if self.at == stage:
            self._look()
            return
        error = self.error if before in _KEPT and stage in _KEPT else None
        again = self._again
        self.go(stage)
        if error is not None:
            super().show_error(error)
            self._again = again

    def depends_on(self) -> object:
        """Everything that its pages show; the time is told by the portal's next look."""
        return self.at, self._way, self._standing.answer, self.desk.status.get("tokens")

    def _find(self) -> Way:
        return requesting.way(self.desk.status, self._standing.answer, self._wish)

    def _await_next_look(self) -> None:
        """See again when the portal has been asked again; nothing happens in between."""
        self._timer.stop()
        if self._way.stage is not Stage.WAITING:
            return
        for look in self._standing.answer.get("looks") or ():
            at = moments.parse(look["next_look_at"])
            if at is not None and look["key_sha256"] == self._way.row.get("key_sha256"):
                left_s = max(0.0, (at - datetime.now(UTC)).total_seconds()) + _BEHIND_S
                self._timer.start(int(min(left_s, _LONGEST_S) * 1000))

    def _paper(self) -> Paper:
        now = datetime.now(UTC)
        return requesting.paper(self._way, self.desk.status, self._standing.answer, now)

    def _plain(self, *more: QWidget | None, **page: Any) -> Page:
        """The page of the stage, as its paper says it."""
        paper = self._paper()
        return Page(
            paper.title,
            "" if paper.lacks else sheets.first_line(paper),
            [sheets.lacking(self.desk.theme, paper), *sheets.said(paper), *more],
            step=min(self._way.step, len(STEPS) - 1),
            **page,
        )

    # --- token ---

    def _identity(self) -> Page:
        return self._plain(
            sign="person",
            primary=t("Say who you are…"),
            then=sheets.opens(self.desk, "first_run"),
        )

    def _pin(self) -> Page:
        token = self._way.row["name"]
        return self._plain(
            self._tokens(),
            sign="token",
            primary=t("Prepare the token…"),
            then=sheets.opens(self.desk, "token_init", token=token),
        )

    def _tokens(self) -> QWidget:
        """The token, or those to choose from; each that will not do says why."""
        rows = requesting.fit(self._standing.answer)
        chosen = self._way.row
        if len(rows) == 1:
            return sheets.token_card(self.desk.theme, chosen["label"] or "–", chosen["serial"])
        choices = [
            Choice(row["name"], row["label"] or "–", t("Serial {serial}", serial=row["serial"]))
            for row in rows
        ]
        return sheets.token_choices(choices, chosen["name"], self._choose)

    def _choose(self, token: str) -> None:
        self._wish = replace(self._wish, token=token)
        self._kind, self._copyable = "", None
        self._settle()

    # --- key and request ---

    def _key(self) -> Page:
        token = self._way.row
        begun = keys.begun_on(self._standing.answer, token["serial"])
        kind, copyable = keys.wanted(token, begun)
        if self._kind not in token["keys"]:
            self._kind = kind
        if self._copyable is None:
            self._copyable = copyable
        kinds = sheets.one_of(t("Kind of key"), keys.choices(token), self._kind, self._set_kind)
        return self._plain(
            self._tokens(),
            card(kinds, self._copying() if token["copyable"] else None, gap=10),
            text(t("It goes on from where it stopped."), "muted") if begun is not None else None,
            text(t("You are asked for the token's PIN."), "muted"),
            sign="certificate",
            primary=t("Make the key and send the request"),
            then=self._make,
        )

    def _copying(self) -> QWidget:
        told = t("It can then leave the token, encrypted, for a backup that is a copy of it.")
        box = sheets.switch(
            t("A key that can be copied"), told, on=bool(self._copyable), toggled=self._set_copyable
        )
        if not self._copyable:
            return column(box, text(told, "muted"), gap=2)
        warning = Banner(self.desk.theme, Kind.WARNING, told, t(outcomes.UNNOTICED))
        return column(box, warning, gap=8)

    def _set_kind(self, kind: str) -> None:
        self._kind = kind

    def _set_copyable(self, on: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._copyable = on
        self.refill()

    def _make(self) -> None:
        wanted = {
            "token": self._way.row["name"],
            "key": self._kind,
            "copyable": bool(self._copyable),
        }
        self.run("csr.create", wanted, mark("Your key is being made"), step=1, done=self._made)

    def _made(self, answer: Any) -> None:
        """The key is there and is not made again: from here on only the request is sent."""
        unsent = {
            "csr": answer["csr"],
            "file_name": answer["file_name"],
            "serial": answer["token"],
            "key": answer["key"],
            "made_at": datetime.now(UTC).isoformat(),
        }
        self._wish = Wish()
        self._way, self.at = Way(Stage.SEND, unsent), Stage.SEND
        self._send({"csr": answer["csr"], "file_name": answer["file_name"]})

    def _send_page(self) -> Page:
        row = self._way.row
        by_hand = column(
            text(t("If you prefer to hand it in on the portal's page, save its file."), "muted"),
            flow([pressed(t("Save the file…"), self._save)]),
            self._saved_where(),
        )
        return self._plain(
            by_hand,
            sign="certificate",
            primary=t("Send the request"),
            then=lambda: self._send({"csr": row["csr"], "file_name": row["file_name"]}),
            extra=[sheets.going(t("Make a new key instead"), self._anew, "anew")],
            leave=t("Close"),
        )

    def _save(self) -> None:
        """Into a folder of the person's choice, under its own name; never over another file."""
        folder = pick_folder(self, t("Where the request is to be saved"))
        if not folder:
            return
        row = self._way.row
        try:
            with files.new_file(str(Path(folder) / row["file_name"]), ".csr") as file:
                file.write(row["csr"].encode("ascii"))
        except CustodeError as error:
            self.show_error(error)
            return
        self._saved = str(file.path)
        self.error = None
        self.refill()

    def _saved_where(self) -> QWidget | None:
        if not self._saved:
            return None
        return Banner(self.desk.theme, Kind.GOOD, t("The file is saved"), self._saved)

    def _send(self, params: dict[str, str]) -> None:
        doing = mark("The request goes to the portal")
        self.run("request.create", params, doing, step=1, done=self._refresh)

    def _anew(self) -> None:
        self._wish = Wish(new=True)
        self._settle()

    def _refresh(self, _answer: object = None) -> None:
        """Ask the agent where all this stands now, before anything else is shown."""
        self.at = _LOADING
        self.refill()
        self._standing.ask_all()

    # --- portal ---

    def _waiting(self) -> Page:
        return self._plain(
            sign="clock",
            extra=[sheets.going(t("Look now"), self._look_now, "look")],
            leave=t("Close"),
        )

    def _look_now(self) -> None:
        doing = mark("The portal is asked")
        self.run("certificates.list", {}, doing, step=2, done=self._refresh)

    def _rejected(self) -> Page:
        return self._plain(
            sign="warning",
            colour="danger",
            primary=t("Make a new request"),
            then=self._anew,
            leave=t("Close"),
        )

    # --- installation, and what comes after it ---

    def _install_page(self) -> Page:
        return self._plain(
            None if self._paper().lacks else text(t("You are asked for the token's PIN."), "muted"),
            sign="certificate",
            primary=t("Install the certificate"),
            then=self._install,
            ready=not self._paper().lacks,
            leave=t("Close"),
        )

    def _install(self) -> None:
        wanted = {"operation": self._way.row["id_operazione"]}
        doing = mark("The certificate goes onto the token")
        self.run("install", wanted, doing, step=3, done=self._put)

    def _put(self, _answer: object) -> None:
        self._installed = True
        self._refresh()

    def _backup(self) -> Page:
        proved = text(t(outcomes.INSTALLED)) if self._installed else None
        page = self._plain(sign="done", colour="good", last=True)
        rows = [proved, *page.body, sheets.back_up_banner(self.desk)]
        page.text, page.body = "", rows
        page.primary, page.then, page.leave = t("Save a backup…"), self.back_up, t("Later")
        return page

    def _there(self) -> Page:
        return self._plain(
            sign="done",
            colour="good",
            last=True,
            primary=t("Renew…"),
            then=sheets.opens(self.desk, "renew"),
            extra=[sheets.going(t("Ask for another one"), self._anew, "anew")],
        )

    def _suspended(self) -> Page:
        return self._plain(
            sign="warning",
            colour="warning",
            last=True,
            primary=t("Activate the backup…"),
            then=sheets.opens(self.desk, "activate"),
        )
