"""docs/security.md names a test for every attack; each of them exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "security.md"
# backup.md, "Attacks to have a test for": a word of each, in the order of the list.
ATTACKS: Final = (
    "two agents",
    "two copies of a folder",
    "second folder after activation",
    "old folder after renewal",
    "second restore",
    "sent to simpleenroll",
    "replayed",
    "stolen request",
    "refused request",
    "reinstated during the wait",
    "kill -9 between approval",
    "lost machine",
    "fault and theft-without-folder",
    "expiry",
    "100 parallel PIN guesses",
    "garbage requests while active",
    "fake authority in a manifest",
    "registers a successor of his own",
    "rolled-back database",
    "clock forward and back",
    "authority offline",
    "edited container",
    "swapped container",
    "parameters out of range",
    "CRL with hold",
    "restored dump after a grant",
    "recovery key searched in WAL",
    "stick pulled at every write",
    "kill -9 at every step",
    "hostile names in manifest",
    "hostile names in RTF",
    "hostile names in paths",
    "codice fiscale",
    "PIN verifier",
    "core dumps",
)
_TEST: Final = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def _rows() -> dict[str, list[tuple[str, str]]]:
    """The attacks of the table, each with the tests that it names."""
    text = DOCUMENT.read_text("utf-8")
    table = text.partition("## Attacks and their tests")[2].partition("\n## ")[0]
    rows: dict[str, list[tuple[str, str]]] = {}
    for line in table.splitlines():
        if line.startswith("| ") and not line.startswith("| attack |"):
            attack, _, tests = line.strip("| ").partition(" | ")
            rows[attack] = _TEST.findall(tests)
    return rows


@cache
def _tests_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef))


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_has_its_line(attack: str) -> None:
    assert [row for row in _rows() if attack in row], attack


def test_every_test_that_is_named_exists() -> None:
    rows = _rows()
    assert len(rows) >= len(ATTACKS) - 2
    for attack, tests in rows.items():
        assert tests, attack
        for file, name in tests:
            assert name in _tests_of(file), f"{attack}: {file}::{name}"
