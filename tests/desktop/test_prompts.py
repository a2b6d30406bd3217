"""The agent's prompts on a desktop: a real tray, agent and token, and days that go by."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.notifications import Bubble, Notifications
from tests.desktop.tray_played import Windows, tray_of
from tests.e2e.conftest import Player

from custode.demo.soft_stage import SoftStage
from custode.rpc.client import AgentClient

SHIFTED: Final = Path(__file__).parents[1] / "e2e" / "shifted"
RED_NOTICE: Final = "Esegui la copia di sicurezza!"
NOW, TOMORROW = "Esegui ora…", "Ricordamelo domani"
TAKEN_S: Final = 20.0


class Shop:
    """A person with a certificate and no backup of it; the token is in the drawer."""

    def __init__(self, player: Player, clock: Path) -> None:
        self.player = player
        self._clock = clock

    def another_day(self) -> None:
        """A day goes by for the agent; it looks at its clock when something happens."""
        self._clock.write_text(str(int(self._clock.read_text("ascii")) + 1), "ascii")

    def client(self) -> AgentClient:
        return AgentClient.connect(self.player.person.paths(), name="tests")

    def red_notice(self) -> dict[str, Any] | None:
        """As `status` lists it."""
        with self.client() as agent:
            needs = agent.call("status")["needs"]
        return next((need for need in needs if need["need"] == "backup_missing"), None)

    def plug(self) -> None:
        self.player.plug()

    def pull(self) -> None:
        self.player.pull()


class At(NamedTuple):
    """The shop with its desktop on."""

    shop: Shop
    bubbles: Notifications
    windows: Windows

    def notice(self, title: str = RED_NOTICE) -> Bubble:
        return self.bubbles.until(lambda bubble: bubble.summary == title, title)

    def notices(self) -> int:
        """How often it was shown so far, wherever it is now."""
        return sum(bubble.summary == RED_NOTICE for bubble in self.bubbles.log)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    folder = Path(tempfile.mkdtemp(prefix="custode-test-"))
    clock = folder / "clock"
    clock.write_text("0", "ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(SHIFTED), os.environ.get("PYTHONPATH", "")])
        )
        patch.setenv("CUSTODE_TEST_CLOCK", f"agent:@{clock}")
        stage = SoftStage(folder, fast=True, lang="en")
        try:
            person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
            player = Player(stage, person, stage.factory_token("Carla"))
            player.certified()
            player.pull()
            yield Shop(player, clock)
        finally:
            left = stage.close()
            shutil.rmtree(folder)
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def at(desktop: Desktop, shop: Shop) -> Iterator[At]:
    """A new day in the shop: the token is in the drawer, the desktop is on."""
    shop.another_day()
    paths = shop.player.person.paths()
    with (
        Windows(paths) as windows,
        desktop.tray(),
        desktop.notifications() as bubbles,
        # Whatever happens before it listens it is told when it does.
        tray_of(desktop, paths),
    ):
        yield At(shop, bubbles, windows)
    shop.pull()


def test_one_insertion_after_the_other_gives_one_notification_a_day(at: At) -> None:
    at.shop.plug()
    bubble = at.notice()
    assert bubble.urgency == "critical"
    why, token, _next = bubble.body.splitlines()
    assert "solo la copia ti ridà il certificato" in why
    assert at.shop.player.token.serial in token
    assert "“Carla”" in token
    at.shop.pull()
    at.bubbles.until_gone(bubble)  # with its token
    for _ in range(4):
        at.shop.plug()
        at.shop.pull()
    at.shop.another_day()
    at.shop.plug()
    again = at.notice()
    assert at.notices() == 2
    at.bubbles.press(again, NOW)
    assert at.windows.next() == ("backup", {})


def test_tomorrow_is_kept_on_disk_and_comes(at: At) -> None:
    at.shop.plug()
    bubble = at.notice()
    with at.shop.client() as agent:
        agent.subscribe()
        at.bubbles.press(bubble, TOMORROW)
        told = next(event for event in agent.events(TAKEN_S) if event["name"] == "need_snoozed")
        agent.call("agent.stop")
    listed = at.shop.red_notice()  # by another agent
    assert listed is not None
    assert datetime.fromisoformat(listed["snoozed_until"]) == datetime.fromisoformat(told["until"])
    for _ in range(2):  # tomorrow before eight is too early
        at.shop.another_day()
    with at.shop.client() as agent:  # something happens; the tray may still be on its way back
        agent.call("language.set", {"language": "auto"})
    at.notice()
    assert at.notices() == 2


def test_it_survives_its_server_and_ends_with_its_need(at: At) -> None:
    at.shop.plug()
    at.notice()
    at.bubbles.leave()
    at.bubbles.come_back()
    again = at.notice()
    with at.shop.client() as agent:
        agent.call("language.set", {"language": "en"})
        assert at.notice("Make your backup now!").id == again.id  # in its place
        agent.call("language.set", {"language": "auto"})
        at.notice()
    at.shop.player.backup("stick")
    at.bubbles.until_gone(again)
    assert at.shop.red_notice() is None
