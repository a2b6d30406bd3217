"""`custode language`, and that every command follows what was chosen."""

import json
from pathlib import Path
from typing import Any

from tests.unit.cli.conftest import FakeAgent, Run

from custode.locale import choice
from custode.paths import Paths


def test_it_says_which_language_without_an_agent(custode: Run, home: Path) -> None:
    result = custode("language", "--json")
    assert json.loads(result.stdout) == {"language": "en", "chosen": None}
    assert custode("language").stdout == "Language: English (as the system)\n"
    home.mkdir()
    choice.keep(Paths.find().language, "it")
    assert custode("language").stdout == "Lingua: Italiano\n"
    assert "Mostra questo aiuto" in custode("--help").stdout
    assert "Show this help" in custode("--help", "--lang", "en").stdout  # for one command


def test_choosing_goes_through_the_agent_and_answers_in_that_language(
    custode: Run, agent: FakeAgent
) -> None:
    def chosen(params: dict[str, Any], _talk: object) -> dict[str, Any]:
        word = None if params["language"] == "auto" else params["language"]
        choice.keep(Paths.find().language, word)
        return {"language": word}

    agent.answers["language.set"] = chosen
    assert custode("language", "it").stdout == "Lingua: Italiano\n"
    assert custode("language", "auto").stdout == "Language: English (as the system)\n"
    assert [params["language"] for _, params in agent.calls] == ["it", "auto"]
    assert custode("language", "de").exit_code == 2
