"""`custode snooze`: which need is meant, and what is told."""

import json
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.error_codes import ErrorCode

AB, AC, ONE = "expiry:AB:30", "expiry:AC:7", "unknown_token:Acme/T1/0002"
UNTIL = "2026-03-15T07:00:00Z"


def row(key: str, until: str | None = None) -> dict[str, Any]:
    args = {"days_left": 7} if key.startswith("expiry") else {}
    return {
        "need": key.partition(":")[0],
        "key": key,
        "label": "Second",
        "text_args": args,
        "snoozed_until": until,
    }


@pytest.fixture
def asked(agent: FakeAgent) -> FakeAgent:
    agent.answers["status"] = {"needs": [row(AB), row(AC, UNTIL), row(ONE)]}
    agent.answers["need.snooze"] = lambda params, _talk: {"key": params["key"], "until": UNTIL}
    return agent


def test_what_is_pending_is_listed_with_what_names_it(custode: Run, asked: FakeAgent) -> None:
    lines = custode("snooze").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["Key", AB, AC, "unknown_token"]
    assert lines[2].endswith("15/03/2026 08:00")
    assert lines[1].rstrip().endswith("7.")
    found = json.loads(custode("snooze", "--json").stdout)
    assert [need["key"] for need in found["needs"]] == [AB, AC, ONE]
    asked.answers["status"] = {"needs": []}
    assert custode("snooze", "--lang", "it").stdout == "Non c'è nulla in sospeso.\n"


@pytest.mark.parametrize(
    ("words", "params"),
    [
        (["unknown"], {"key": ONE}),
        ([ONE], {"key": ONE}),
        (["expiry:AC", "--until", "15/03/2026"], {"key": AC, "until": "2026-03-15"}),
        (["expiry:AC:7", "--until", "2026-03-15"], {"key": AC, "until": "2026-03-15"}),
    ],
)
def test_a_need_is_named_by_the_beginning_of_its_key(
    custode: Run, asked: FakeAgent, words: list[str], params: dict[str, str]
) -> None:
    result = custode("snooze", *words)
    assert result.stdout == "You will be reminded on 15/03/2026 08:00.\n"
    assert asked.params("need.snooze") == params


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["expiry"], ErrorCode.USAGE, f"{AB}, {AC}"),
        (["backup"], ErrorCode.NO_SUCH_NEED, "backup"),
        (["--until", "15/03/2026"], ErrorCode.USAGE, "KEY"),
        (["expiry", "--until", "tomorrow"], ErrorCode.USAGE, "tomorrow"),
    ],
)
def test_what_names_nothing_snoozes_nothing(
    custode: Run, asked: FakeAgent, words: list[str], code: ErrorCode, said: str
) -> None:
    result = custode("snooze", *words, "--json")
    error = json.loads(result.stdout)["error"]
    assert error["code"] == code
    assert said in error["message"]
    assert all(method != "need.snooze" for method, _ in asked.calls)
