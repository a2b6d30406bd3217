"""The real tray on a real bus, with a real agent and SoftHSM: what a panel shows and clicks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.tray_host import Item, TrayHost
from tests.desktop.tray_played import TRAY, Windows, tray_of
from tests.e2e.conftest import Player

from custode.demo.soft_stage import SoftStage
from custode.paths import Paths
from custode.rpc.client import AgentClient

LATE = "import custode.desktop.tray.program as p; p.LATE_S = 1; raise SystemExit(p.main())"


@pytest.fixture
def player() -> Iterator[Player]:
    """A person with a factory-fresh token in the drawer; the agent does not run yet."""
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
        yield Player(stage, person, stage.factory_token("Carla"))
    finally:
        left = stage.close()
        shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def paths(player: Player) -> Paths:
    found = player.person.paths()
    found.make()
    return found


@pytest.mark.timeout(240)  # a story: each part goes on where the one before it ended
def test_the_tray_through_its_life(
    desktop: Desktop, player: Player, paths: Paths, tmp_path: Path
) -> None:
    with desktop.tray() as host, Windows(paths) as windows:
        with tray_of(desktop, paths, TMPDIR=str(tmp_path)) as tray:
            item = host.item()
            it_starts_the_agent_and_follows_a_token_through_its_life(item, player, windows)
            every_line_opens_its_window(item, windows)
            the_language_changes_live_and_the_menu_stays_the_same_one(item)
            the_look_of_the_icons_is_a_setting(item, player)
            an_agent_that_dies_is_started_again(item, paths)
            a_panel_that_goes_and_comes_back_shows_it_again(item, host)
            a_second_one_opens_the_panel_and_ends(desktop, host, paths, windows)
            it_ends_cleanly_without_a_notification_server(host, tray)
            assert list(tmp_path.iterdir()) == [], "it left files"
        without_a_place_for_icons_it_says_so_once_and_goes_on(desktop, host, paths, windows)


def first(item: Item) -> str:
    return item.labels()[0]


def it_starts_the_agent_and_follows_a_token_through_its_life(
    item: Item, player: Player, windows: Windows
) -> None:
    shown = item.until(lambda shown: shown.icon == "custode-attention", "who are you?")
    assert shown.id == "custode"
    assert first(item) == "○ Nessun token inserito"
    assert Path(shown.theme_path, f"{shown.icon_now}.svg").is_file()

    player.certified()
    labels = item.until_menu(lambda labels: "⚠ Esegui la copia di sicurezza!" in labels, "red line")
    assert labels[0].startswith("● Originale inserito: VERDI03, scade il ")
    assert "Annulla…" in labels
    assert any(label.startswith("“Carla” (numero di serie ") for label in labels)
    shown = item.read()
    assert (shown.status, shown.icon_now) == ("NeedsAttention", "custode-attention")
    assert shown.title == "Custode: Esegui la copia di sicurezza!"
    item.click("⚠ Esegui la copia di sicurezza!")
    assert windows.next() == ("backup", {})

    with AgentClient.connect(player.person.paths(), name="test") as agent:
        for need in agent.call("status")["needs"]:
            agent.call("need.snooze", {"key": need["key"]})
    shown = item.until(lambda shown: shown.status == "Active", "peace")
    assert shown.icon_now == "custode-present"
    put_off = next(label for label in item.labels() if label.startswith("Esegui la copia"))
    assert "(di nuovo il " in put_off
    player.pull()
    shown = item.until(lambda shown: shown.icon_now == "custode-absent", "nothing inserted")
    assert shown.status == "Active", "whoever lost a token needs the menu"
    item.until_menu(lambda labels: labels[0] == "○ Nessun token inserito", "its line")
    player.plug()
    item.until(lambda shown: shown.icon_now == "custode-present", "the token")


CLICKS = [
    (("Apri Custode…",), "panel"),
    (("Certificato", "Richiedi…"), "request"),
    (("Certificato", "Installa…"), "install"),
    (("Certificato", "Rinnova…"), "renew"),
    (("Certificato", "Annulla…"), "cancel"),
    (("Utilità", "Salva una copia di sicurezza del tuo certificato…"), "backup"),
    (("Utilità", "Verifica una copia…"), "verify"),
    (("Utilità", "Segnala smarrimento, furto o guasto…"), "report"),
    (("Utilità", "Attiva una copia…"), "activate"),
    (("Utilità", "Cambia PIN…"), "pin_change"),
    (("Utilità", "Sblocca PIN…"), "pin_unblock"),
    (("Utilità", "Diagnostica…"), "doctor"),
    (("Informazioni",), "about"),
]


def every_line_opens_its_window(item: Item, windows: Windows) -> None:
    for labels, window in CLICKS:
        item.click(*labels)
        assert windows.next() == (window, {}), labels
    with pytest.raises(ValueError, match="cannot be clicked"):
        item.click("Utilità", "Ripristina le credenziali…")


def the_language_changes_live_and_the_menu_stays_the_same_one(item: Item) -> None:
    numbers = [entry.id for entry in item.menu().walk()]
    item.click("Lingua", "English")
    item.until_menu(lambda labels: labels[-1] == "Quit", "English")
    checked = [entry.checked for entry in item.entry("Language").children]
    assert checked == [False, False, True]
    assert [entry.id for entry in item.menu().walk()] == numbers, "an open menu stays open"
    item.click("Language", "English")
    item.click("Language", "Italiano")
    item.until_menu(lambda labels: labels[-1] == "Esci", "Italian")
    assert [entry.checked for entry in item.entry("Lingua").children] == [False, True, False]


def the_look_of_the_icons_is_a_setting(item: Item, player: Player) -> None:
    config = player.person.home / "config.toml"
    before = config.read_text("utf-8")
    config.write_text(before + '[tray]\nicons = "light"\nalways = false\n', "utf-8")
    player.pull()
    shown = item.until(lambda shown: shown.icon == "custode-absent-light", "light ones")
    assert item.until(lambda shown: shown.status == "Passive", "no place") == shown
    config.write_text(before, "utf-8")
    player.plug()
    item.until(lambda shown: shown.icon == "custode-present", "coloured ones")


def an_agent_that_dies_is_started_again(item: Item, paths: Paths) -> None:
    with AgentClient.connect(paths, name="test", start=False) as agent:
        pid = agent.agent["pid"]
    os.kill(pid, signal.SIGKILL)
    item.until_menu(lambda labels: labels[0] == "○ Custode si riavvia…", "what is going on")
    item.until_menu(lambda labels: labels[0].startswith("● Originale inserito"), "the original")
    with AgentClient.connect(paths, name="test", start=False) as agent:
        assert agent.agent["pid"] != pid


def a_panel_that_goes_and_comes_back_shows_it_again(item: Item, host: TrayHost) -> None:
    before = item.read()
    host.leave()
    host.come_back()
    again = host.item()
    assert again.until(lambda shown: shown == before, "the same icon")
    assert first(again).startswith("● Originale inserito")


def a_second_one_opens_the_panel_and_ends(
    desktop: Desktop, host: TrayHost, paths: Paths, windows: Windows
) -> None:
    with tray_of(desktop, paths) as second:
        assert second.wait(30) == 0
    assert windows.next() == ("panel", {})
    assert host.items() == 1


def it_ends_cleanly_without_a_notification_server(
    host: TrayHost, tray: subprocess.Popen[bytes]
) -> None:
    host.item().click("Esci")
    assert tray.wait(30) == 0
    host.until_empty()


def without_a_place_for_icons_it_says_so_once_and_goes_on(
    desktop: Desktop, host: TrayHost, paths: Paths, windows: Windows
) -> None:
    host.leave()
    with (
        desktop.notifications() as bubbles,
        tray_of(desktop, paths, sys.executable, "-c", LATE) as program,
    ):
        bubble = bubbles.until(lambda bubble: "non ha posto" in bubble.summary, "what is wrong")
        bubbles.press(bubble, "Apri Custode…")
        assert windows.next() == ("panel", {})
        host.come_back()
        assert host.item().until(lambda shown: shown.icon == "custode-present", "it came late")
        host.leave()
        time.sleep(1.2)
        assert sum("non ha posto" in bubble.summary for bubble in bubbles.log) == 1
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
    host.come_back()


def test_without_a_display_it_says_so(paths: Paths) -> None:
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    done = subprocess.run(
        TRAY,
        env=environment | paths.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 20
    assert "hint: " in done.stderr
