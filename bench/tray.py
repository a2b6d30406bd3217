"""The tray as a person's machine feels it, on a desktop of its own; beside it a minimal one."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.desktop.session.desktop import Desktop
from tests.desktop.session.programs import running
from tests.desktop.session.tray_host import Item, TrayHost

from bench.figures import Figure, figure
from bench.painted import Painted
from bench.processes import rss_mb, wakeups_of
from custode.demo.soft_stage import SoftStage, SoftToken
from custode.demo.stage import Person
from custode.demo.telling import Step
from custode.desktop.opening import socket_of
from custode.rpc.client import AgentClient
from custode_drivers.softhsm import tokens as softhsm

STARTS: Final = 5
CHANGES: Final = 1000
IDLE_S: Final = 30.0
SETTLE_S: Final = 20.0  # workers, and threads that loading began, have gone by then
PATIENCE_S: Final = 60.0
Command = tuple[str, ...]
OURS: Final[Command] = (sys.executable, "-m", "custode.desktop.tray")
# The least that shows an icon with a menu: what pystray's own documentation begins with.
MINIMAL: Final = """
import os
os.environ |= {"PYSTRAY_BACKEND": "appindicator", "GDK_GL": "disable"}
import pystray
from PIL import Image
menu = pystray.Menu(pystray.MenuItem("Quit", lambda icon, item: icon.stop()))
pystray.Icon("minimal", Image.new("RGB", (64, 64), "green"), "minimal", menu=menu).run()
"""
PEER: Final[Command] = (sys.executable, "-c", MINIMAL)


class Scene:
    """A person with a token that wants nothing, a desktop, and room for a tray."""

    def __init__(self, stage: SoftStage, desktop: Desktop, host: TrayHost, folder: Path) -> None:
        self.stage = stage
        self.desktop = desktop
        self.host = host
        self.temporary = {
            command: folder / name for command, name in ((OURS, "ours"), (PEER, "peer"))
        }
        self.person: Person = stage.person("b", "BENCH01", "BNCHAA80A01H501O")
        self.token: SoftToken = stage.factory_token("Bench")
        for temporary in self.temporary.values():
            temporary.mkdir()
        stage.plug(self.person, self.token)
        stage.give_pin(Step(0, "", quiet=True), self.person, self.token)
        with self.agent() as agent:
            for need in agent.call("status")["needs"]:
                agent.call("need.snooze", {"key": need["key"]})

    def environment(self, command: Command) -> dict[str, str]:
        """What that program finds in its environment."""
        temporary = {"TMPDIR": str(self.temporary[command])}
        return self.desktop.environment(**self.person.paths().environment(), **temporary)

    def left_by(self, command: Command) -> int:
        """How many files it left behind."""
        return len(list(self.temporary[command].iterdir()))

    def agent(self) -> AgentClient:
        """A client of the person's agent."""
        return AgentClient.connect(self.person.paths(), name="bench")

    def move(self) -> None:
        """Pull the token out, or plug it in."""
        reader, drawer = self.person.reader, self.stage.drawer
        inside = self.token.files.directory.parent == reader
        self.token.files = softhsm.move(self.token.files, drawer if inside else reader)

    @property
    def icon(self) -> str:
        """What the tray shows when it is up to date."""
        here = self.token.files.directory.parent == self.person.reader
        return "custode-present" if here else "custode-absent"

    def wait_for_icon(self, item: Item) -> float:
        """Wait until the icon is right; when it said so, by `time.monotonic`."""
        item.until(lambda shown: shown.icon == self.icon, self.icon, PATIENCE_S)
        return last(self.host, "NewIcon")


def last(host: TrayHost, what: str) -> float:
    """When an item told that last, by `time.monotonic`."""
    at: float = next(change.at for change in reversed(host.changes) if change.what == what)
    return at


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene that is cleared away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="custode-bench-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        with Desktop(accessible=False) as desktop, desktop.tray() as host:
            yield Scene(stage, desktop, host, folder)
    finally:
        stage.close()
        shutil.rmtree(folder)


def measure() -> list[Figure]:
    """All figures of the tray."""
    with scene() as played:
        ours = _starts(played, OURS)
        theirs = _starts(played, PEER)
        with ExitStack() as stack:
            program = stack.enter_context(running(list(PEER), played.environment(PEER)))
            played.host.item()
            time.sleep(SETTLE_S)
            peer_mb = rss_mb(program.pid)
        played.host.until_empty()
        with running(list(OURS), played.environment(OURS)) as program:
            item = played.host.item()
            played.wait_for_icon(item)
            return [
                figure(
                    "tray registered after its start",
                    statistics.median(ours),
                    *("ms", 1000),
                    peer=("minimal pystray", statistics.median(theirs)),
                ),
                *_idle(played, program.pid, peer_mb),
                *_windows(played, item),
                *_changes(played, item, program.pid),
            ]


def _starts(played: Scene, command: Command) -> list[float]:
    """From starting the program to its registration with the panel."""
    times = []
    for _ in range(STARTS):
        began = time.monotonic()
        with running(list(command), played.environment(command)):
            played.host.item()
            times.append((last(played.host, "Registered") - began) * 1000)
        played.host.until_empty()
    return times


def _idle(played: Scene, pid: int, peer_mb: float) -> list[Figure]:
    """With the agent, after everything else has gone."""
    time.sleep(SETTLE_S)
    with played.agent() as agent:
        agent_pid: int = agent.agent["pid"]
    wakeups, began = wakeups_of(pid), time.monotonic()
    time.sleep(IDLE_S)
    seconds = time.monotonic() - began
    ours, agents = rss_mb(pid), rss_mb(agent_pid)
    return [
        figure("tray idle, RSS", ours, "MB", 60, peer=("minimal pystray", peer_mb)),
        figure("tray idle 30 s, wake-ups", (wakeups_of(pid) - wakeups) / seconds, "1/s", 0.1),
        figure("agent + tray idle, RSS", ours + agents, "MB", 100),
    ]


def _windows(played: Scene, item: Item) -> list[Figure]:
    """From the click on a line to the window's picture on the screen; no window was open."""
    times = []
    for _ in range(STARTS):
        with Painted(played.desktop.display) as painted:
            began = time.monotonic()
            item.click("Apri Custode…")
            times.append((painted.wait() - began) * 1000)
            painted.close_window()
            gone = time.monotonic() + PATIENCE_S
            while socket_of(played.person.paths()).exists() and time.monotonic() < gone:
                time.sleep(0.05)  # the next one is to start from nothing too
    return [figure("menu click → panel painted, cold", statistics.median(times), "ms", 600)]


def _changes(played: Scene, item: Item, pid: int) -> list[Figure]:
    """A token goes and comes, many times."""
    times, before = [], rss_mb(pid)
    with played.agent() as agent:
        agent.subscribe()
        for number in range(CHANGES + 1):
            if number == 1:
                before = rss_mb(pid)  # what is loaded once was loaded with the first
            played.move()
            wanted = {"token_inserted", "token_removed"}
            next(event for event in agent.events(PATIENCE_S) if event["name"] in wanted)
            heard = time.monotonic()
            times.append(max(0.0, played.wait_for_icon(item) - heard) * 1000)
    grown = rss_mb(pid) - before
    return [
        figure("agent's event → icon changed, median", statistics.median(times), "ms", 100),
        figure("agent's event → icon changed, worst of 1,000", max(times), "ms", None),
        figure("tray after 1,000 state changes, growth", grown, "MB", 2),
        figure(
            "temporary files that the tray leaves",
            played.left_by(OURS),
            *("files", 0),
            peer=("minimal pystray", played.left_by(PEER)),
        ),
    ]
