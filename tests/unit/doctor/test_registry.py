"""Every check is registered once, has its sentences in both languages, and stands in the docs."""

from __future__ import annotations

import re
import shlex
import string
from pathlib import Path

import pytest

from custode.doctor.registry import REGISTRY
from custode.doctor.table import lines
from custode.locale import catalogue, diagnosis, words
from custode_drivers.api.checks import ALWAYS, Check, Finding, Outcome, Registry

ROOT = Path(__file__).resolve().parents[3]
CODES = [(check, code) for check in REGISTRY for code in check.says]


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_the_words_are_those_of_the_registered_codes() -> None:
    assert set(diagnosis.TITLE) == {check.id for check in REGISTRY}
    for check in REGISTRY:
        assert set(diagnosis.ROWS[check.id]) == set(check.says), check.id
    assert set(diagnosis.ALWAYS) == set(ALWAYS)


@pytest.mark.parametrize(("check", "code"), CODES, ids=[f"{c.id}-{code}" for c, code in CODES])
def test_a_fault_has_one_remedy_and_nothing_else_has(check: Check[object], code: str) -> None:
    row = diagnosis.row(check.id, code)
    remedies = [one for one in (row.command, row.step) if one]
    if (check.id, code) == ("agent.journal", "left"):  # by the operation: `words.GO_ON`
        assert not remedies
        assert all(diagnosis.tell(check.id, code, {"what": kind}).step for kind in words.GO_ON)
    else:
        assert len(remedies) == (check.says[code] is Outcome.FAIL)
    assert not re.search(r"['\"]\{|\}['\"]", row.command)  # values are quoted when they are put in


def test_a_command_quotes_its_values_and_is_the_same_in_italian() -> None:
    path = "/home/it's me/a b"
    catalogue.use("it")
    try:
        told = diagnosis.tell("agent.files", "open", {"path": path, "mode": "0644"})
    finally:
        catalogue.use("en")
    assert shlex.split(told.command) == ["chmod", "go-rwx", path]
    assert told.what == f"altri possono leggere {path} (permessi 0644)"


def test_a_command_whose_value_is_missing_is_not_told() -> None:
    assert not diagnosis.tell("agent.files", "open", {"mode": "0644"}).command


def test_ids_are_told_apart() -> None:
    check: Check[object] = Check("a.b", lambda _case, _subject: [Finding("fine")], {})
    with pytest.raises(ValueError, match="same id"):
        Registry(check, check)


def test_the_document_holds_the_table() -> None:
    document = (ROOT / "docs" / "doctor.md").read_text()
    assert document.partition("## Checks\n\n")[2] == "\n".join(lines())
