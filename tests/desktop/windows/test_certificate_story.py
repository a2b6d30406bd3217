"""From a factory-fresh token to a renewed certificate, through windows alone.

The agent, its authority, SoftHSM, the PIN dialog and the doctor are the real ones.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox
from tests.desktop.driven import MASK
from tests.desktop.hands import press, texts
from tests.e2e.conftest import Player

from custode.demo.soft_stage import SoftStage
from custode.desktop.link import Link
from custode.desktop.theme import Theme
from custode.desktop.view.requesting import Stage
from custode.desktop.windows.desk import Desk
from custode.locale.catalogue import use

ROOT: Final = Path(__file__).parents[3]
PATIENCE_S: Final = 60.0

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
PIN: Final = "PIN of the token"
SO_PIN: Final = "Administrator PIN (SO PIN) of the token"
NEW: Final = "New PIN for the token"
ONCE_MORE: Final = "The new PIN once more"


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


@pytest.fixture
def person(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
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


def test_the_whole_way(person: Person) -> None:
    desk, player, token = person.desk, person.player, person.player.token
    request: Any = desk.open("request")
    person.until_at(request, Stage.TOKEN)
    player.plug()
    person.until_at(request, Stage.PIN)
    _prepare_the_token(person, request)

    person.until_at(request, Stage.KEY)
    (kinds,) = request.findChildren(QComboBox)
    kinds.setCurrentIndex(kinds.findData("p256"))
    person.will_type((PIN, b"wrong-pin"))
    press(request, "Make the key and send the request")
    person.until(lambda: request.error is not None, "a wrong PIN is told")
    assert request.at == Stage.KEY
    assert any("is wrong" in text for text in texts(request))
    (kinds,) = request.findChildren(QComboBox)
    assert kinds.currentData() == "p256"

    person.will_type((PIN, token.pin))
    press(request, "Make the key and send the request")
    person.until(lambda: request.at in {Stage.WAITING, Stage.INSTALL}, "it was sent")
    request.close()  # nothing is lost
    request = desk.open("request")
    person.until_at(request, Stage.INSTALL)
    player.pull()
    person.until(lambda: not request._primary.isEnabled(), "the token is missed")
    player.plug()
    person.until(lambda: request._primary.isEnabled() is True, "it is back")
    person.will_type((PIN, token.pin))
    press(request, "Install the certificate")
    person.until_at(request, Stage.BACKUP)
    assert "Make your backup now!" in texts(request)
    request.close()

    _renew(person)
    _look_at_everything(person)
    assert person.typed_all()


def _prepare_the_token(person: Person, request: Any) -> None:
    token = person.player.token
    press(request, "Prepare the token…")
    init: Any = person.desk._windows["token_init"]
    person.until(lambda: init._primary is not None, "there is a token to prepare")
    person.will_type((SO_PIN, token.so_pin))
    person.will_type((NEW, token.pin), (ONCE_MORE, token.pin))
    press(init, "Prepare the token")
    person.until_at(init, "done")
    init.close()


def _renew(person: Person) -> None:
    window: Any = person.desk.open("renew")
    person.will_type((PIN, person.player.token.pin))
    press(window, "Renew")
    person.until_at(window, "done")
    assert any("is now: cancelled" in text for text in texts(window))
    window.close()


def _look_at_everything(person: Person) -> None:
    window: Any = person.desk.open("doctor")
    person.until_at(window, "found")
    assert not [one for one in window._examination.findings if one["code"] in {"broke", "hung"}]
    folder = person.player.person.folder
    window.save_into(folder)
    person.until(lambda: bool(window._saved), "the report is saved")
    (report,) = folder.glob("*.zip")
    assert report.stat().st_mode & 0o777 == 0o600
    assert str(report) in "".join(texts(window))
    window.close()
