"""The agent's prompts as the tray keeps them on the screen: what comes, stands and goes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from custode.desktop.tray.prompts import Prompts
from custode.desktop.view.action import Action, Do, window
from custode.desktop.view.note import Button, Note
from custode.locale import catalogue
from custode.paths import Paths

KEY = "backup_missing:aa"
ROW = {"need": "backup_missing", "key": KEY, "critical": True, "text_args": {}}
SHOWN = {"name": "prompt_shown", "notify": True, **ROW}
WAIT_S = 20.0


class Screen:
    """Takes the place of the notification server: the port's other side."""

    def __init__(self, pressed: Callable[[Note, Button], None]) -> None:
        self.pressed = pressed
        self.stands: dict[str, Note] = {}
        self.shown = 0
        self.came = threading.Event()

    def show(self, note: Note) -> None:
        self.stands[note.key] = note
        self.shown += 1
        self.came.set()

    def change(self, note: Note) -> None:
        if note.key in self.stands:
            self.stands[note.key] = note

    def take_down(self, key: str) -> None:
        del self.stands[key]

    def close(self) -> None:
        self.stands.clear()


class Tray:
    """The prompts, and what they bring about."""

    def __init__(self, home: Path) -> None:
        self.acted: list[Action] = []
        self.prompts = Prompts(Paths.at(home), self._screen, self.acted.append, lambda do: do())

    def _screen(self, pressed: Callable[[Note, Button], None]) -> Screen:
        self.screen = Screen(pressed)
        return self.screen


@pytest.fixture
def tray(tmp_path: Path) -> Iterator[Tray]:
    yield Tray(tmp_path)
    catalogue.use("en")


def needs(*, prompted: bool) -> dict[str, Any]:
    return {"needs": [{**ROW, "prompted": prompted}]}


def test_only_what_is_to_be_notified_is_shown(tray: Tray) -> None:
    tray.prompts.on_event({**SHOWN, "notify": False})
    tray.prompts.on_event({"name": "gate", "shut": True})
    assert tray.screen.shown == 0
    tray.prompts.on_event(SHOWN)
    assert list(tray.screen.stands) == [KEY]
    tray.prompts.on_event({"name": "prompt_taken_down", "key": "another"})
    assert list(tray.screen.stands) == [KEY]
    tray.prompts.on_event({"name": "prompt_taken_down", "key": KEY})
    assert tray.screen.stands == {}


def test_an_agent_that_ended_tells_by_its_next_status(tray: Tray) -> None:
    tray.prompts.on_event(SHOWN)
    tray.prompts.on_status(None)
    tray.prompts.on_status(needs(prompted=True))
    assert list(tray.screen.stands) == [KEY]
    tray.prompts.on_status(needs(prompted=False))  # its token went meanwhile, or it was put off
    assert tray.screen.stands == {}
    tray.prompts.on_event(SHOWN)
    tray.prompts.on_status({"needs": []})  # it is over
    assert tray.screen.stands == {}
    tray.prompts.on_event(SHOWN)
    tray.prompts.close()
    assert tray.screen.stands == {}


def test_each_button_does_what_it_says_and_the_note_is_gone(tray: Tray) -> None:
    for place, action in enumerate([window("backup"), Action(Do.SNOOZE, KEY)]):
        tray.prompts.on_event(SHOWN)
        told = tray.screen.stands.pop(KEY)
        tray.screen.pressed(told, told.buttons[place])
        assert tray.acted.pop() == action
        tray.prompts.speak()
        tray.prompts.on_status({"needs": []})
        assert tray.screen.stands == {}


def test_it_follows_the_language(tray: Tray) -> None:
    tray.prompts.on_event(SHOWN)
    catalogue.use("it")
    tray.prompts.speak()
    assert tray.screen.stands[KEY].title == "Esegui la copia di sicurezza!"
    assert tray.screen.shown == 1


def test_the_end_of_what_took_long_is_told_where_no_window_is(tray: Tray) -> None:
    ended = {"name": "call_ended", "what": "backup.create", "error": None}
    tray.prompts.on_event({**ended, "seconds": 1})
    tray.prompts.on_event({**ended, "seconds": 60})
    assert tray.screen.came.wait(WAIT_S)
    assert [note.title for note in tray.screen.stands.values()] == ["Custode has finished"]
