"""The agent as a person's machine feels it: start, status, idle; a backup; the gate."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from bench.figures import Figure, figure, medians, milliseconds
from bench.on_token import whole_command
from bench.processes import cpu_s, rss_mb, wakeups_of
from custode.container import inner, pin_key
from custode.demo.soft_stage import SoftStage, SoftToken
from custode.demo.stage import Person, processes_of
from custode.demo.story import set_identity, start_up
from custode.demo.telling import Step
from custode.rpc.client import AgentClient
from custode_drivers.softhsm import tokens as softhsm

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 10
IDLE_S = 30.0


class Scene:
    """A person with a certificate on a P-256 token, and an agent."""

    def __init__(self, stage: SoftStage) -> None:
        self.stage = stage
        self.step = Step(0, "", quiet=True)
        self.person: Person = stage.person("b", "BENCH01", "BNCHAA80A01H501O")
        self.token: SoftToken = stage.factory_token("Bench")
        start_up(stage, self.step, self.person, self.token)
        set_identity(stage, self.step, self.person)
        self.number = 0
        self.csr()
        self.run("request", "--wait")
        self.run("install", pin=self.token.pin)

    def run(self, *words: str | Path, **secret: bytes) -> dict[str, object]:
        """One command."""
        named = {name.replace("_", "-"): value for name, value in secret.items()}
        answer: dict[str, object] = self.stage.run(
            self.step, self.person, *words, secret=named
        ).answer
        return answer

    def csr(self) -> None:
        """`custode csr` on P-256."""
        self.number += 1
        out = self.person.folder / f"{self.number}.csr"
        self.run("csr", "--key", "p256", "--out", out, pin=self.token.pin)

    def backup(self) -> None:
        """`custode backup create`."""
        self.number += 1
        stick = self.person.folder / f"stick{self.number}"
        stick.mkdir()
        secret = {"pin": self.token.pin, "backup_pin": self.person.backup_pin}
        self.run("backup", "create", "--to", stick, **secret)

    def stop(self) -> None:
        """End the agent and all it started."""
        self.stage.close()

    def agent_pid(self) -> int:
        """The agent's process."""
        with AgentClient.connect(self.person.paths()) as agent:
            pid: int = agent.agent["pid"]
        return pid


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene that is cleared away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="custode-bench-"))
    stage = SoftStage(folder, fast=True, lang="en")
    try:
        yield Scene(stage)
    finally:
        stage.close()
        shutil.rmtree(folder)


def measure() -> list[Figure]:
    """All figures that need an agent."""
    with scene() as played:
        return [
            *whole_command(played.csr),
            *_status(played),
            *_start(played),
            *_backup(played),
            *_gate(played),
            *_authority(played),
            *_idle(played),
        ]


def _status(played: Scene) -> list[Figure]:
    environment = played.person.environment()

    def status() -> None:
        subprocess.run(
            [sys.executable, "-m", "custode", "status"],
            env=environment,
            capture_output=True,
            timeout=60,
            check=True,
        )

    (value,) = medians(2 * RUNS, status)
    return [figure("custode status, agent running", value, "ms", 120)]


def _start(played: Scene) -> list[Figure]:
    """From starting `custode agent` to its READY."""
    times = []
    for _ in range(RUNS):
        played.stop()
        times.append(milliseconds(lambda: AgentClient.connect(played.person.paths()).close()))
    return [figure("agent ready after its start", statistics.median(times), "ms", 400)]


def _backup(played: Scene) -> list[Figure]:
    """Beside the sum of what it cannot do without, measured here and now."""
    pin = bytearray(played.person.backup_pin)
    key = ec.generate_private_key(ec.SECP256R1())
    seal, derive, make = medians(
        RUNS,
        lambda: inner.seal(key, pin),
        lambda: pin_key.derive(pin, pin_key.new_salt()),
        lambda: ec.generate_private_key(ec.SECP256R1()),
    )
    (value,) = medians(RUNS, played.backup)
    floor = 2 * seal + derive + make
    parts = ("2 scrypt + Argon2id + key", floor)
    return [figure("backup create, authority warm", value, "ms", floor + 150, parts)]


def _gate(played: Scene) -> list[Figure]:
    """From the renaming of a token's directory into the reader to `gate_closed` on the stream."""
    times = []
    token, person = played.token, played.person
    for _ in range(RUNS):
        played.stage.pull(person, token)
        time.sleep(1.5)  # settled: the next closing is the plug's
        with AgentClient.connect(person.paths()) as agent:
            agent.subscribe()
            began = perf_counter()
            token.files = softhsm.move(token.files, person.reader)
            next(e for e in agent.events(5) if e["name"] == "gate_closed")
            times.append((perf_counter() - began) * 1000)
            next(e for e in agent.events(5) if e["name"] == "token_inserted")
    return [figure("gate closed after a token's arrival", statistics.median(times), "ms", 100)]


def _authority(played: Scene) -> list[Figure]:
    played.run("certificates")
    pids = {pid: rss_mb(pid) for pid in processes_of(played.person.home) if _is_authority(pid)}
    return [figure("authority while it runs, RSS", sum(pids.values()), "MB", 90)]


def _is_authority(pid: int) -> bool:
    return b"custode_authority.main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _idle(played: Scene) -> list[Figure]:
    """After workers and authority had their idle time: nobody but the agent is left."""
    played.stop()
    config = played.person.home / "config.toml"
    config.write_text(config.read_text("utf-8") + "idle_s = 5.0\n", "utf-8")
    played.run("certificates")
    pid = played.agent_pid()
    time.sleep(20)
    cpu, wakeups, began = cpu_s(pid), wakeups_of(pid), perf_counter()
    time.sleep(IDLE_S)
    seconds = perf_counter() - began
    others = [one for one in processes_of(played.person.home) if one != pid]
    return [
        figure("agent idle 30 s, RSS", rss_mb(pid), "MB", 36),
        figure("agent idle 30 s, CPU", (cpu_s(pid) - cpu) / seconds * 100, "%", 0.1),
        figure("agent idle 30 s, wake-ups", (wakeups_of(pid) - wakeups) / seconds, "1/s", 1),
        figure("workers and authorities left after idling", len(others), "processes", 0),
    ]
