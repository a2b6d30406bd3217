"""The main window: how everything stands, what is to be done, and every procedure's way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from custode.desktop.parts import Note, label, picture
from custode.desktop.view import panel as view
from custode.desktop.view.action import window
from custode.desktop.view.needs import REMIND
from custode.desktop.windows.flow import flow
from custode.desktop.windows.menus import menu_buttons
from custode.desktop.windows.pieces import MARGIN, Banner, Body, Kind, card, column, pressed, text
from custode.desktop.windows.window import KEY, Window, keyed
from custode.locale.catalogue import gettext, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.desktop.view.panel import Gate, Line, Pending

_BADGE = 34


class Panel(Window):
    """Follows the agent's status; nothing in it is asked for, everything is told."""

    width_em: ClassVar[int] = 46

    def title(self) -> str:
        return "Custode"

    def depends_on(self) -> object:
        return (self.desk.status, self.desk.why)

    def fill(self) -> QWidget:
        status, why = self.desk.status, self.desk.why
        made = QWidget()
        layout = QVBoxLayout(made)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._header())
        body = self._problems() if why is not None or not status else self._everything()
        layout.addWidget(Body(body), 1)
        return made

    def present(self) -> None:
        shown = self.isVisible()
        super().present()
        if not shown:
            urgent = [one for one in _chain_keys(self) if one[0].startswith("do-")]
            (urgent[0][1] if urgent else self).setFocus()

    def _header(self) -> QWidget:
        header = QFrame()
        header.setObjectName("steps")
        row = QVBoxLayout(header)
        row.setContentsMargins(MARGIN, 16, MARGIN, 10)
        row.setSpacing(10)
        name, about = view.who(self.desk.status)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addWidget(picture(self.desk.theme, "shield", "accent", _BADGE))
        line.addWidget(column(text(name, "title"), text(about, "muted"), gap=1), 1)
        row.addLayout(line)
        row.addWidget(flow(menu_buttons(self.desk), 4))
        return header

    def _everything(self) -> QWidget:
        status = self.desk.status
        waiting = view.pending(status)
        red = [one for one in waiting if one.need.kind == view.RED]
        others = [one for one in waiting if one.need.kind != view.RED]
        return column(
            *map(self._red, red),
            *self._running(),
            self._broken(),
            self._well(),
            self._pending(others),
            self._tokens(),
            self._certificate(),
            self._backups(),
            margins=(MARGIN, MARGIN - 6, MARGIN, MARGIN),
        )

    # --- what presses ---

    def _red(self, one: Pending) -> QWidget:
        """The client's own red notice; it stays until there is a backup."""
        return Banner(
            self.desk.theme,
            Kind.DANGER,
            one.need.title,
            one.need.text,
            self._buttons(one, "danger"),
        )

    def _pending(self, waiting: Sequence[Pending]) -> QWidget | None:
        if not waiting:
            return None
        return card(text(view.more(len(waiting)), "section"), *map(self._need, waiting), gap=12)

    def _need(self, one: Pending) -> QWidget:
        return column(
            text(one.need.title, "strong"),
            text(one.need.text, "muted") if one.need.text else None,
            flow(self._buttons(one)),
            gap=5,
        )

    def _buttons(self, one: Pending, look: str = "") -> list[QWidget]:
        need = one.need
        go = pressed(need.button, lambda: self.desk.do(need.action), look)
        go.setAccessibleDescription(need.title)
        buttons: list[QWidget] = [keyed(go, f"do-{need.key}")]
        if one.reminded:
            return [
                *buttons,
                label(t("You will be reminded on {when}.", when=one.reminded), "muted"),
            ]
        later = pressed(gettext(REMIND), lambda: self.desk.do(need.snooze), "quiet")
        later.setAccessibleName(f"{gettext(REMIND)}: {need.title}")  # there may be several
        return [*buttons, keyed(later, f"later-{need.key}")]

    def _running(self) -> list[QWidget]:
        rows: list[QWidget] = []
        for doing, step in view.running(self.desk.status):
            bar = QProgressBar()
            bar.setRange(0, 0)
            bar.setTextVisible(False)
            bar.setAccessibleName(doing)
            title = Note(self.desk.theme, "work", "accent", doing)
            rows.append(card(title, text(step, "muted") if step else None, bar))
        return rows

    def _problems(self) -> QWidget:
        """Without an agent nothing else is known for certain."""
        margins = (MARGIN, MARGIN - 6, MARGIN, MARGIN)
        if coming := view.coming(self.desk.why):
            wait = Note(self.desk.theme, "work", "accent", coming)
            return column(card(wait), margins=margins)
        return column(self._broken(), margins=margins)

    def _broken(self) -> QWidget | None:
        """One banner for all that does not work: it is looked into in one place."""
        found = view.problems(self.desk.status, self.desk.why)
        if not found:
            return None
        first = found[0]
        kind = Kind.DANGER if any(one.serious for one in found) else Kind.WARNING
        more = pressed(first.button, lambda: self.desk.do(first.action))
        more.setAccessibleDescription(first.title)
        buttons = [keyed(more, "doctor")]
        if self.desk.why is not None:
            buttons.insert(0, keyed(pressed(t("Try again"), self.desk.refresh), "again"))
        if len(found) == 1:
            return Banner(self.desk.theme, kind, first.title, first.text, buttons)
        told = "\n".join(f"– {one.title}\n   {one.text}" for one in found)
        return Banner(self.desk.theme, kind, view.broken(len(found)), told, buttons)

    def _well(self) -> QWidget | None:
        if not view.all_is_well(self.desk.status, self.desk.why):
            return None
        nothing = t("Nothing needs to be done.")
        return Banner(self.desk.theme, Kind.GOOD, t("All is well"), nothing)

    # --- how things stand ---

    def _tokens(self) -> QWidget:
        found = view.tokens(self.desk.status)
        rows = [self._line("token", line) for line in found]
        if not rows:
            rows = [Note(self.desk.theme, "token", "muted", t("No token inserted"))]
        return card(text(t("Token"), "section"), *rows, gap=10)

    def _certificate(self) -> QWidget:
        found = view.certificate(self.desk.status)
        title = text(t("Certificate"), "section")
        if found is None:
            ask = pressed(t("Ask for a certificate…"), lambda: self.desk.do(window("request")))
            return card(title, text(t("There is no certificate yet."), "muted"), flow([ask]))
        rows: list[QWidget | None] = [title, self._line("certificate", found.line)]
        if found.percent is not None:
            bar = QProgressBar()
            bar.setRange(0, 100)
            bar.setValue(max(found.percent, 1))
            bar.setTextVisible(False)
            bar.setProperty("level", found.level)
            bar.setAccessibleName(t("Time left"))
            bar.setAccessibleDescription(found.left)
            rows.append(bar)
        look = {"low": "danger", "middle": "warning"}.get(found.level, "muted")
        rows.append(text(found.left, look) if found.left else None)
        return card(*rows, gap=9)

    def _backups(self) -> QWidget | None:
        found, gate = view.backups(self.desk.status), view.gate(self.desk.status)
        if not found and not self.desk.status.get("certificates"):
            return None
        rows: list[QWidget | None] = [text(t("Backups"), "section")]
        rows += [self._line("backup", line) for line in found]
        if not found:
            rows.append(text(t("There is no backup yet."), "muted"))
        if gate is not None:
            rows.append(text(gate.sentence, "" if gate.good else "warning"))
        rows.append(flow(self._about_backups(gate)))
        return card(*rows, gap=9)

    def _about_backups(self, gate: Gate | None) -> list[QWidget]:
        buttons: list[QWidget] = []
        if view.backups(self.desk.status):
            again = pressed(t("Save another backup…"), lambda: self.desk.do(window("backup")))
            check = pressed(t("Verify a backup…"), lambda: self.desk.do(window("verify")))
            lost = pressed(t("One is lost…"), lambda: self.desk.do(window("retire")), "quiet")
            buttons += [keyed(again, "again"), keyed(check, "verify"), keyed(lost, "lost")]
        if gate is not None and gate.why:
            why = pressed(t("Why…"), lambda: self.desk.do(window("blocked")), "quiet")
            why.setAccessibleDescription(gate.sentence)
            buttons.append(keyed(why, "why"))
        return buttons

    def _line(self, sign: str, line: Line) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(picture(self.desk.theme, sign, "muted", 24))
        row.addWidget(
            column(
                text(line.title, "strong"), text(line.text, "muted") if line.text else None, gap=1
            ),
            1,
        )
        if line.chip:
            row.addWidget(label(line.chip, line.look), 0, Qt.AlignmentFlag.AlignVCenter)
        return made


def _chain_keys(panel: QWidget) -> list[tuple[str, QWidget]]:
    """What can be reached with Tab and has a name of its own."""
    return [
        (str(one.property(KEY)), one) for one in panel.findChildren(QWidget) if one.property(KEY)
    ]
