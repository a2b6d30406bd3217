"""Qt without a screen: its windows are drawn into memory. And a whole desktop that nobody sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is loaded, in this process alone
os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # it knows no size hints

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLineEdit
from tests.desktop.playing import Answer, Client, Play
from tests.desktop.session.desktop import Desktop
from tests.unit.cli.test_terminal import content

from custode.desktop.pin_dialog.asked import Asked, Ending
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.desktop.theme import Theme
from custode.prompts.secret import Secret


@pytest.fixture(scope="session")
def theme() -> Iterator[Theme]:
    app = QApplication(["tests"])
    yield Theme(app)
    app.shutdown()


@pytest.fixture(scope="session")
def desktop() -> Iterator[Desktop]:
    """Display, buses and whoever reads its windows, for programs of their own."""
    with Desktop() as opened:
        yield opened


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    os.close(made.descriptor)
    if not made.gone:
        os.close(made.end)


@pytest.fixture
def answer(theme: Theme, client: Client, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Show the dialog, have it played with, and give what came of it."""
    failed: list[BaseException] = []
    # What goes wrong in a slot Qt would print, and go on.
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: failed.append(error))

    def run(asked: Asked, *steps: Play) -> tuple[Ending, bytes]:
        dialog = PinDialog(asked, client, theme)

        def play() -> None:
            try:
                for step in steps:
                    step(dialog)
            except BaseException:
                dialog.reject()
                raise

        QTimer.singleShot(0, dialog, play)
        QTimer.singleShot(20_000, dialog, dialog.reject)
        with Secret() as secret:
            ending, given = dialog.answer(secret), content(secret)
        for field in dialog.findChildren(QLineEdit):
            assert not field.text(), "something was left in a field"
        dialog.deleteLater()
        if failed:
            raise failed[0]
        return ending, given

    return run
