"""A person at a desktop, with tray, notifications and windows: no command is ever typed.

with Shop(desktop, stage, person) as shop:
    shop.click("Certificato", "Richiedi…")
    window = shop.window_with("Richiedi il certificato")
    window.press("Richiedi il certificato")
    shop.give("PIN del token", token.pin)
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.desktop.session.accessible import Reader, Window
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.node import SECRET, Missing, Node, Place
from tests.desktop.session.notifications import Bubble
from tests.desktop.session.programs import running

from custode.demo import judges
from custode.demo.stage import Person, Stage, Token, processes_of
from custode.rpc.client import AgentClient

PATIENCE_S: Final = 60.0  # a card makes a key, an authority a certificate, on a busy computer
OK: Final = "OK"
PROMPTS: Final = {
    "pin": "PIN del token",
    "so_pin": "PIN dell'amministratore (SO PIN) del token",
    "new_pin": "Nuovo PIN per il token",
    "password": "Password del tuo account",
    "new_password": "Nuova password per il tuo account (almeno 8 caratteri)",
    "backup_pin": "PIN della copia di sicurezza",
    "new_backup_pin": "PIN per la nuova copia (almeno 8 caratteri)",
}
_LOOK_AGAIN_S: Final = 0.1
_ESC_S: Final = 2.0


class Shop:
    """One person's desktop, with Custode's tray on it."""

    def __init__(self, desktop: Desktop, stage: Stage, person: Person) -> None:
        self.desktop = desktop
        self.stage = stage
        self.person = person
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        person = self.person
        environment = self.desktop.environment(
            **person.module.variables, CUSTODE_HOME=str(person.home)
        )
        with contextlib.ExitStack() as opened:
            self.host = opened.enter_context(self.desktop.tray())
            self.bubbles = opened.enter_context(self.desktop.notifications())
            opened.callback(self._end_windows)
            command = [sys.executable, "-m", "custode.desktop.tray"]
            opened.enter_context(running(command, environment, quiet=False))
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _end_windows(self) -> None:
        """What a failed test left open; a story that went well has closed everything itself."""
        for process in processes_of(self.person.home):
            if b"custode.desktop" in Path(f"/proc/{process}/cmdline").read_bytes():
                os.kill(process, signal.SIGTERM)

    @property
    def reader(self) -> Reader:
        return self.desktop.reader

    # --- the tray ---

    def click(self, *labels: str) -> None:
        """Click a line of the tray's menu, as soon as it is there and not grey."""
        item = self.host.item()

        def works() -> bool:
            try:
                return item.entry(*labels).enabled
            except LookupError:
                return False

        item.until(lambda _shown: works(), f"{labels} in the menu", PATIENCE_S)
        item.click(*labels)

    def tray_says(self, part: str) -> None:
        """Wait until the menu has that in one of its lines."""
        self.host.item().until_menu(
            lambda labels: any(part in label for label in labels),
            f"{part!r} in the menu",
            PATIENCE_S,
        )

    # --- what pops up ---

    def bubble(self, part: str) -> Bubble:
        """Wait for a notification that says it."""
        return self.bubbles.until(
            lambda bubble: part in f"{bubble.summary}\n{bubble.body}",
            f"a word of {part!r} among {[one.summary for one in self.bubbles.log]}",
            PATIENCE_S,
        )

    # --- windows ---

    def window(self, title: str) -> Window:
        """Wait for the window of that title; whoever listens can tell its controls apart."""
        window = self.reader.window(title, PATIENCE_S)
        assert window.tree().unnamed() == []
        return window

    def another(self, known: set[Place], what: str) -> Window:
        """Wait for a window that was not there before."""
        until = time.monotonic() + PATIENCE_S
        while True:
            for window in self.reader.windows():
                if window.place not in known:
                    return window
            assert time.monotonic() < until, f"no new window: {what}"
            time.sleep(_LOOK_AGAIN_S)

    def says(self, window: Window, part: str, **secrets: bytes) -> Node:
        """Wait until the window says it; meanwhile answer what is asked.

        `secrets` by their names in `PROMPTS`; whatever else is asked for was wanted by nobody.
        """
        until = time.monotonic() + PATIENCE_S
        wanted = {PROMPTS[name]: secret for name, secret in secrets.items()}
        while not (tree := window.tree()).says(part):
            self._answer(window, wanted)
            assert time.monotonic() < until, f"no word of {part!r}; there is: {tree.told()}"
            time.sleep(_LOOK_AGAIN_S)
        assert tree.unnamed() == []
        return tree

    def _answer(self, window: Window, wanted: Mapping[str, bytes]) -> None:
        for dialog in self.reader.windows(beside=window):
            try:
                tree = dialog.tree()
            except Missing:
                continue
            fields = [node for node in tree.walk() if node.role == SECRET and node.showing]
            if not fields:
                continue
            prompt = fields[0].name
            assert prompt in wanted, f"nobody wanted to be asked for {prompt!r}"
            assert tree.unnamed() == []
            for field in fields:  # twice where it is a new one
                dialog.write(field.name, wanted[prompt].decode("ascii"))
            dialog.press(OK)
            dialog.until_closed()

    def choose_folder(self, window: Window, folder: Path) -> None:
        """Say where something lies, in the dialog for folders."""
        window.press("Un'altra cartella…")
        dialog = self.reader.window(lambda title: "cartella" in title, PATIENCE_S)
        dialog.write("Nome", str(folder))
        dialog.press("Scegli")

    def close(self, window: Window) -> None:
        """Close it with Esc, as one does without a mouse; what it is doing is given up first."""
        until = time.monotonic() + PATIENCE_S
        while self.reader.is_open(window):
            assert time.monotonic() < until, f"{window.title!r} stays open: {window.tree().told()}"
            with contextlib.suppress(LookupError):  # it has just gone
                self.desktop.keyboard.give_to(window.tree().name)
                self.desktop.keyboard.press("Escape")
            with contextlib.suppress(AssertionError):
                window.until_closed(_ESC_S)

    # --- what is so, for whoever judges ---

    def ask(self, method: str) -> dict[str, Any]:
        """What the agent says; nothing is changed by it."""
        with AgentClient.connect(self.person.paths(), start=False) as agent:
            found: dict[str, Any] = agent.call(method, {})
            return found

    def needs(self) -> list[str]:
        return [need["need"] for need in self.ask("status")["needs"]]

    def certificate(self, token: Token, name: str) -> Path:
        """What lies on the token beside a key of the same number, read by OpenSC's tool."""
        module, target = self.person.module, self.person.folder / name
        tool = ["pkcs11-tool", "--module", module.path, "--login", "--pin", "env:TOKEN_PIN"]
        environment = {**os.environ, **module.variables, **module.env}
        environment["TOKEN_PIN"] = token.pin.decode("ascii")

        def run(*words: str | Path) -> bytes:
            command = [*tool, *map(str, words)]
            return subprocess.run(
                command, env=environment, capture_output=True, check=True, timeout=PATIENCE_S
            ).stdout

        (key,) = set(
            re.findall(rb"^  ID: +([0-9a-f]+)", run("-O", "--type", "privkey"), re.MULTILINE)
        )
        der = target.with_suffix(".der")
        run("--read-object", "--type", "cert", "--id", key.decode(), "--output-file", der)
        return judges.pem(der.read_bytes(), target)

    def plug(self, token: Token) -> None:
        self.stage.plug(self.person, token)

    def pull(self, token: Token) -> None:
        self.stage.pull(self.person, token)
