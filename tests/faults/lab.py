"""Homes with a past: prepared once by the real commands, copied for every trial."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import SystemRandom
from typing import Any, Final, Self

from custode.demo.stage import Person, Stage, Token, processes_of
from custode.demo.telling import Step
from custode.rpc.client import AgentClient, WantedSecret
from custode_drivers.softhsm import tokens as softhsm

from .referee import Referee, kill

SETTLED_S: Final = 40.0
QUIET_S: Final = 0.08
STAGES: Final = ("fresh", "asked", "issued", "certified", "lost", "activated")
_PORTS: Final = range(20_000, 32_000)  # as the authority's own choice (ca.setup)


def memory() -> str | None:
    """A file system without a disk behind it, where there is one: a campaign syncs very often."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stopped home and what its person knows."""

    folder: Path
    person: Person
    token: Token
    spare: Token
    backup: str = ""  # name of the backup's folder on the stick


def prepare(base: Path, wanted: Sequence[str] = STAGES) -> dict[str, Snapshot]:
    """Live a certificate's life with `custode …`; keep a copy of the home at each stage wanted."""
    stage = Stage(base, fast=True, lang="en")
    person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
    token, spare = stage.factory_token("Carla"), stage.factory_token("Spare")
    quiet = Step(0, "", quiet=True)
    kept: dict[str, Snapshot] = {}

    def run(*words: str | Path, **secret: bytes) -> Any:
        named = {name.replace("_", "-"): value for name, value in secret.items()}
        return stage.run(quiet, person, *words, secret=named).answer

    def keep(name: str, backup: str = "") -> bool:
        if name not in wanted:
            return False
        left = stage.close()
        if left:
            raise RuntimeError(f"processes left behind: {left}")
        folder = base / "stages" / name
        shutil.copytree(person.folder, folder, ignore=shutil.ignore_patterns("run"))
        kept[name] = Snapshot(folder, person, token, spare, backup)
        return name == wanted[-1]

    def initialised(plugged: Token) -> None:
        run("status")
        stage.plug(person, plugged)
        secrets = {"so_pin": plugged.so_pin, "new_pin": plugged.pin}
        run("token", "init", "--token", plugged.serial, **secrets)

    def life() -> None:
        csr = base / "first.csr"
        stick = person.folder / "stick"
        stick.mkdir()
        initialised(token)
        words = ("--code", person.code, "--codice-fiscale", person.codice_fiscale)
        run("identity", "set", *words, password=person.password)
        if keep("fresh"):
            return
        run("csr", "--key", "p256", "--out", csr, pin=token.pin)
        if keep("asked"):
            return
        run("request", "--csr", csr, "--wait")
        if keep("issued"):
            return
        run("install", pin=token.pin)
        if keep("certified"):
            return
        pins = {"pin": token.pin, "backup_pin": person.backup_pin}
        folder = Path(run("backup", "create", "--to", stick, **pins)["path"])
        stage.pull(person, token)
        run("report", "lost", password=person.password)
        initialised(spare)
        if keep("lost", folder.name):
            return
        pin = {"backup_pin": person.backup_pin}
        run("backup", "activate", folder, "--reason", "lost", "--wait", **pin)
        keep("activated", folder.name)

    try:
        life()
    finally:
        stage.close()
    (base / "stages" / "index").write_bytes(pickle.dumps(kept))
    return kept


@dataclass(slots=True)
class Lab:
    """One copy of a stage, alive: its agent is started whenever somebody calls."""

    snapshot: Snapshot
    folder: Path
    person: Person
    referee: Referee
    token: Token
    spare: Token
    path_before: str = ""
    told: list[str] = field(default_factory=list)  # steps told to the person

    @classmethod
    def copy(cls, snapshot: Snapshot, stick: Path | None = None) -> Self:
        """Copy a stage to a place of its own, with ports of its own."""
        folder = Path(tempfile.mkdtemp(prefix="cf-", dir=memory()))
        place = folder / "p"
        shutil.copytree(snapshot.folder, place, symlinks=True)
        person = replace(snapshot.person, folder=place)
        softhsm.write_configuration(place / "softhsm2.conf", person.reader)
        person.configure(softhsm.find_module(), autostart=True)
        _own_ports(person.home / "authority" / "authority.json")
        referee = Referee(folder)
        before = os.environ.get("PYTHONPATH", "")
        os.environ.update(referee.environment())
        tokens = [_moved(token, person.reader) for token in (snapshot.token, snapshot.spare)]
        return cls(snapshot, folder, person, referee, tokens[0], tokens[1], before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.environ.pop("CUSTODE_FAULTS", None)
        os.environ.pop("PYTHONPATH")
        if self.path_before:
            os.environ["PYTHONPATH"] = self.path_before
        self.referee.disarm()
        self.end()
        self.referee.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self) -> None:
        """Kill whatever of this home still runs."""
        agent = self.referee.pids.get("agent")
        if agent is not None:
            kill(agent)
        for pid in processes_of(self.person.home):
            kill(pid)

    @property
    def stick(self) -> Path:
        return self.person.folder / "stick"

    @property
    def backup(self) -> Path:
        """The folder of the backup that this stage has."""
        return self.stick / self.snapshot.backup

    @property
    def here(self) -> Token:
        """The token in the reader."""
        return self.token if self.token.files.directory.is_dir() else self.spare

    def call(self, method: str, **params: Any) -> Any:
        """Call the agent as the command line does; starts it when it does not run.

        :raises CustodeError: what the agent answers, AGENT_DIED when it did
        """
        with AgentClient.connect(self.person.paths(), name="faults") as agent:
            return agent.call(method, params, on_secret=self._secret, on_event=self._event)

    def settle(self) -> None:
        """Wait until a start's own questions are answered and what can be resumed is over."""
        until = time.monotonic() + SETTLED_S
        self.patiently(lambda: self.call("certificates.list"), until)
        self.referee.quiet(QUIET_S)
        while unsettled := [op for op in self.pending() if op["kind"] != "csr"]:
            if time.monotonic() > until:
                raise TimeoutError(f"still pending: {[op['kind'] for op in unsettled]}")
            time.sleep(0.05)

    def patiently(self, work: Callable[[], Any], until: float) -> Any:
        """Do something that may be refused for a moment after a kill."""
        from custode.errors import CustodeError

        while True:
            try:
                return work()
            except CustodeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def operations(self) -> list[dict[str, Any]]:
        """The agent's journal, oldest first."""
        rows = query(
            self.person.home / "state.sqlite", "SELECT body FROM operations ORDER BY rowid"
        )
        return [json.loads(body) for (body,) in rows]

    def pending(self) -> list[dict[str, Any]]:
        """Operations that are not over."""
        return [op for op in self.operations() if op["state"] == "pending"]

    def authority(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the authority's own database."""
        return query(self.person.home / "authority" / "authority.sqlite", sql)

    def plugged(self) -> dict[str, Any]:
        """The row of the token in the reader."""
        rows = self.call("token.list")["tokens"]
        return next(row for row in rows if row["present"])

    def _secret(self, wanted: WantedSecret) -> int:
        value = self.person.backup_pin
        if wanted.kind == "token_pin":
            serial = (wanted.token or {})["serial"]
            value = (self.token if serial == self.token.serial else self.spare).pin
        read, write = os.pipe()
        os.write(write, value)
        os.close(write)
        return read

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "progress":
            self.told.append(str(params["step"]))


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a database that another process may have open."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _moved(token: Token, reader: Path) -> Token:
    files = replace(token.files, directory=reader / token.files.directory.name)
    return replace(token, files=files)


def _own_ports(settings: Path) -> None:
    found: list[int] = []
    while len(found) < 2:
        port = SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    told = json.loads(settings.read_text("utf-8"))
    told["https_port"], told["http_port"] = found
    settings.write_text(json.dumps(told), "utf-8")
