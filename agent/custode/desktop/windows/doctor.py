"""The doctor in a window: its checks as they end, each fault with the one thing that mends it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QProcess, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from custode.desktop.parts import label, picture
from custode.desktop.view import examined
from custode.desktop.view.examined import Group
from custode.desktop.windows import sheets
from custode.desktop.windows.examination import Examination
from custode.desktop.windows.flow import flow
from custode.desktop.windows.picking import pick_folder
from custode.desktop.windows.pieces import Banner, Kind, card, column, copyable, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale import outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.view.action import Action
    from custode.desktop.view.examined import Line, Remedy
    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_SIGNS: Final = {
    Group.FAULT: ("warning", "danger"),
    Group.NOT_LOOKED_AT: ("info", "muted"),
    Group.FINE: ("done", "good"),
}
_SIGN: Final = 18


class Doctor(Wizard):
    """Looks at everything as soon as it is opened; changes nothing and asks for no PIN."""

    start = "looking"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._saved = ""
        self._all_shown = False
        self._bar: QProgressBar | None = None
        self._now: QLabel | None = None
        self._examination = self._begun()

    def title(self) -> str:
        return t("Diagnosis")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"looking": self._looking, "found": self._found}

    # --- while it looks ---

    def _begun(self) -> Examination:
        made = Examination(self.desk.paths, self)
        made.went_on.connect(self._tell_progress)
        made.over.connect(lambda: self.go("found"))
        made.reported.connect(self._tell_saved)
        made.failed.connect(self._tell_failed)
        made.start()
        return made

    def _look_again(self, _answer: object = None) -> None:
        self._examination.end()
        self._saved = ""
        self._examination = self._begun()
        self.go("looking")

    def closing(self) -> None:
        super().closing()
        self._examination.end()

    def _looking(self) -> Page:
        self._bar, self._now = QProgressBar(), text("", "muted")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(t("Diagnosis"))
        self._tell_progress()
        return Page(
            t("Custode looks at everything"),
            t("It changes nothing, and asks for no PIN."),
            [self._bar, self._now],
            sign="work",
            leave=t("Stop"),
        )

    def _tell_progress(self) -> None:
        if self.at != "looking" or self._bar is None or self._now is None:
            return
        run = self._examination
        self._bar.setRange(0, len(run.checks))
        self._bar.setValue(len(run.checks) - len(run.left))
        if run.left:
            self._now.setText(examined.check_name(run.left[0]["id"]))

    # --- what it found ---

    def _found(self) -> Page:
        self._bar = self._now = None
        findings = self._examination.findings
        groups = examined.lines(findings)
        well = Group.FAULT not in groups
        return Page(
            examined.verdict(findings),
            "" if well else t("What mends it stands below each."),
            [self._saved_banner(), *(self._group(group, rows) for group, rows in groups.items())],
            sign="done" if well else "warning",
            colour="good" if well else "danger",
            last=True,
            primary=t("Look again"),
            then=self._look_again,
            extra=[sheets.going(t("Save a report for support…"), self._save, "report")],
        )

    def _group(self, group: Group, rows: Sequence[Line]) -> QWidget:
        above = label(examined.title(group, len(rows)), "section")
        if group is Group.FINE and not self._all_shown:
            more = keyed(pressed(t("Show all"), self._show_all), "all")
            return column(above, flow([more]), gap=8)
        if group is Group.FAULT:
            return column(above, *(self._fault(row) for row in rows), gap=8)
        return column(above, card(*(self._row(row) for row in rows), gap=9), gap=8)

    def _show_all(self) -> None:
        self._all_shown = True
        self.refill()

    def _row(self, row: Line) -> QWidget:
        sign, colour = _SIGNS[row.group] if row.applies else _SIGNS[Group.NOT_LOOKED_AT]
        return _beside(
            picture(self.desk.theme, sign, colour, _SIGN),
            column(text(row.title, "strong"), text(_sentence(row.what), "muted"), gap=1),
        )

    def _fault(self, row: Line) -> QWidget:
        remedy = row.remedy
        # The title says how it should be; the cross says that it is not.
        words = "\n".join(part for part in (_sentence(row.what), remedy.text) if part)
        title = f"✗  {row.title}"
        banner = Banner(self.desk.theme, Kind.DANGER, title, words, self._buttons(remedy))
        if not remedy.command:
            return banner
        told = text(t("Whoever looks after this computer can type:"), "muted")
        command = copyable(remedy.command, "command")
        command.setAccessibleName(remedy.command)
        copy = pressed(t("Copy"), lambda: QGuiApplication.clipboard().setText(remedy.command))
        return column(banner, card(told, command, flow([copy])), gap=6)

    def _buttons(self, remedy: Remedy) -> list[QWidget]:
        if remedy.restarts:
            return [pressed(t("Start the agent anew"), self._restart)]
        if remedy.installs:
            return [pressed(t("Put it in place anew"), self._install)]
        if (action := remedy.action) is not None:
            return [pressed(remedy.button, lambda: self._do(action))]
        return []

    def _do(self, action: Action) -> None:
        self.desk.do(action)

    def _restart(self) -> None:
        """It starts by itself when it is asked for the next time: by the next look."""
        self.run("agent.stop", {}, mark("The agent is started anew"), done=self._look_again)

    def _install(self) -> None:
        """A command of its own does that; what came of it, the next look tells."""
        command = QProcess(self)
        command.finished.connect(lambda *_: self._look_again())
        command.start(sys.executable, ["-m", "custode", "install-desktop"])

    # --- the report ---

    def _save(self) -> None:
        folder = pick_folder(self, t("Where the report is to be saved"))
        if folder:
            self.save_into(Path(folder))

    def save_into(self, folder: Path) -> None:
        """Write the report there, under a name of its own."""
        stamp = datetime.now(UTC).astimezone().strftime("%Y-%m-%d-%H%M%S")
        self._examination.ask_report(str(folder / f"custode-{stamp}.zip"))

    def _tell_saved(self, path: str) -> None:
        self._saved = path
        self.go("found")

    def _saved_banner(self) -> QWidget | None:
        if not self._saved:
            return None
        there = pressed(t("Open the folder"), self._open_folder)
        told = t(outcomes.WITHOUT_PERSONAL_DATA, path=self._saved)
        return Banner(self.desk.theme, Kind.GOOD, t("The report is saved"), told, [there])

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._saved).parent)))

    def _tell_failed(self, error: CustodeError) -> None:
        if self.at == "looking":
            self.go("found")
        self.show_error(error)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _beside(sign: QWidget, words: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(words, 1)
    return made
