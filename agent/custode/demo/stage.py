"""Where the demo plays: homes, tokens in a drawer and in a reader, the real commands."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.paths import Paths
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.demo.telling import Step

COMMAND_DEADLINE_S: Final = 120
EVENT_DEADLINE_S: Final = 30.0  # a card is read through the reader: on a busy computer seconds
STOP_DEADLINE_S: Final = 20.0


def new_pin(length: int = 8) -> bytes:
    """Digits nobody has used before; made for this run, gone with it."""
    return "".join(secrets.choice("0123456789") for _ in range(length)).encode("ascii")


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that ran: its exit status and its JSON answer."""

    exit: int
    answer: Any

    @property
    def error(self) -> dict[str, Any]:
        """The answer's `error`, empty when there is none."""
        found: dict[str, Any] = (self.answer or {}).get("error", {})
        return found

    @property
    def reasons(self) -> list[str]:
        """Codes of the gate's reasons, of a refusal."""
        return [reason["code"] for reason in self.error.get("data", {}).get("reasons", [])]


@dataclass(frozen=True, slots=True)
class Module:
    """One `[[module]]` of a configuration: a PKCS#11 library, its environment, what watches it."""

    path: str
    env: Mapping[str, str]
    watch: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """What all programs of its user need in their environment."""


@dataclass(slots=True)
class Token(ABC):
    """A token of the demo and the PINs it was given."""

    label: str
    so_pin: bytes
    pin: bytes

    @property
    @abstractmethod
    def serial(self) -> str:
        """As its PKCS#11 module tells it."""

    def secrets(self) -> dict[str, bytes]:
        """What signing with it takes, as `Stage.run` takes secrets."""
        return {"pin": self.pin}

    def writing(self) -> dict[str, bytes]:
        """What making keys on it and writing to it takes: some cards want their SO PIN as well."""
        return self.secrets()


@dataclass(slots=True)
class Person:
    """One user of Custode on this stage: own home, own reader, own agent."""

    name: str
    folder: Path
    code: str
    codice_fiscale: str
    generation_s: int
    module: Module
    password: bytes = field(default_factory=lambda: secrets.token_urlsafe(12).encode("ascii"))
    backup_pin: bytes = field(default_factory=lambda: new_pin(12))

    @property
    def home(self) -> Path:
        return self.folder / "custode"

    @property
    def reader(self) -> Path:
        return self.folder / "reader"

    @property
    def ca(self) -> Path:
        return self.home / "authority" / "ca.pem"

    def environment(self) -> dict[str, str]:
        """The environment of this person's programs."""
        return {**os.environ, **self.variables()}

    def variables(self) -> dict[str, str]:
        """What of it leads to this stage."""
        return {**self.module.variables, "CUSTODE_HOME": str(self.home)}

    def paths(self) -> Paths:
        """Where this person's agent keeps things."""
        return Paths.find(self.environment())

    def configure(self, *, autostart: bool) -> None:
        """Write `config.toml`; the agent reads it again by itself."""
        env = ", ".join(f"{name} = {json.dumps(value)}" for name, value in self.module.env.items())
        text = (
            "[[module]]\n"
            f"path = {json.dumps(self.module.path)}\n"
            f"env = {{ {env} }}\n"
            f"watch = {json.dumps(self.module.watch)}\n\n"
            "[modules]\ndiscover = false\n\n"  # this stage has its own readers, and no others
            "[authority]\n"
            f"autostart = {'true' if autostart else 'false'}\n"
            f"generation_s = {self.generation_s}\n"
        )
        partial = self.home / "config.partial"
        partial.write_text(text, "utf-8")
        partial.replace(self.home / "config.toml")


class Stage(ABC):
    """Everything the demo has, and takes away again; what its tokens are is the subclass's."""

    certificates_per_token: int
    """How many certificates, each with its key, one of its tokens takes."""
    tokens_lock: bool
    """Whether its tokens count wrong PINs and lock themselves."""

    def __init__(self, folder: Path, *, fast: bool, lang: str) -> None:
        self.folder = folder
        self.lang = lang
        self.generation_s = 1 if fast else 3
        self.people: list[Person] = []

    @abstractmethod
    def module_for(self, folder: Path) -> Module:
        """The module, and the reader, that a person with this folder gets."""

    @abstractmethod
    def factory_token(self, label: str) -> Token:
        """A token as it comes from its maker, in the drawer."""

    @abstractmethod
    def give_pin(self, step: Step, person: Person, token: Token) -> None:
        """Give a factory-fresh token, which is plugged in, a PIN of its own, and check it."""

    @abstractmethod
    def put(self, person: Person, token: Token) -> None:
        """Put a token into the person's reader."""

    @abstractmethod
    def take(self, person: Person, token: Token) -> None:
        """Take a token out of the reader, back into the drawer."""

    def person(self, name: str, code: str, codice_fiscale: str) -> Person:
        """Bring a person on."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        module = self.module_for(folder)
        person = Person(name, folder, code, codice_fiscale, self.generation_s, module)
        person.home.mkdir(mode=0o700)
        person.configure(autostart=True)
        self.people.append(person)
        return person

    def plug(self, person: Person, token: Token) -> float:
        """Put a token into the reader; returns after how many seconds the agent told of it."""
        return self._moved(person, token, self.put, "token_inserted")

    def pull(self, person: Person, token: Token) -> float:
        """Take a token out of the reader; returns after how many seconds the agent told of it."""
        return self._moved(person, token, self.take, "token_removed")

    def _moved(
        self, person: Person, token: Token, move: Callable[[Person, Token], None], event: str
    ) -> float:
        with AgentClient.connect(person.paths(), name="custode-demo") as agent:
            agent.subscribe()
            began = time.monotonic()
            move(person, token)
            for told in agent.events(EVENT_DEADLINE_S):
                if told["name"] == event and told.get("serial") == token.serial:
                    return time.monotonic() - began
        raise TimeoutError(f"the agent told nothing of {event} for {token.label}")

    def run(
        self,
        step: Step,
        person: Person,
        *arguments: str | Path,
        secret: Mapping[str, bytes] | None = None,
        expect: int | None = 0,
    ) -> Ran:
        """Run `custode …` as a person would, and show the line; secrets go by descriptor.

        :raises RuntimeError: when it ends otherwise than with `expect` (None: any way is right)
        """
        words = [str(argument) for argument in arguments]
        step.say("$ custode " + " ".join(_shown(word, self.folder) for word in words))
        sources: list[str] = []
        ends: list[int] = []
        for name, value in (secret or {}).items():
            end = _pipe(value)
            ends.append(end)
            sources += [f"--{name}-source", f"fd:{end}"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "custode", *words, *sources, "--json"],
                env=person.environment(),
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_DEADLINE_S,
                check=False,
            )
        finally:
            for end in ends:
                os.close(end)
        if expect is not None and done.returncode != expect:
            told = done.stderr.decode("utf-8", "replace").strip()
            raise RuntimeError(f"custode {words[0]} ended with {done.returncode}: {told}")
        return Ran(done.returncode, json.loads(done.stdout) if done.stdout.strip() else None)

    def token_row(self, step: Step, person: Person, token: Token) -> dict[str, Any]:
        """One token's row of `custode token list`."""
        rows = self.run(step, person, "token", "list").answer["tokens"]
        found: dict[str, Any] = next(row for row in rows if row["serial"] == token.serial)
        return found

    def needs(self, step: Step, person: Person) -> list[str]:
        """The needs that `custode status` lists now."""
        return [need["need"] for need in self.run(step, person, "status").answer["needs"]]

    def close(self) -> list[int]:
        """End every agent; the pids that are still there afterwards, which should be none."""
        left: list[int] = []
        for person in self.people:
            left += _stop(person)
        return left


def _pipe(value: bytes) -> int:
    read, write = os.pipe()
    os.write(write, value)
    os.close(write)
    return read


def _shown(word: str, folder: Path) -> str:
    short = word.replace(f"{folder}/", "")
    return f"'{short}'" if " " in short else short


def _stop(person: Person) -> list[int]:
    """Ask the agent to end and wait until none of this person's processes is left."""
    until = time.monotonic() + STOP_DEADLINE_S
    while (left := processes_of(person.home)) and time.monotonic() < until:
        # Asked again and again: after Ctrl-C the agent may be starting and not listen yet.
        subprocess.run(
            [sys.executable, "-m", "custode", "agent", "stop", "--json"],
            env=person.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_DEADLINE_S,
            check=False,
        )
        time.sleep(0.2)
    return left


def processes_of(home: Path) -> list[int]:
    """Processes that carry this CUSTODE_HOME in their environment, other than ourselves."""
    wanted = f"CUSTODE_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it ended, or is another user's
        if wanted in variables:
            found.append(int(entry.parent.name))
    return found


def der(answer: Mapping[str, Any], key: str) -> bytes:
    """Bytes from a command's JSON answer, where they travel as base64."""
    return base64.b64decode(answer[key])
