"""`make screens`: a picture of every window, to be looked at; into build/screens.

One process for each size of dots, because Qt reads QT_SCALE_FACTOR once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "build" / "screens"
LAPTOP: Final = {"name": "laptop", "x": 0, "y": 0, "width": 1920, "height": 1080, "logicalDpi": 96}
SCALES: Final = {"100": "1", "200": "2"}
README: Final = Path(__file__).parents[2] / "docs" / "pictures"
SHOWN: Final = {
    "tray": "tray-utilities-it-light",
    "panel": "panel-no-backup-it-light-100",
    "backup": "backup-where-en-light-100",
    "activation": "activate-waiting-en-dark-100",
}
"""What of them the README shows."""


def main(arguments: list[str]) -> int:
    """Draw all; with a scale that one, in this process; `readme`: those of the README too."""
    if arguments in ([], ["readme"]):
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        screen = FOLDER / "screen.json"  # Qt's own would be a square of 800 dots
        screen.write_text(json.dumps({"screens": [LAPTOP]}))
        for scale, factor in SCALES.items():
            environment = {
                **os.environ,
                "QT_QPA_PLATFORM": f"offscreen:configfile={screen}",
                "QT_SCALE_FACTOR": factor,
                "QT_LOGGING_RULES": "default.warning=false",  # offscreen knows no size hints
            }
            argv = [sys.executable, "-m", "tests.desktop.screens", scale]
            subprocess.run(argv, check=True, env=environment, timeout=900)
        screen.unlink()
        _photograph()
        if arguments:
            README.mkdir(exist_ok=True)
            for name, picture in SHOWN.items():
                shutil.copyfile(FOLDER / f"{picture}.png", README / f"{name}.png")
        sys.stdout.write(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}\n")
        return 0
    _draw(arguments[0])
    return 0


def _photograph() -> None:
    from . import photographs, real_panel

    if absent := real_panel.missing():
        sys.stdout.write(f"no picture of the tray: {', '.join(absent)} is not installed\n")
        return
    for _ in photographs.take(FOLDER):
        pass


def _draw(scale: str) -> None:
    from PySide6.QtWidgets import QApplication

    from custode.desktop.theme import Theme

    from . import pin_screens
    from .windows import screens as window_screens

    app = QApplication(["screens"])
    theme = Theme(app)
    for taking in (pin_screens.take, window_screens.take):
        for _ in taking(app, theme, FOLDER, scale):
            pass
    app.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
