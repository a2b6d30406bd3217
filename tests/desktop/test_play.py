"""`custode demo --play`: what `make run` opens where there is a display."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.programs import end
from tests.e2e.test_demo import remains

END_S = 60.0

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_without_a_display_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "custode", "--lang", "en", "demo", "--play"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=END_S,
        check=False,
    )
    assert done.returncode == 20, done.stderr
    assert b"no desktop here" in done.stderr


def test_a_person_plays_with_a_token_and_nothing_is_left(desktop: Desktop) -> None:
    with tempfile.TemporaryDirectory(prefix="cd-") as temp, desktop.tray() as tray:
        demo = subprocess.Popen(
            [sys.executable, "-m", "custode", "demo", "--play"],
            env=desktop.environment(TMPDIR=temp),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            table = desktop.reader.window("Demo", patience_s=80.0)  # the stage is set first
            icon = tray.item()
            panel = desktop.reader.window("Custode")
            panel.until_says("Esegui la copia di sicurezza!")
            table.press("Togli: Anna")
            icon.until_menu(lambda labels: "Nessun" in labels[0], "that no token is inserted")
            table.press("Inserisci: Anna")
            icon.until_menu(lambda labels: "Originale inserito" in labels[0], "the original")
            table.press("Termina la demo")
            assert demo.wait(END_S) == 0
        finally:
            end(demo)
        assert remains(Path(temp)) == []
