"""Somebody at the windows of a real desk: agent, authority, SoftHSM and PIN dialog are real."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.desktop.driven import MASK
from tests.desktop.hands import texts
from tests.e2e.conftest import Player

from custode.demo.soft_stage import SoftStage
from custode.desktop.link import Link
from custode.desktop.theme import Theme
from custode.desktop.windows.desk import Desk
from custode.locale.catalogue import use

ROOT: Final = Path(__file__).parents[3]
PATIENCE_S: Final = 60.0
PIN: Final = "PIN of the token"
SO_PIN: Final = "Administrator PIN (SO PIN) of the token"
NEW: Final = "New PIN for the token"
ONCE_MORE: Final = "The new PIN once more"


# Read by the dialog's interpreter when it starts (site, "sitecustomize"): each dialog takes what is
# typed into it from the top of a list.
HANDS: Final = """
import json, pathlib, sys
if "custode.desktop.pin_dialog" in sys.orig_argv:
    sys.path.append({root!r})
    from tests.desktop.driven import put_hands_on
    script = pathlib.Path({script!r})
    mine, *rest = json.loads(script.read_text())
    script.write_text(json.dumps(rest))
    put_hands_on([mine])
"""


class Person:
    """Somebody at the windows of a real desk."""

    def __init__(self, player: Player, desk: Desk, script: Path) -> None:
        self.player = player
        self.desk = desk
        self._script = script

    def will_type(self, *fields: tuple[str, bytes]) -> None:
        """What is typed into the next PIN dialog that opens; several calls: the ones after it."""
        steps: list[list[Any]] = [["type", name, [k ^ MASK for k in pin]] for name, pin in fields]
        waiting = json.loads(self._script.read_text())
        self._script.write_text(json.dumps([*waiting, [*steps, ["press", "OK"]]]))

    def will_wait(self) -> None:
        """Nothing is typed into the next PIN dialog: it stands there until somebody takes it."""
        waiting = json.loads(self._script.read_text())
        self._script.write_text(json.dumps([*waiting, []]))

    def typed_all(self) -> bool:
        return bool(json.loads(self._script.read_text()) == [])

    def until(self, is_so: Callable[[], Any], what: str) -> None:
        """Let Qt work until it is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, what
            QTest.qWait(10)

    def until_at(self, window: Any, page: str) -> None:
        def told() -> str:
            return f"{window.name} stands at {window.at}, not {page}: {texts(window)}"

        deadline = time.monotonic() + PATIENCE_S
        while window.at != page or window.busy:
            assert time.monotonic() < deadline, told()
            QTest.qWait(10)


@contextmanager
def at_a_desk(
    theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool = True
) -> Iterator[Person]:
    """Somebody with a factory-fresh token in the drawer; `known`: and with an identity."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    script = tmp_path / "typed.json"
    script.write_text("[]")
    (tmp_path / "sitecustomize.py").write_text(HANDS.format(root=str(ROOT), script=str(script)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    use("en")
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        anna = stage.person("anna", "ROSSI01", "RSSNNA80A01H501H")
        player = Player(stage, anna, stage.factory_token("Anna"))
        if known:
            player.run(
                *("identity", "set", "--code", anna.code, "--codice-fiscale", anna.codice_fiscale),
                password=anna.password,
            )
        desk = Desk(app, theme, anna.paths())
        link = Link(anna.paths(), desk.on_status, desk.on_event, name="custode-windows")
        link.start()
        yield Person(player, desk, script)
        link.close()
        for window in list(desk._windows.values()):
            window.close()
        QTest.qWait(1)
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left
