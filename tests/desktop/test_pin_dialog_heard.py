"""The real PIN dialog on a real display, heard and worked through AT-SPI and with real keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.desktop.session.accessible import Window
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.node import SECRET
from tests.unit.cli.test_terminal import content

from custode.prompts import builtin
from custode.prompts.asking import Kind, Question, Wanted, question
from custode.prompts.assuan import PinentryAsker

FIELD = "PIN for the new backup (at least 8 characters)"
AGAIN = "The PIN of the backup once more"
PROPOSE = "Propose a PIN"
LAST = "I know; use the last try"

Asking = Callable[[Question], tuple[Window, Future[bytes]]]


@pytest.fixture
def asking(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    """Have it ask, with our own client: the window, and what will be given."""
    program = builtin.argv()
    variables = desktop.environment(LANG="en_US.UTF-8").items()
    there = ("env", "-i", *(f"{name}={value}" for name, value in variables), *program)
    monkeypatch.setattr(builtin, "argv", lambda: there)

    def answer(asked: Question) -> bytes:
        with PinentryAsker(builtin.NAME, 60).ask(asked) as secret:
            return content(secret)

    with ThreadPoolExecutor(1) as pool:

        def ask(asked: Question) -> tuple[Window, Future[bytes]]:
            given = pool.submit(answer, asked)
            window = desktop.reader.window_with(asked.prompt)
            assert window.tree().unnamed() == []
            return window, given

        yield ask
        for left in desktop.reader.windows():  # of a test that failed; nobody waits for its end
            desktop.keyboard.give_to(left.title)
            desktop.keyboard.press("Escape")


def heard_with_tab(desktop: Desktop, window: Window) -> list[str]:
    """What the keyboard comes to, in turn, once round."""
    desktop.keyboard.give_to(window.title)
    order: list[str] = []
    while True:
        tree = window.until(
            lambda tree: (now := focused(tree)) and now != (order[-1:] or [""])[0], "the next one"
        )
        if (now := focused(tree)) in order:
            return order
        order.append(now)
        desktop.keyboard.press("Tab")


def focused(tree: object) -> str:
    names = [node.name for node in tree.walk() if "focused" in node.states]  # type: ignore[attr-defined] # a Node
    return names[0] if names else ""


def test_a_new_pin_is_proposed_heard_and_typed_once_more(desktop: Desktop, asking: Asking) -> None:
    window, given = asking(question(Wanted("1", Kind.BACKUP_PIN_NEW, why="backup.create")))
    tree = window.tree()
    secret = {node.name for node in tree.walk() if node.role == SECRET and node.showing}
    assert secret == {FIELD, AGAIN}
    order = heard_with_tab(desktop, window)
    for name in (FIELD, f"Show what is typed – {FIELD}", PROPOSE, AGAIN, "Cancel"):
        assert name in order, order
    window.press(PROPOSE)
    window.until(lambda tree: tree.find("Strength").description.endswith("strong"), "a strong one")
    proposed = window.text(FIELD)
    assert len(proposed) > 8
    assert "•" not in proposed, "it has to be written down"
    assert not window.tree().control("OK").enabled
    window.write(AGAIN, proposed)
    window.press("OK")
    assert given.result(30) == proposed.encode()
    window.until_closed()


def test_the_last_try_is_heard_and_wants_a_yes(desktop: Desktop, asking: Asking) -> None:
    token = Wanted("1", Kind.TOKEN_PIN, "ROSSI MARIO", "0A12", 1, "renew")
    window, given = asking(question(token))
    for words in ("ROSSI MARIO", "0A12", "LAST try", "to renew the certificate"):
        assert window.tree().says(words), words
    window.focus("PIN of the token")
    desktop.keyboard.type("Zebra-73")
    window.until(lambda _tree: len(window.text("PIN of the token")) == 8, "eight dots")
    assert len(set(window.text("PIN of the token"))) == 1, "dots, and no more"
    assert not window.tree().control("OK").enabled
    window.press(LAST)
    window.until(lambda tree: tree.control("OK").enabled, "the yes")
    window.focus("PIN of the token")
    desktop.keyboard.press("Return")
    assert given.result(30) == b"Zebra-73"
    window.until_closed()
