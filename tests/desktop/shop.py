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
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.desktop.session.accessible import Reader, Window
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.node import SECRET, Node
from tests.desktop.session.notifications import Bubble
from tests.desktop.session.programs import running

from custode.demo.stage import Person, Stage, Token, processes_of
from custode.rpc.client import AgentClient

PATIENCE_S: Final = 60.0  # a card makes a key, an authority a certificate, on a busy computer
OK: Final = "OK"


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
            f"a word of {part!r}",
            PATIENCE_S,
        )

    # --- windows ---

    def window_with(self, control: str) -> Window:
        """Wait for the window that has such a control."""
        window = self.reader.window_with(control, PATIENCE_S)
        self.heard(window)
        return window

    def says(self, window: Window, part: str) -> Node:
        """Wait until the window says it; whoever listens can tell all of its controls apart."""
        tree = window.until_says(part, PATIENCE_S)
        assert tree.unnamed() == []
        return tree

    def heard(self, window: Window) -> None:
        """Whoever listens to it can tell all of its controls apart."""
        assert window.tree().unnamed() == []

    def give(self, prompt: str, secret: bytes) -> None:
        """Type a secret into the dialog that asks for it, twice where it wants it twice."""
        dialog = self.window_with(prompt)
        fields = [node for node in dialog.tree().walk() if node.role == SECRET and node.showing]
        assert prompt in {field.name for field in fields}
        for field in fields:
            dialog.write(field.name, secret.decode("ascii"))
        dialog.press(OK)
        dialog.until_closed()

    # --- what is so, for whoever judges ---

    def status(self) -> dict[str, Any]:
        """What the agent says."""
        with AgentClient.connect(self.person.paths(), name="custode-tests") as agent:
            found: dict[str, Any] = agent.call("status", {})
            return found

    def plug(self, token: Token) -> None:
        self.stage.plug(self.person, token)

    def pull(self, token: Token) -> None:
        self.stage.pull(self.person, token)


Judge = Callable[[Shop], None]
