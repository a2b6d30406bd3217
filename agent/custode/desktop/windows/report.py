"""Lost, stolen, broken: what happened, what that ends, the report, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QDate, QLocale, Qt
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import QCalendarWidget, QCheckBox, QDateEdit, QWidget

from custode.desktop.view import reporting
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.ending import agreed, parts_card
from custode.desktop.windows.pieces import Banner, Kind, card, column, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.locale import catalogue, endings, moments
from custode.locale.catalogue import mark, t
from custode.locale.lines import certificate_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError


class Report(Wizard):
    """Three cards, at most two questions, what will happen, the report."""

    start = "what"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        known = {choice.reason for choice in reporting.choices()}
        self.reason = args.get("reason", "") if args.get("reason") in known else ""
        self.operation = args.get("operation", "")
        self.operations: tuple[str, ...] = ()
        self.remembers = False
        self.last_held = QDate.currentDate()
        self.stolen = ""
        self.understood = False
        self.seen: dict[str, Any] = {}
        self.done: dict[str, Any] = {}

    def title(self) -> str:
        return t("Report a loss, theft or fault")

    def steps(self) -> Sequence[str]:
        return (t("What happened"), t("Details"), t("Check"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {
            "what": self._what,
            "which": self._which,
            "details": self._details,
            "check": self._check,
            "done": self._done,
        }

    # --- what happened ---

    def _what(self) -> Page:
        cards = Choices(
            t("What happened"),
            [
                Choice(one.reason, f"{one.title} – {one.word}", f"{one.text}\n{one.effect}")
                for one in reporting.choices()
            ],
            self.reason,
        )
        cards.chosen.connect(self._choose)
        return Page(
            t("What happened to your token?"),
            t("Nothing is sent yet. You see what will happen before you confirm it."),
            body=[cards],
            sign="warning",
            colour="warning",
            primary=t("Next"),
            then=self._after_what,
            ready=bool(self.reason),
        )

    def _choose(self, reason: str) -> None:
        self.reason = reason
        self.set_ready(True)

    def _after_what(self) -> None:
        if reporting.asks_last_held(self.reason):
            self.go("details")
        else:
            self._preview()

    # --- which certificate, where several could be meant ---

    def _which(self) -> Page:
        rows = self.desk.status.get("certificates") or ()
        cards = Choices(
            t("Which certificate"),
            [
                Choice(str(row["id_operazione"]), certificate_line(row))
                for row in rows
                if row.get("id_operazione") in self.operations
            ],
            self.operation,
        )
        cards.chosen.connect(self._choose_operation)
        return Page(
            t("Which certificate was on the token?"),
            t("More than one could be meant."),
            body=[cards],
            step=1,
            primary=t("Next"),
            then=self._preview,
            ready=bool(self.operation),
            back=lambda: self.go("what"),
        )

    def _choose_operation(self, operation: str) -> None:
        self.operation = operation
        self.set_ready(True)

    # --- when it was last held, and whether the copy went along ---

    def _details(self) -> Page:
        return Page(
            t("When did you last surely have it?"),
            t("Backups made after that day become void: whoever had the token may have made them."),
            body=[self._day(), self._copy()],
            step=1,
            primary=t("Next"),
            then=self._preview,
            ready=bool(self.stolen) or not reporting.asks_backup_stolen(self.reason),
            back=lambda: self.go("what"),
        )

    def _day(self) -> QWidget:
        today = moments.today()
        remembers = QCheckBox(t("I remember the last day I surely had it"))
        remembers.setChecked(self.remembers)
        day = QDateEdit(self.last_held)
        day.setLocale(QLocale(catalogue.current()))
        day.setDisplayFormat("dd/MM/yyyy")
        day.setCalendarPopup(True)
        self._dress(day.calendarWidget())
        day.setMaximumDate(QDate(today.year, today.month, today.day))
        day.setAccessibleName(t("The last day I surely had it"))
        day.lineEdit().setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Tab comes to the whole of it
        day.setEnabled(self.remembers)
        remembers.toggled.connect(day.setEnabled)
        remembers.toggled.connect(self._remember)
        day.dateChanged.connect(self._take_day)
        unknown = t("If you do not remember, leave it: nothing is made void then.")
        return card(keyed(remembers, "remembers"), keyed(day, "last-held"), text(unknown, "muted"))

    def _dress(self, calendar: QCalendarWidget) -> None:
        """Qt paints the days of a weekend red, whatever lies behind them."""
        plain = QTextCharFormat()
        plain.setForeground(self.palette().text())
        for day in (Qt.DayOfWeek.Saturday, Qt.DayOfWeek.Sunday):
            calendar.setWeekdayTextFormat(day, plain)

    def _copy(self) -> QWidget | None:
        if not reporting.asks_backup_stolen(self.reason):
            return None
        cards = Choices(
            t("Was the backup stolen too?"),
            [
                Choice(
                    "no",
                    t("No, I still have the backup"),
                    t("You can have it activated right afterwards."),
                ),
                Choice(
                    "yes",
                    t("Yes, or I am not sure"),
                    t("The backup of this token becomes void for good."),
                ),
            ],
            self.stolen,
        )
        cards.chosen.connect(self._take_stolen)
        question = text(t("Was the backup (its folder, or the spare token) stolen too?"), "strong")
        return column(question, cards, gap=8)

    def _remember(self, remembers: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.remembers = remembers

    def _take_day(self, day: QDate) -> None:
        self.last_held = day

    def _take_stolen(self, stolen: str) -> None:
        self.stolen = stolen
        self.set_ready(True)

    # --- what will happen ---

    def _params(self) -> dict[str, Any]:
        held = self.remembers and reporting.asks_last_held(self.reason)
        stolen = self.stolen == "yes" and reporting.asks_backup_stolen(self.reason)
        return {
            "reason": self.reason,
            "last_held": self.last_held.toString("yyyy-MM-dd") if held else None,
            "backup_stolen_too": stolen,
            "operation": self.operation or None,
        }

    def _preview(self) -> None:
        self.understood = False
        self.run(
            "report.preview",
            self._params(),
            mark("Looking at what the report would do"),
            done=self._previewed,
            failed=self._ambiguous,
        )

    def _previewed(self, seen: dict[str, Any]) -> None:
        self.seen = seen
        self.go("check")

    def _ambiguous(self, error: CustodeError) -> bool:
        if error.code is not ErrorCode.CERTIFICATE_AMBIGUOUS:
            return False
        named = str(error.data.get("operations") or "")
        self.operations = tuple(one.strip() for one in named.split(",") if one.strip())
        self.go("which")
        return True

    def _check(self) -> Page:
        certificate = self.seen.get("certificate") or {}
        effect = endings.report_effect(certificate, self.reason)
        final = self._final()
        kind = Kind.DANGER if final else Kind.WARNING
        told = effect or t("The certificate is stopped already: the report is only noted.")
        agreement = agreed(
            t("I have read it: it cannot be undone"), self.understood, self._understand
        )
        return Page(
            t("This is what will happen"),
            t("You are asked for your account's password; the token is not needed."),
            body=[
                Banner(self.desk.theme, kind, told, certificate_line(certificate)),
                *(parts_card(part) for part in endings.report_ends(self.seen)),
                agreement if final else None,
            ],
            step=2,
            sign="warning",
            colour="danger" if final else "warning",
            primary=t("Report it…"),
            then=self._report,
            ready=self.understood or not final,
            danger=True,
            back=lambda: self.go("details" if reporting.asks_last_held(self.reason) else "what"),
        )

    def _final(self) -> bool:
        """Whether it ends something for good, which is agreed to first."""
        ends = bool(endings.report_ends(self.seen))
        alive = (self.seen.get("certificate") or {}).get("state") in {"active", "suspended"}
        return ends or (alive and self.reason == "theft")

    def _understand(self, understood: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.understood = understood
        self.set_ready(understood)

    def _report(self) -> None:
        self.run("report", self._params(), mark("Reporting it"), done=self._reported)

    def _reported(self, done: dict[str, Any]) -> None:
        self.done = done
        self.go("done")

    # --- done ---

    def _done(self) -> Page:
        following = reporting.next_step(self.done, self.reason)
        lines = [*endings.ended_by_report(self.done), *endings.usable(self.done)]

        def go_on() -> None:
            self.desk.do(following.action)
            self.close()

        return Page(
            endings.reported(self.done),
            body=[
                card(*(text(line) for line in lines)),
                text(following.text, "strong"),
            ],
            step=3,
            sign="done",
            colour="good",
            primary=following.button,
            then=go_on,
            last=True,
        )
