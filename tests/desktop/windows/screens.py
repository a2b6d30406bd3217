"""Pictures of every window in its situations, both languages, light and dark (`make screens`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtWidgets import QApplication
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.table import show, situations

from custode.desktop.colours import Scheme
from custode.desktop.theme import Theme
from custode.locale.catalogue import use
from custode.paths import Paths


def take(app: QApplication, theme: Theme, folder: Path, scale: str) -> Iterator[Path]:
    """Write `NAME-LANGUAGE-SCHEME-SCALE.png` for each."""
    with tempfile.TemporaryDirectory() as home:
        for scheme in Scheme:
            theme.use(scheme)
            for language in ("it", "en"):
                use(language)
                for name, situation in situations().items():
                    desk = PlayedDesk(app, theme, Paths.at(Path(home)))
                    window = show(desk, situation)
                    settle()
                    path = folder / f"{name}-{language}-{scheme}-{scale}.png"
                    assert window.grab().save(str(path))
                    yield path
                    desk.close_all()
                    desk.deleteLater()
    use("en")
