"""The activation of a backup: its five steps, where it stands, and what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from custode.desktop.parts import label
from custode.desktop.view import activating, reporting
from custode.desktop.view.activating import Mark, Now
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.ending import agreed
from custode.desktop.windows.pieces import Banner, Kind, card, column, pressed, text
from custode.desktop.windows.which_backup import WithBackup
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page
from custode.error_codes import ErrorCode
from custode.locale import moments, outcomes
from custode.locale.catalogue import mark, t, tn
from custode.locale.lines import backup_named, plug_in, serial_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.view.activating import Candidate, Step
    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_ASK_MS: Final = 5000  # how often the desk is asked while somebody looks on; else the agent does it
_FEW: Final = 3
_SIGNS: Final = {Now.REPORT: "warning", Now.APPROVAL: "clock", Now.DONE: "done", Now.DEAD: "lock"}
_LOOKS: Final = {Mark.DONE: "stepDone", Mark.NOW: "stepNow", Mark.LATER: "stepAhead"}
_TITLES: Final = {Mark.DONE: "", Mark.NOW: "strong", Mark.LATER: "muted"}


class Activate(WithBackup):
    """Can be closed at any step and opened again: the authority holds how far it came."""

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.reason = args.get("reason", "")
        self.understood = False
        self.told: dict[str, Any] = {}
        self._asks = QTimer(self)
        self._asks.setInterval(_ASK_MS)
        self._asks.timeout.connect(self._ask_the_desk)

    def title(self) -> str:
        return t("Activate a backup")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {**self.choosing(), "steps": self._steps, "done": self._done}

    def question(self) -> str:
        return t("Which backup shall take the original's place?")

    def suits(self, candidate: Candidate) -> bool:
        return True

    def nothing(self) -> str:
        return t(
            "No backup is known here. If you have a folder of one, on a stick for example,"
            " choose it."
        )

    def chosen(self) -> None:
        self.go("steps")

    def state(self) -> object:
        original = activating.original_of(self.desk.status, self.backup())
        tokens = [row.get("serial") for row in self._tokens()]
        return self.backup(), original, tokens

    # --- where it stands ---

    def _steps(self) -> Page:
        backup = self.backup()
        original = activating.original_of(self.desk.status, backup)
        at = activating.now(backup, original)
        told = activating.told(backup, original)
        if at is Now.APPROVAL and not self._asks.isActive():
            self._asks.start()
        ours = activating.is_ours(backup, original)
        absent = self._awaited(backup) if ours else ""
        body = [
            self._progress(activating.steps(backup, original)),
            text(t("Backup: {name}", name=backup_named(backup)), "muted"),
            Banner(self.desk.theme, Kind.INFO, absent) if absent else None,
            self._tries(backup)
            if at in {Now.REQUEST, Now.COLLECT} and self.error is None
            else None,
            self._reasons() if ours else None,
            self._agreement() if activating.ends_the_original(backup, original) else None,
        ]
        page = Page(
            told.title,
            told.text,
            body=body,
            sign=_SIGNS.get(at, "backup"),
            primary=told.button,
            then=self._next(at),
            ready=self._ready(),
            danger=at is Now.COLLECT,
            last=at in {Now.APPROVAL, Now.DONE, Now.DEAD},
            leave=t("Close"),
        )
        if at is Now.DEAD:
            self._another(page)
        if at is Now.APPROVAL:
            page.extra = [keyed(pressed(t("Look now"), self._look_now), "look")]
        return page

    def _another(self, page: Page) -> None:
        """Where this one is of no use: another backup, else a new certificate."""
        if self.candidates():
            page.primary, page.then = t("Choose another backup…"), self._choose_another
        else:
            page.primary, page.then = t("New certificate…"), lambda: self._open("reissue")

    def _choose_another(self) -> None:
        self.row, self.folder = {}, ""
        self.go("which")

    def _progress(self, steps: Sequence[Step]) -> QWidget:
        """One under the other: those behind are ticked, the present one stands out."""
        made = QFrame()
        made.setObjectName("card")
        made.setAccessibleName(t("The five steps"))
        grid = QGridLayout(made)
        grid.setContentsMargins(18, 15, 18, 16)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(1, 1)
        for place, step in enumerate(steps):
            sign = label("✓" if step.mark is Mark.DONE else str(step.number), _LOOKS[step.mark])
            sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
            words = [text(step.title, _TITLES[step.mark])]
            if step.when:
                words.append(text(step.when, "muted"))
            grid.addWidget(sign, place, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(column(*words, gap=1), place, 1)
        return made

    def _tries(self, backup: Mapping[str, Any]) -> QWidget | None:
        left = activating.tries_left(backup)
        if left is None or left > _FEW:
            return None
        words = tn(
            "Only {n} try is left for the backup's PIN.",
            "Only {n} tries are left for the backup's PIN.",
            left,
        )
        return Banner(self.desk.theme, Kind.WARNING, words)

    def _awaited(self, backup: Mapping[str, Any]) -> str:
        """Which token has to be plugged in; nothing: none, or it is here."""
        serial = serial_of(backup)
        here = any(row.get("serial") == serial for row in self._tokens())
        if not activating.on_token(backup) or not serial or here:
            return ""
        return plug_in({"label": backup.get("label"), "serial": serial})

    def _tokens(self) -> list[dict[str, Any]]:
        return [row for row in self.desk.status.get("tokens") or () if row.get("present")]

    def _known_reason(self) -> str:
        return activating.reason_of(self.desk.status, self.backup()) or self.args.get("reason", "")

    def _reasons(self) -> QWidget | None:
        """What happened, where that was not reported from here."""
        if self._known_reason():
            return None
        cards = Choices(
            t("What happened"),
            [Choice(one.reason, one.title, one.text) for one in reporting.choices()],
            self.reason,
        )
        cards.chosen.connect(self._choose_reason)
        return column(text(t("What happened to your token?"), "strong"), cards, gap=8)

    def _choose_reason(self, reason: str) -> None:
        self.reason = reason
        self.set_ready(self._ready())

    def _agreement(self) -> QWidget:
        return agreed(t("Yes: cancel the original for good"), self.understood, self._understand)

    def _understand(self, understood: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.understood = understood
        self.set_ready(self._ready())

    def _ready(self) -> bool:
        backup = self.backup()
        original = activating.original_of(self.desk.status, backup)
        if not activating.is_ours(backup, original):
            return True
        if self._awaited(backup):
            return False
        if not (self._known_reason() or self.reason):
            return False
        return self.understood or not activating.ends_the_original(backup, original)

    # --- what is next ---

    def _next(self, at: Now) -> Callable[[], None]:
        if at is Now.REPORT:
            return lambda: self._open("report")
        if at is Now.RESTORE and not activating.on_token(self.backup()):
            return self._restore
        return self._activate

    def _open(self, name: str) -> None:
        self.desk.open(name)

    def _restore(self) -> None:
        self.give_way_to("restore", folder=self.folder)

    def _activate(self) -> None:
        backup = self.backup()
        on_token = activating.on_token(backup)
        serial = serial_of(backup) if on_token else ""
        named = str(backup.get("backup_id")) if on_token else self.folder
        self.run(
            "backup.activate",
            {
                "folder": None if serial else named,
                "on_token": serial or None,
                "reason": self._known_reason() or self.reason,
                "wait": False,
            },
            mark("Activating the backup"),
            done=self._activated,
            failed=self._asked_for,
        )

    def _asked_for(self, error: CustodeError) -> bool:
        """The request is with the desk: that is no failure here."""
        if error.code is not ErrorCode.STILL_GENERATING:
            return False
        self.understood = False  # it was about the asking
        self._asked_anew()
        return True

    def _asked_anew(self) -> None:
        """Hear how it stands by now before the steps are shown."""
        self.run("backup.list", {}, mark("Asking how it stands"), done=lambda _: self.go("steps"))

    def _look_now(self) -> None:
        self._asked_anew()

    def _ask_the_desk(self) -> None:
        """While somebody looks on: what has changed arrives as a new status."""
        at = activating.now(self.backup(), activating.original_of(self.desk.status, self.backup()))
        if self.at != "steps" or at is not Now.APPROVAL or not self.isVisible():
            self._asks.stop()
        elif not self.busy:
            self.desk.call("backup.list")

    def _activated(self, done: dict[str, Any]) -> None:
        self.told = done
        self.go("done")

    def _done(self) -> Page:
        spare = bool(self.told.get("token"))
        day = moments.day(self.told.get("expires_at"))
        lines = [t("The old original is cancelled for good.")]
        if day:
            lines.append(t("The new certificate is valid until {day}.", day=day))
        if spare:
            lines.append(outcomes.original_now(self.told))
        else:
            lines.append(t("Now put it onto a new token: that one becomes your original."))
        return Page(
            t("The backup is activated"),
            body=[card(*(text(line) for line in lines))],
            sign="done",
            colour="good",
            primary=t("Make your backup now!") if spare else t("Put it onto a token…"),
            then=self.back_up if spare else self._restore,
            last=True,
        )

    def closing(self) -> None:
        self._asks.stop()
        super().closing()
