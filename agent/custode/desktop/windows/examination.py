"""The doctor at work in a process of its own (`custode.doctor`): what it has found so far."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from custode.error_codes import ErrorCode
from custode.errors import CustodeError, from_rpc
from custode.locale import catalogue

if TYPE_CHECKING:
    from custode.paths import Paths

_END_MS: Final = 2000


class Examination(QObject):
    """One run; it stays there afterwards, to write reports of just that."""

    went_on = Signal()
    over = Signal()
    reported = Signal(str)
    failed = Signal(object)

    def __init__(self, paths: Paths, parent: QObject) -> None:
        super().__init__(parent)
        self.checks: list[dict[str, Any]] = []
        """{"id", "about"} of each, in the order in which they are told."""
        self.findings: list[dict[str, Any]] = []
        self.is_over = False
        self._process = process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        for name, value in paths.environment().items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._gone)
        process.errorOccurred.connect(self._gone)

    def start(self) -> None:
        """Begin."""
        self._process.start(sys.executable, ["-m", "custode.doctor"])

    def ask_report(self, path: str) -> None:
        """Have a report for support written there; `reported` or `failed` tells of it."""
        wanted = {"report": path, "language": catalogue.current()}
        self._process.write(json.dumps(wanted).encode() + b"\n")

    def end(self) -> None:
        """End it, whatever it does just now."""
        self.blockSignals(True)
        self._process.closeWriteChannel()
        self._process.kill()
        self._process.waitForFinished(_END_MS)

    @property
    def left(self) -> list[dict[str, Any]]:
        """The checks that have told nothing yet."""
        if self.is_over:
            return []
        told = {one["id"] for one in self.findings}
        return [one for one in self.checks if one["id"] not in told]

    def _read(self) -> None:
        while self._process.canReadLine():
            self._take(json.loads(bytes(self._process.readLine().data())))

    def _take(self, line: dict[str, Any]) -> None:
        if "begun" in line:
            self.checks = line["begun"]
        elif "finding" in line:
            self.findings.append(line["finding"])
        elif "ok" in line:
            self.is_over = True
            self.over.emit()
            return
        elif "report" in line:
            self.reported.emit(line["report"])
        elif "error" in line:
            self.failed.emit(from_rpc(line["error"]))
        self.went_on.emit()

    def _gone(self, *_told: object) -> None:
        """It never ends by itself: something broke."""
        self.failed.emit(CustodeError(ErrorCode.FAILED, why="custode.doctor"))
