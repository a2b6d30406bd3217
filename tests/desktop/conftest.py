"""Qt without a screen: its windows are drawn into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is loaded, in this process alone
os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # it knows no size hints

from PySide6.QtWidgets import QApplication

from custode.desktop.theme import Theme


@pytest.fixture(scope="session")
def theme() -> Iterator[Theme]:
    app = QApplication(["tests"])
    yield Theme(app)
    app.shutdown()
