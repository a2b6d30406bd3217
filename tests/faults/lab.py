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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import SystemRandom
from typing import Any, Final, Self

from custode.demo.soft_stage import SoftStage, SoftToken, module_for
from custode.demo.stage import Person, new_pin, processes_of
from custode.demo.telling import Step
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient, WantedSecret

from .referee import Referee, kill

SETTLED_S: Final = 120.0
QUIET_S: Final = 0.08
STAGES: Final = (*("new", "fresh", "asked", "issued", "certified", "backed", "lost", "activated"),)
SPARE_STAGES: Final = ("paired", "spared")  # of a life with two tokens
COPY_STAGES: Final = ("copied",)  # of one whose backup is a copy of the key itself
PERSONS: Final = frozenset(
    {"renew", "reissue", "spare.create"}
)  # what stays for the person to go on with
_PORTS: Final = range(20_000, 32_000)  # as the authority's own choice (ca.setup)


def memory() -> str | None:
    """A file system without a disk behind it, where there is one: a campaign syncs very often."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stopped home and what its person knows."""

    folder: Path
    person: Person
    token: SoftToken
    spare: SoftToken
    backup: str = ""  # name of the backup's folder on the stick


def prepare(
    base: Path, wanted: Sequence[str] = (*STAGES, *SPARE_STAGES, *COPY_STAGES)
) -> dict[str, Snapshot]:
    """Live a certificate's life with `custode …`; keep a copy of the home at each stage wanted."""
    kept: dict[str, Snapshot] = {}
    for name, life, stages in (
        ("one", _life, STAGES),
        ("two", _life_of_two, SPARE_STAGES),
        ("copy", _life_of_a_copy, COPY_STAGES),
    ):
        if here := [stage for stage in wanted if stage in stages]:
            (base / name).mkdir()
            kept |= _live(base / name, life, here)
    (base / "index").write_bytes(pickle.dumps(kept))
    return kept


def _live(base: Path, life: Life, wanted: Sequence[str]) -> dict[str, Snapshot]:
    stage = SoftStage(base, fast=True, lang="en")
    person = stage.person("carla", "VERDI03", "VRDCRL85C45L219J")
    token, spare = stage.factory_token("Carla"), stage.factory_token("Spare")
    kept: dict[str, Snapshot] = {}
    try:
        for name, backup in life(Cast(stage, person, token, spare)):
            if name in wanted:
                left = stage.close()
                if left:
                    raise RuntimeError(f"processes left behind: {left}")
                folder = base / "stages" / name
                shutil.copytree(person.folder, folder, ignore=shutil.ignore_patterns("run"))
                kept[name] = Snapshot(folder, person, token, spare, backup)
            if name == wanted[-1]:
                break
    finally:
        stage.close()
    return kept


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a life, and with what."""

    stage: SoftStage
    person: Person
    token: SoftToken
    spare: SoftToken

    @property
    def stick(self) -> Path:
        return self.person.folder / "stick"

    def run(self, *words: str | Path, **secret: bytes) -> Any:
        named = {name.replace("_", "-"): value for name, value in secret.items()}
        quiet = Step(0, "", quiet=True)
        return self.stage.run(quiet, self.person, *words, secret=named).answer

    def initialised(self, plugged: SoftToken) -> None:
        self.run("status")
        self.stage.plug(self.person, plugged)
        secrets = {"so_pin": plugged.so_pin, "new_pin": plugged.pin}
        self.run("token", "init", "--token", plugged.serial, **secrets)

    def certified(self) -> Iterator[str]:
        """The way to a certificate; each stage when it is reached."""
        self.stick.mkdir()
        self.initialised(self.token)
        yield "new"
        words = ("--code", self.person.code, "--codice-fiscale", self.person.codice_fiscale)
        self.run("identity", "set", *words, password=self.person.password)
        yield "fresh"
        csr = self.stage.folder / "first.csr"
        asked = ("csr", "--key", "p256", "--copyable", "--yes", "--out")
        self.run(*asked, csr, pin=self.token.pin)
        yield "asked"
        self.run("request", "--csr", csr, "--wait")
        yield "issued"
        self.run("install", pin=self.token.pin)
        yield "certified"

    def lost(self, reason: str = "lost") -> None:
        self.stage.pull(self.person, self.token)
        self.run("report", reason, password=self.person.password)


Life = Callable[[Cast], Iterator[tuple[str, str]]]
"""Gives each stage when it is reached, and the name of the backup's folder once there is one."""


def _life(cast: Cast) -> Iterator[tuple[str, str]]:
    for stage in cast.certified():
        yield stage, ""
    pins = {"pin": cast.token.pin, "backup_pin": cast.person.backup_pin}
    folder = Path(cast.run("backup", "create", "--to", cast.stick, **pins)["path"])
    yield "backed", folder.name
    cast.lost()
    cast.initialised(cast.spare)
    yield "lost", folder.name
    pin = {"backup_pin": cast.person.backup_pin}
    cast.run("backup", "activate", folder, "--reason", "lost", "--wait", **pin)
    yield "activated", folder.name


def _life_of_two(cast: Cast) -> Iterator[tuple[str, str]]:
    """The second token is in as well, and then carries the backup of the first one, lost."""
    for _ in cast.certified():
        pass
    cast.initialised(cast.spare)
    yield "paired", ""
    pins = {"pin": cast.token.pin, "spare_pin": cast.spare.pin}
    cast.run("backup", "create", "--on-token", cast.spare.serial, **pins)
    cast.lost()
    yield "spared", ""


def _life_of_a_copy(cast: Cast) -> Iterator[tuple[str, str]]:
    """The backup is a copy of the key itself, activated after a fault with a new token in."""
    for _ in cast.certified():
        pass
    pin = {"backup_pin": cast.person.backup_pin}
    words = ("backup", "create", "--kind", "copy", "--to", cast.stick)
    folder = Path(cast.run(*words, pin=cast.token.pin, **pin)["path"])
    cast.lost("malfunction")
    cast.initialised(cast.spare)
    cast.run("backup", "activate", folder, "--reason", "malfunction", "--wait", **pin)
    yield "copied", folder.name


@dataclass(slots=True)
class Lab:
    """One copy of a stage, alive: its agent is started whenever somebody calls."""

    snapshot: Snapshot
    folder: Path
    person: Person
    referee: Referee
    token: SoftToken
    spare: SoftToken
    path_before: str = ""
    told: list[str] = field(default_factory=list)  # steps told to the person

    @classmethod
    def copy(cls, snapshot: Snapshot, stick: Path | None = None) -> Self:
        """Copy a stage to a place of its own, with ports of its own."""
        folder = Path(tempfile.mkdtemp(prefix="cf-", dir=memory()))
        place = folder / "p"
        shutil.copytree(snapshot.folder, place, symlinks=True)
        person = replace(snapshot.person, folder=place, module=module_for(place))
        person.configure(autostart=True)
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
    def here(self) -> SoftToken:
        """The token in the reader."""
        return self.token if self.token.files.directory.is_dir() else self.spare

    def call(self, method: str, **params: Any) -> Any:
        """Call the agent as the command line does; starts it when it does not run.

        :raises CustodeError: what the agent answers, AGENT_DIED when it did
        """
        with AgentClient.connect(self.person.paths(), name="faults") as agent:
            return agent.call(method, params, on_secret=self._secret, on_event=self._event)

    def settle(self) -> None:
        """Wait until a start's own questions are answered and what can be resumed is over.

        What only the person can go on with has to be told to them.
        """
        until = time.monotonic() + SETTLED_S
        self.patiently(self._asked, until)
        self.referee.quiet(QUIET_S)
        while unsettled := self._unsettled():
            if time.monotonic() > until:
                raise TimeoutError(f"still pending: {unsettled}")
            time.sleep(0.05)

    def _asked(self) -> None:
        try:
            self.call("certificates.list")
        except CustodeError as exc:
            if exc.code is not ErrorCode.NO_IDENTITY:
                raise

    def _unsettled(self) -> list[str]:
        pending = [op for op in self.pending() if op["kind"] != "csr"]
        if not pending:
            return []
        needs = self.call("status")["needs"]
        told = {need["key"].partition(":")[2] for need in needs}
        return [op["kind"] for op in pending if op["kind"] not in PERSONS or op["id"] not in told]

    def patiently(self, work: Callable[[], Any], until: float) -> Any:
        """Do something that may be refused for a moment after a kill."""
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

    @property
    def has_authority(self) -> bool:
        """Whether this person's authority was made."""
        return (self.person.home / "authority" / "authority.json").is_file()

    def authority(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the authority's own database."""
        return query(self.person.home / "authority" / "authority.sqlite", sql)

    def plugged(self) -> dict[str, Any]:
        """The row of the token in the reader."""
        rows: list[dict[str, Any]] = self.call("token.list")["tokens"]
        here = [row for row in rows if row["present"]]
        if len(here) != 1:
            raise LookupError(f"the agent sees {len(here)} tokens")
        return here[0]

    def _secret(self, wanted: WantedSecret) -> int:
        value = self.person.backup_pin
        if wanted.kind in {"account_password", "account_password_new"}:
            value = self.person.password
        elif wanted.kind in {"token_pin", "spare_pin", "so_pin", "new_pin"}:
            serial = (wanted.token or {})["serial"]
            token = self.token if serial == self.token.serial else self.spare
            if wanted.kind == "new_pin":
                token.pin = new_pin()
            value = token.so_pin if wanted.kind == "so_pin" else token.pin
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


def _moved(token: SoftToken, reader: Path) -> SoftToken:
    files = replace(token.files, directory=reader / token.files.directory.name)
    return replace(token, files=files)


def _own_ports(settings: Path) -> None:
    if not settings.exists():
        return  # the authority that will be made chooses its own
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
