"""The tray as it stands in a real panel: its menu open, and a notification; into build/screens.

For each language and look a real agent, with a software token whose certificate has no backup yet
(a need is notified once a day, so one agent would do for one picture), and a display of its own
with Xfce's panel and notifications.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.desktop import real_panel
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.programs import running

from custode.demo.play import laid
from custode.demo.soft_stage import SoftStage
from custode.demo.stage import Person

SIZE: Final = (900, 560)
LANGUAGES: Final = ("it", "en")
SCHEMES: Final = ("light", "dark")
_ICON: Final = (SIZE[0] - 17, SIZE[1] - 17)  # the panel's last place
_CORNER: Final = (SIZE[0] - 60, 40)  # where notifications are shown
_TO_UTILITIES: Final = 4  # so many lines below the menu's top, of those that can be chosen


def take(folder: Path) -> Iterator[Path]:
    """Photograph everything; gives each picture's path."""
    for language in LANGUAGES:
        for scheme in SCHEMES:
            with tempfile.TemporaryDirectory(prefix="custode-photos-") as made:
                stage = SoftStage(Path(made), fast=True, lang=language)
                try:
                    yield from _on_one_display(folder, laid(stage).person, language, scheme)
                finally:
                    stage.close()


def _on_one_display(folder: Path, person: Person, language: str, scheme: str) -> Iterator[Path]:
    with (
        Desktop(size=SIZE, language=language, accessible=False) as desktop,
        real_panel.panel(desktop, scheme),
    ):

        def photograph(what: str) -> Path:
            path = folder / f"tray-{what}-{language}-{scheme}.png"
            real_panel.photograph(desktop.display).save(path)
            return path

        environment = desktop.environment(**person.variables())
        backdrop = real_panel.colour_at(desktop.display, _CORNER)
        with running([sys.executable, "-m", "custode.desktop.tray"], environment):
            real_panel.until_changed(desktop.display, _CORNER, backdrop)
            yield photograph("notification")
            real_panel.click(desktop.display, *_ICON)
            yield photograph("menu")
            for _ in range(_TO_UTILITIES):
                desktop.keyboard.press("Down")
            desktop.keyboard.press("Right")
            yield photograph("utilities")
            desktop.keyboard.press("Escape")
