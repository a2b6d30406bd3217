"""The backup wizard with a real agent, a real token and a program that types the PINs."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import pytest
from PySide6.QtCore import QUrl
from tests.desktop import hands
from tests.desktop.windows.real_person import Person
from tests.e2e.conftest import Player

from custode.desktop.windows import backup, folders, verify
from custode.desktop.windows.desk import Desk
from custode.prompts.secret import Secret
from custode.rpc.client import AgentClient, WantedSecret

# Types the PIN that belongs to what it is asked for, as a person at a dialog would.
PINENTRY = """#!{python} -SE
import sys
out, prompt = sys.stdout.buffer, b""
def say(line): out.write(line + b"\\n"); out.flush()
say(b"OK hello")
for line in sys.stdin.buffer:
    word, _, rest = line.strip().partition(b" ")
    if word == b"SETPROMPT": prompt = rest
    if word == b"SETREPEAT": say(b"ERR 536871187 Unknown IPC command")
    elif word == b"GETPIN":
        say(b"D " + ({backup!r} if b"backup" in prompt else {token!r}))
        say(b"OK")
    else: say(b"OK")
"""


class Shelf:
    """Takes the place of the file manager."""

    shown: ClassVar[list[str]] = []

    @classmethod
    def openUrl(cls, url: QUrl) -> bool:  # noqa: N802 - Qt's own name
        cls.shown.append(url.toLocalFile())
        return True


def told(player: Player, method: str, **params: Any) -> Any:
    """Ask the agent, from this process; every secret is the right one."""
    token, person = player.token, player.person
    secrets = {"token_pin": token.pin, "new_pin": token.pin, "so_pin": token.so_pin}

    def give(wanted: WantedSecret) -> int:
        with Secret() as secret:
            secret.replace(0, 0, secrets.get(wanted.kind, person.password))
            return secret.into_pipe()

    with AgentClient.connect(person.paths(), start=False) as agent:
        return agent.call(method, params, on_secret=give)


@pytest.fixture
def desk(person: Person) -> Desk:
    """Somebody with a certificate, whose PINs are typed by a program."""
    player = person.player
    player.run("status")
    player.plug()
    told(player, "token.init", serial=player.token.serial)
    told(player, "csr.create", key="p256")
    told(player, "request.create", wait=True)
    told(player, "install")
    pinentry = player.person.folder / "pinentry"
    pins = {"backup": player.person.backup_pin, "token": player.token.pin}
    pinentry.write_text(PINENTRY.format(python=sys.executable, **pins))
    pinentry.chmod(0o700)
    config = player.person.paths().config
    config.write_text(config.read_text() + f'\n[prompts]\npinentry = "{pinentry}"\n')
    return person.desk


def test_from_the_red_notice_to_the_saved_folder(
    person: Person, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, anna = person.until, person.player.person

    def reads(window: Any, words: str) -> None:
        until(lambda: any(words in one for one in hands.texts(window)), words)

    stick = anna.folder / "COPIE"
    stick.mkdir()
    own, access = anna.folder / "own.txt", anna.folder / "access.txt"
    own.write_text(f"of {anna.codice_fiscale}")
    access.write_text("the portal")
    monkeypatch.setattr(backup, "pick_folder", lambda *_: str(stick))
    monkeypatch.setattr(backup, "pick_files", lambda *_: [str(own), str(access)])

    def needs() -> list[str]:
        return [need["need"] for need in desk.status.get("needs") or ()]

    until(lambda: needs()[:1] == ["backup_missing"], "the red notice")

    window: Any = desk.open("backup")
    reads(window, "Of your certificate on the token “Anna”")
    assert not window._primary.isEnabled(), "this computer is nobody's first choice"
    hands.press(window, "Another folder…")
    until(lambda: "Folder “COPIE”" in hands.names(window), "the folder stands among the places")
    hands.press(window, "Continue")

    # A file that would tell whose backup it is: back to where it can be taken out.
    hands.press(window, "Add files…")
    hands.press(window, "Continue")
    hands.press(window, "Save the backup")
    reads(window, "own.txt cannot be put into the backup")
    hands.press(window, "Remove own.txt")
    hands.press(window, "Continue")

    # The stick is pulled; what was chosen stays, and one press goes on when it is back.
    stick.rename(stick.with_name("pulled"))
    hands.press(window, "Save the backup")
    reads(window, "Was it unplugged?")
    stick.with_name("pulled").rename(stick)

    # Stopped while it is being encrypted: nothing of it stays.
    hands.press(window, "Save the backup")
    reads(window, "The backup is being encrypted")
    hands.press(window, "Stop")
    reads(window, "No backup was saved, and nothing stays of the one that was begun.")
    assert list(stick.iterdir()) == []

    hands.press(window, "Save the backup")
    reads(window, "The backup was saved.")
    (folder,) = stick.iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["Leggimi.rtf", "access.txt", "iw.iwk"]
    assert str(folder) in hands.texts(window)
    listed = told(person.player, "backup.list")["backups"]
    assert [(row["state"], row["path"]) for row in listed] == [("registered", str(folder))]
    until(lambda: "backup_missing" not in needs(), "the red notice goes")
    monkeypatch.setattr(folders, "QDesktopServices", Shelf)
    hands.press(window, "Open folder")
    assert Shelf.shown == [str(folder)]

    # Looked at from outside; then one byte of it is changed.
    checked: Any = desk.open("verify")
    hands.press(checked, "Check it")
    reads(checked, "The backup is whole, and it was signed by your own original.")
    heart = folder / "iw.iwk"
    heart.write_bytes(heart.read_bytes()[:-1] + b"?")
    monkeypatch.setattr(verify, "pick_folder", lambda *_: str(folder))
    hands.press(checked, "Check another one")
    hands.press(checked, "Another folder…")
    hands.press(checked, "Check it")
    reads(checked, "damaged or was changed")
