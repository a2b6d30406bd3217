"""The backup wizard with a real agent, a real token and a program that types the PINs."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QApplication
from tests.desktop import hands
from tests.desktop.windows.played import settle
from tests.e2e.conftest import Player

from custode.demo.soft_stage import SoftStage
from custode.desktop.link import Link
from custode.desktop.theme import Theme
from custode.desktop.windows import backup, folders, verify
from custode.desktop.windows.desk import Desk
from custode.locale.catalogue import use
from custode.prompts.secret import Secret
from custode.rpc.client import AgentClient, WantedSecret

PATIENCE_S = 60.0

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


def certify(player: Player) -> None:
    """The token has its PIN, the person a certificate on it."""
    person = player.person
    told(player, "token.init", serial=player.token.serial)
    told(player, "identity.set", code=person.code, codice_fiscale=person.codice_fiscale)
    told(player, "csr.create", key="p256")
    told(player, "request.create", wait=True)
    told(player, "install")


@pytest.fixture
def player() -> Iterator[Player]:
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
        made = Player(stage, person, stage.factory_token("Firma"))
        made.run("status")
        made.plug()
        certify(made)
        pinentry = person.folder / "pinentry"
        source = PINENTRY.format(
            python=sys.executable, backup=person.backup_pin, token=made.token.pin
        )
        pinentry.write_text(source)
        pinentry.chmod(0o700)
        config = person.paths().config
        config.write_text(config.read_text() + f'\n[prompts]\npinentry = "{pinentry}"\n')
        yield made
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def desk(theme: Theme, player: Player) -> Iterator[Desk]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    use("en")
    paths = player.person.paths()
    made = Desk(app, theme, paths)
    link = Link(paths, made.on_status, made.on_event, name="test", starts=False)
    link.start()
    yield made
    for window in list(made._windows.values()):
        window.closing()
        window.hide()
        window.deleteLater()
    link.close()
    settle()


def until(holds: Callable[[], Any], what: str) -> None:
    """Let Qt work until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        QApplication.processEvents()
        time.sleep(0.005)
    settle()


def reads(window: Any, words: str) -> None:
    until(lambda: any(words in one for one in hands.texts(window)), words)


def test_from_the_red_notice_to_the_saved_folder(
    desk: Desk, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = player.person
    stick = person.folder / "COPIE"
    stick.mkdir()
    own, access = person.folder / "own.txt", person.folder / "access.txt"
    own.write_text(f"of {person.codice_fiscale}")
    access.write_text("the portal")
    monkeypatch.setattr(backup, "pick_folder", lambda *_: str(stick))
    monkeypatch.setattr(backup, "pick_files", lambda *_: [str(own), str(access)])
    until(lambda: desk.status.get("needs"), "the red notice")
    assert desk.status["needs"][0]["need"] == "backup_missing"

    window: Any = desk.open("backup")
    reads(window, "Of your certificate on the token “Firma”")
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
    listed = told(player, "backup.list")["backups"]
    assert [(row["state"], row["path"]) for row in listed] == [("registered", str(folder))]
    until(
        lambda: "backup_missing" not in [need["need"] for need in desk.status["needs"]],
        "the red notice goes",
    )
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
