"""`custode watch`: each event in both languages, a stream of objects, an agent that comes back."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from tests.unit.cli.conftest import Run

import custode.daemon
import custode.domain
from custode.cli import watch
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import catalogue
from custode.rpc.client import AgentClient

TOKEN = {"label": "FIRMA", "serial": "0A12", "state": "primary"}
NEED = {"need": "expiry", "key": "expiry:7:3", "label": "", "text_args": {"days_left": 3}}


class Agent:
    """One agent's life: what it tells until it ends."""

    def __init__(self, *events: dict[str, Any], ends: bool = True) -> None:
        self.agent = {"protocol": 1, "version": "0", "pid": 7}
        self._events, self._ends = events, ends
        self.subscribed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def subscribe(self) -> None:
        self.subscribed = True

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.subscribed
        yield from self._events
        if not self._ends:
            raise KeyboardInterrupt


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Agents to be found one after the other; an error stands for none."""
    found: list[Any] = []

    def connect(*, name: str, start: bool = True) -> Any:
        agent = found.pop(0)
        if isinstance(agent, CustodeError):
            assert not start  # the one that ended was ended by somebody
            raise agent
        return agent

    monkeypatch.setattr(AgentClient, "connect", connect)
    monkeypatch.setattr(watch, "AGAIN_S", 0)
    return found


def test_lines_in_both_languages_until_ctrl_c(custode: Run, lives: list[Any]) -> None:
    said = {}
    for language in ("it", "en"):
        lives.append(
            Agent(
                {"name": "token_inserted", **TOKEN},
                {"name": "gate", "shut": True},
                {"name": "prompt_shown", **NEED, "notify": True},
                {"name": "prompt_taken_down", "key": NEED["key"]},
                {"name": "prompt_taken_down", "key": "never:shown"},
                {"name": "certificate_state", "id_operazione": "OP-7", "state": "active"},
                {"name": "something_new"},
                ends=False,
            )
        )
        ran = custode("watch", "--lang", language)
        assert ran.exit_code == 0
        said[language] = [line.split("  ", 1)[1] for line in ran.stdout.splitlines()]
    assert said["en"] == [
        "Connected to the agent.",
        "Token “FIRMA” (serial 0A12) was inserted: the original.",
        "Days until the certificate expires: 3.  → custode renew",
        "Done with: Days until the certificate expires: 3.",
        "Certificate OP-7: active.",
        "something_new",
    ]
    assert said["it"][1] == "Inserito il token “FIRMA” (numero di serie 0A12): l'originale."
    assert said["it"][4] == "Certificato OP-7: attivo."


def test_an_agent_that_ends_is_waited_for(custode: Run, lives: list[Any]) -> None:
    gone = CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="x")
    lives += [Agent({"name": "gate_opened"}), gone, gone, Agent(ends=False)]
    ran = custode("watch", "--json")
    assert ran.exit_code == 0
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["name"] for event in told] == [
        "agent_connected",
        "gate_opened",
        "agent_ended",
        "agent_connected",
    ]
    assert all(event["at"].endswith("+00:00") for event in told)
    assert told[0]["pid"] == 7


def test_an_agent_of_another_version_ends_it(custode: Run, lives: list[Any]) -> None:
    other = CustodeError(ErrorCode.PROTOCOL_MISMATCH, ours=1, theirs=2)
    lives += [Agent(), other]
    ran = custode("watch")
    assert ran.exit_code == other.exit


def _announced() -> set[str]:
    """Every event name in the domain and the daemon."""
    names = set()
    for package in (custode.domain, custode.daemon):
        for path in Path(str(package.__file__)).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    function, first = node.func, node.args[0]
                    called = getattr(function, "id", None) or getattr(function, "attr", None)
                    if called not in {"Announce", "_announce", "_announced", "_told"}:
                        continue
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        names.add(first.value)
    return names


# What another event tells already.
WITHOUT_A_SENTENCE = {"gate", "prompt_shown", "running_changed", "call_ended"}


def test_every_event_has_a_sentence_that_is_filled_in(custode: Run) -> None:
    names = _announced()
    assert {"token_inserted", "gate_closed", "backup_state", "module_failed"} <= names
    assert not names - set(watch.EVENTS) - WITHOUT_A_SENTENCE
    catalogue.use("en")
    assert catalogue.t(watch.EVENTS["token_removed"], **TOKEN).endswith("was removed.")
