"""A lost token: tried and closed, reported, activated by the desk, restored; by windows alone.

The agent, its authority, SoftHSM and the PIN dialog are the real ones.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from PySide6.QtWidgets import QAbstractButton
from tests.desktop.hands import find, press, texts
from tests.desktop.windows.real_person import PIN, Person

from custode.desktop.view import activating
from custode.desktop.view.activating import Now
from custode.desktop.windows import activate
from custode.errors import CustodeError
from custode.rpc.client import AgentClient
from custode_authority.ca.authority import open_authority
from custode_authority.ca.home import Home
from custode_authority.escrow.activation import approve
from custode_authority.storage.tables import Backup

PASSWORD: Final = "Password of your account"
BACKUP_PIN: Final = "PIN of the backup"


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activate, "_ASK_MS", 200)


def test_lost_and_back(person: Person) -> None:
    player = person.player
    _certified(person)
    folder = player.backup("stick")
    _have_the_desk_decide(person)
    _try_it_while_the_original_is_active(person, folder)
    player.pull()
    _report(person)
    _ask(person)
    _approve(person)
    _collect(person)
    _restore(person)
    _old_one_turns_up(person, folder)


def _certified(person: Person) -> None:
    player = person.player
    player.plug()
    secrets: dict[str, Any] = {"so_pin": player.token.so_pin, "new_pin": player.token.pin}
    player.run("token", "init", "--token", player.token.serial, **secrets)
    csr = player.person.folder / "first.csr"
    player.run("csr", "--key", "p256", "--out", csr, pin=player.token.pin)
    player.run("request", "--csr", csr, "--wait")
    player.run("install", pin=player.token.pin)


def said(window: Any) -> str:
    return "\n".join(texts(window))


def _have_the_desk_decide(person: Person) -> None:
    """The embedded authority approves by itself; this one leaves it to a person."""
    who = person.player.person
    who.configure(autostart=False)
    with AgentClient.connect(who.paths(), name="custode-tests") as agent:
        with suppress(CustodeError):
            agent.call("certificates.list")  # whoever asks now finds that it ends
        assert not agent.call("status")["authority"]["running"]
    file = Home(who.home / "authority").settings_file
    file.write_text(json.dumps({**json.loads(file.read_text()), "activation": "desk"}))
    who.configure(autostart=True)


def _try_it_while_the_original_is_active(person: Person, folder: Path) -> None:
    window: Any = person.desk.open("open", folder=str(folder))
    person.until_at(window, "try")
    press(window, "Try it…")
    person.until_at(window, "blocked")
    assert "The original is here: token “Anna”" in said(window)
    assert "the original is still active" in said(window)
    person.player.pull()
    person.until(lambda: "The original is here" not in said(window), "the page follows")
    assert "the original is still active" in said(window)
    person.player.plug()
    person.until(lambda: "The original is here" in said(window), "and back")
    window.close()


def _report(person: Person) -> None:
    window: Any = person.desk.open("report")
    button = find(window, "I cannot find it – Primary key lost")
    assert isinstance(button, QAbstractButton)
    button.setChecked(True)
    press(window, "Next")
    press(window, "Next")
    person.until_at(window, "check")
    assert "suspended at once" in said(window)
    person.will_type((PASSWORD, b"not-the-password"))
    press(window, "Report it…")
    person.until(lambda: window.error is not None, "a wrong password is told")
    assert window.at == "check"
    person.will_type((PASSWORD, person.player.person.password))
    press(window, "Report it…")
    person.until_at(window, "done")
    assert "Reported. The certificate is now: suspended." in said(window)
    press(window, "Activate the backup…")


def _ask(person: Person) -> None:
    window: Any = person.desk._windows["activate"]
    person.until_at(window, "steps")
    person.until(lambda: _stands(window) is Now.REQUEST, "the report is known")
    press(window, "Yes: cancel the original for good")
    person.will_type((BACKUP_PIN, b"not-this-one"))
    press(window, "Ask for the activation…")
    person.until(lambda: window.error is not None, "a wrong PIN is told")
    assert "4" in said(window)
    person.will_type((BACKUP_PIN, person.player.person.backup_pin))
    press(window, "Ask for the activation…")
    person.until(lambda: _stands(window) is Now.APPROVAL and not window.busy, "it is asked for")
    assert "waiting since" in said(window)
    window.close()


def _stands(window: Any) -> Now:
    return activating.now(
        window.backup(), activating.original_of(window.desk.status, window.backup())
    )


def _approve(person: Person) -> None:
    window: Any = person.desk.open("activate")
    person.until_at(window, "steps")
    authority = open_authority(Home(person.player.person.home / "authority"))
    try:
        with authority.db.transaction() as tx:
            backup = tx.get_one(Backup, window.backup()["backup_id"])
            approve(tx, authority, backup, "desk", now=datetime.now(UTC).replace(microsecond=0))
    finally:
        authority.db.close()
    person.until(lambda: _stands(window) is Now.COLLECT, "the open window notices")


def _collect(person: Person) -> None:
    window: Any = person.desk._windows["activate"]
    assert not find(window, "Yes: cancel the original for good").property("checked")
    assert not window._primary.isEnabled()
    press(window, "Yes: cancel the original for good")
    person.will_type((BACKUP_PIN, person.player.person.backup_pin))
    press(window, "Collect…")
    person.until_at(window, "done")
    assert "The old original is cancelled for good." in said(window)
    press(window, "Put it onto a token…")


def _restore(person: Person) -> None:
    window: Any = person.desk._windows["restore"]
    person.until_at(window, "token")
    player = person.player
    new = player.stage.factory_token("Anna 2")
    player.plug(new)
    person.until(lambda: "has no PIN yet." in said(window), "a fresh token wants its PIN")
    secrets: dict[str, Any] = {"so_pin": new.so_pin, "new_pin": new.pin}
    player.run("token", "init", "--token", new.serial, **secrets)
    person.until(lambda: window._primary.isEnabled() is True, "it chooses itself")
    person.will_type((PIN, new.pin))
    person.will_type((BACKUP_PIN, player.person.backup_pin))
    press(window, "Restore…")
    person.until_at(window, "done")
    assert "Token “Anna 2” is your original now" in said(window)
    assert "Make your backup now!" in said(window)
    window.close()
    person.until(lambda: "backup_missing" in _needs(person), "the red notice is back")


def _needs(person: Person) -> list[str]:
    return [row["need"] for row in person.desk.status["needs"]]


def _old_one_turns_up(person: Person, folder: Path) -> None:
    person.player.plug()
    person.until(lambda: "cancelled_original_back" in _needs(person), "it is told")
    window: Any = person.desk.open("blocked", folder=str(folder))
    person.until(lambda: "used already" in said(window), "the folder is dead")
    assert person.typed_all()
