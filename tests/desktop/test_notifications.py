"""Notifications on a real bus: shown, replaced, answered, taken down; servers that come and go."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desktop.notifying import ROOT, Shower, shower
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.notifications import SERVER, Bubble, Notifications
from tests.desktop.session.programs import first_line, running

BUTTONS = ["Esegui ora…", "Ricordamelo domani"]
WORDS = {"text": "perché", "next_step": "con bottoni", "without_buttons": "senza bottoni"}


@pytest.fixture
def bubbles(desktop: Desktop) -> Iterator[Notifications]:
    with desktop.notifications() as opened:
        yield opened


@pytest.fixture
def program(desktop: Desktop) -> Iterator[Shower]:
    with shower(desktop.environment()) as started:
        yield started


def titles(bubbles: Notifications) -> list[str]:
    return sorted(bubble.summary for bubble in bubbles.shown.values())


def titled(bubbles: Notifications, title: str) -> Bubble:
    return bubbles.until(lambda bubble: bubble.summary == title, title)


def test_what_is_shown_replaced_answered_and_taken_down(
    bubbles: Notifications, program: Shower
) -> None:
    program.show("a", "Copia!", critical=True, buttons=BUTTONS, **WORDS)
    first = titled(bubbles, "Copia!")
    assert (first.app, first.urgency, first.timeout_ms) == ("Custode", "critical", 0)
    assert first.body == "perché\ncon bottoni"
    assert list(first.actions) == ["", *BUTTONS]
    assert first.hints["desktop-entry"] == "custode"
    program.show("b", "Altro", **WORDS)
    other = titled(bubbles, "Altro")
    assert (other.urgency, other.timeout_ms, other.actions) == ("normal", -1, {})
    assert other.body == "perché\nsenza bottoni"
    program.do(("change", {"key": "a", "title": "Backup!", "buttons": BUTTONS}))
    changed = titled(bubbles, "Backup!")
    assert changed.id == first.id  # in its place
    bubbles.press(changed, "Ricordamelo domani")
    assert program.heard() == "a Ricordamelo domani"
    program.do(("change", {"key": "a", "title": "no more"}), ("take_down", "b"))
    bubbles.until_gone(other)
    assert titles(bubbles) == []
    program.show("a", "Copia!", buttons=BUTTONS)
    bubbles.press(titled(bubbles, "Copia!"), "Esegui ora…")
    assert program.heard() == "a Esegui ora…"


def test_a_click_beside_the_buttons_is_the_first_one(
    bubbles: Notifications, program: Shower
) -> None:
    program.show("a", "Copia!", buttons=["Esegui ora…"])
    bubble = titled(bubbles, "Copia!")
    path = "/org/freedesktop/Notifications"
    bubbles.peer.emit(path, SERVER, "ActivationToken", "us", bubble.id, "come-forward")
    bubbles.press(bubble._replace(actions={"beside": "default"}), "beside")
    assert program.heard() == "a Esegui ora… come-forward"


def test_what_is_taken_down_before_it_stood_never_stays(
    bubbles: Notifications, program: Shower
) -> None:
    title = {"key": "a", "title": "1"}
    program.do(("show", title), ("take_down", "a"), ("show", {**title, "title": "2"}))
    bubble = titled(bubbles, "2")
    program.do(("show", {**title, "title": "3"}), ("take_down", "a"))
    bubbles.until_gone(bubble)
    program.do(("show", {"key": "b", "title": "last"}))
    titled(bubbles, "last")
    assert titles(bubbles) == ["last"]
    program.do(("close", ""))
    assert program.heard() == "closed"
    bubbles.news.until(lambda: not bubbles.shown, "an empty screen")


def test_a_server_that_comes_late_goes_and_comes_back(desktop: Desktop, program: Shower) -> None:
    program.show("a", "stands", buttons=BUTTONS)
    program.show("b", "wiped", buttons=BUTTONS)
    with desktop.notifications() as bubbles:
        titled(bubbles, "stands")
        bubbles.dismiss(titled(bubbles, "wiped"))
        program.show("c", "pressed", buttons=BUTTONS)
        bubbles.press(titled(bubbles, "pressed"), "Esegui ora…")
        assert program.heard() == "c Esegui ora…"
        bubbles.leave()
        program.show("d", "meanwhile", buttons=BUTTONS)
        program.do(("take_down", "nobody"))
        bubbles.come_back()
        titled(bubbles, "meanwhile")
        bubbles.press(titled(bubbles, "stands"), "Ricordamelo domani")
        assert program.heard() == "a Ricordamelo domani"
        assert set(titles(bubbles)) == {"meanwhile"}  # what was wiped away stays so


@pytest.mark.parametrize(
    ("able", "title", "body", "buttons"),
    [
        (("body",), "A & B", "x <i> y\nsenza bottoni", []),
        (("body", "actions", "body-markup"), "A & B", "x &lt;i&gt; y\ncon bottoni", ["", *BUTTONS]),
        ((), "A & B x <i> y senza bottoni", "", []),
    ],
)
def test_each_server_is_told_in_the_words_it_can_show(
    desktop: Desktop, able: tuple[str, ...], title: str, body: str, buttons: list[str]
) -> None:
    words = {**WORDS, "text": "x <i> y"}
    with (
        Notifications(desktop.address, able) as bubbles,
        shower(desktop.environment()) as program,
    ):
        program.show("a", "A & B", buttons=BUTTONS, **words)
        bubble = titled(bubbles, title)
        assert (bubble.body, list(bubble.actions)) == (body, buttons)


def test_without_a_bus_nothing_is_shown_and_nothing_fails(desktop: Desktop) -> None:
    nowhere = desktop.environment(DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    with shower(nowhere) as program:
        program.show("a", "Copia!", buttons=BUTTONS)
        program.do(("take_down", "a"), ("close", ""))
        assert program.heard() == "closed"


def test_a_server_that_our_call_starts_shows_each_once(desktop: Desktop, tmp_path: Path) -> None:
    server = f"{sys.executable} -m tests.desktop.activated 3"
    (tmp_path / "server.service").write_text(f"[D-BUS Service]\nName={SERVER}\nExec={server}\n")
    (tmp_path / "bus.conf").write_text(
        f"<busconfig><type>session</type><listen>unix:path={tmp_path}/bus</listen>"
        f"<servicedir>{tmp_path}</servicedir><policy context='default'><allow own='*'/>"
        "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>"
        "</policy></busconfig>"
    )
    environment = desktop.environment(PYTHONPATH=str(ROOT))
    command = ["dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address"]
    with running(command, environment, stdout=subprocess.PIPE) as bus:
        assert bus.stdout is not None
        address = first_line(bus.stdout.fileno(), "dbus-daemon")
        with shower({**environment, "DBUS_SESSION_BUS_ADDRESS": address}) as program:
            for key in ("one", "two", "three"):
                program.show(key, key, buttons=BUTTONS)
                assert program.heard() == f"{key} Esegui ora…"
