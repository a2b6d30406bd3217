"""Our dialog and our client, each in its own process: the whole way a PIN goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.test_terminal import content

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import use
from custode.prompts import builtin
from custode.prompts.asking import Kind, Question, Wanted, question
from custode.prompts.assuan import PinentryAsker
from custode.prompts.generated import ALPHABET

ROOT = Path(__file__).parents[2]
MASK = 0x55
TOKEN = Wanted("1", Kind.TOKEN_PIN, "ROSSI 100% MARIO", "0A=12", 2, "renew")
BACKUP = Wanted("1", Kind.BACKUP_PIN_NEW, why="backup.create")
FIELD = "PIN for the new backup (at least 8 characters)"
AGAIN = "The PIN of the backup once more"

Asked = Callable[..., bytes]


def masked(text: str) -> list[int]:
    return [ord(character) ^ MASK for character in text]


class Played:
    """Asks with our real client; what the child saw is in `log` afterwards."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / "log"
        self._monkeypatch = monkeypatch
        self._folder = folder

    def ask(
        self, asked: Question, *dialogs: list[tuple[Any, ...]], gone: str = "", timeout_s: int = 30
    ) -> bytes:
        script = self._folder / "pinentry"
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            "from tests.desktop.driven import run\n"
            f"run({list(dialogs)!r}, {str(self._log)!r}, {masked(gone)!r})\n"
        )
        script.chmod(0o755)
        self._monkeypatch.setattr(builtin, "argv", lambda: (str(script),))
        with PinentryAsker(builtin.NAME, timeout_s).ask(asked) as secret:
            return content(secret)

    @property
    def log(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._log.read_text())
        return told


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(tmp_path, monkeypatch)


def test_a_pin_goes_from_the_keys_to_the_client_and_nothing_stays(played: Played) -> None:
    pin = "73%1-Zebra è 50"
    typed = [("type", "PIN of the token", masked(pin)), ("press", "OK")]
    assert played.ask(question(TOKEN), typed, gone=pin) == pin.encode()

    (seen,) = played.log["seen"]
    assert seen["title"] == "Custode"
    assert {"ROSSI 100% MARIO", "Serial 0A=12", "2 tries left"} <= set(seen["texts"])
    assert "Custode needs it to renew the certificate." in seen["texts"]
    assert not [text for text in seen["texts"] if "Token “" in text], "said twice"
    assert (seen["core"], seen["dumpable"]) == ([0, 0], 0)
    assert not [word for word in seen["argv"] if pin in word]
    assert played.log["left"] == []


def test_the_search_in_memory_finds_what_stays(played: Played) -> None:
    pin = "Elefante-2718281828"
    steps = [
        ("type", "PIN of the token", masked(pin)),
        ("leak", masked(pin)),
        ("press", "OK"),
    ]
    assert played.ask(question(TOKEN), steps, gone=pin) == pin.encode()
    assert {where.split(" ")[0] for where in played.log["left"]} == {"UTF-8", "UTF-16"}


def test_a_new_pin_is_judged_checked_and_repeated(played: Played) -> None:
    steps = [
        ("type", FIELD, masked("abc")),
        ("type", AGAIN, masked("abc")),
        ("press", "OK"),  # too short: it stays open
        ("type", FIELD, masked("defghijk")),  # what was refused is selected
        ("type", AGAIN, masked("\b\b\bdefghijk")),
        ("press", "OK"),
    ]
    assert played.ask(question(BACKUP), steps) == b"defghijk"
    assert len(played.log["seen"]) == 1


def test_a_proposal_is_the_clients(played: Played) -> None:
    made = played.ask(question(BACKUP), [("press", "Propose a PIN"), ("copy",), ("press", "OK")])
    groups = made.split(b"-")
    assert [len(group) for group in groups] == [4, 4, 4, 4]
    assert not set(b"".join(groups)) - set(ALPHABET)


def test_it_speaks_the_persons_language(played: Played) -> None:
    use("it")
    try:
        asked = question(TOKEN._replace(attempts_remaining=1))
        steps = [
            ("type", "PIN del token", masked("1234")),
            ("press", "Lo so: usa l'ultimo tentativo"),
            ("press", "OK"),
        ]
        assert played.ask(asked, steps) == b"1234"
    finally:
        use("en")
    assert "1 tentativo rimasto" in played.log["seen"][0]["texts"]


def test_escape_is_cancelled_and_silence_a_time_out(played: Played) -> None:
    with pytest.raises(CustodeError) as raised:
        played.ask(question(TOKEN), [("escape",)])
    assert raised.value.code is ErrorCode.CANCELLED
    with pytest.raises(CustodeError) as raised:
        played.ask(question(TOKEN), timeout_s=1)
    assert raised.value.code is ErrorCode.TIMED_OUT


def test_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(CustodeError) as raised:
        PinentryAsker("builtin", 30).ask(question(TOKEN))
    assert raised.value.code is ErrorCode.SECRET_MISSING
    assert "cannot be shown here" in str(raised.value.data["why"])
