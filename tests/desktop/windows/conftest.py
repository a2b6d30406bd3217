"""Windows on a desk that is played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from tests.desktop.windows.played import PlayedDesk
from tests.desktop.windows.real_person import Person, at_a_desk

from custode.desktop.theme import Theme
from custode.locale.catalogue import use
from custode.paths import Paths


@pytest.fixture
def desk(theme: Theme, tmp_path: Path) -> Iterator[PlayedDesk]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    use("en")
    made = PlayedDesk(app, theme, Paths.at(tmp_path))
    yield made
    made.close_all()
    use("en")


@pytest.fixture
def person(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    with at_a_desk(theme, tmp_path, monkeypatch) as found:
        yield found
