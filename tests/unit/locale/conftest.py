"""Finds every sentence for people in the code: what the catalogue has to hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from custode.cli.click_words import COUNTED
from custode.error_table import msgids
from custode.locale import catalogue

PACKAGE = Path(__file__).resolve().parents[3] / "agent" / "custode"
SINGULAR = {"t", "mark"}


def called(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Calls of plain names in one file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def literals(call: ast.Call, count: int) -> tuple[str, ...]:
    """The first `count` arguments, when they are literal texts."""
    found = [arg.value for arg in call.args[:count] if isinstance(arg, ast.Constant)]
    return tuple(text for text in found if isinstance(text, str))


def every_singular() -> dict[str, str]:
    """msgid → where it stands."""
    found = dict.fromkeys(msgids(), "error_table.py")
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, call in called(path):
            if name in SINGULAR and (text := literals(call, 1)):
                found.setdefault(text[0], str(path.relative_to(PACKAGE)))
    return {sentence: where for sentence, where in found.items() if sentence}


def every_plural() -> dict[tuple[str, ...], str]:
    """Pair of msgids → where it stands."""
    found: dict[tuple[str, ...], str] = dict.fromkeys(COUNTED, "cli/click_words.py")
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, call in called(path):
            if name == "tn":
                found.setdefault(literals(call, 2), str(path.relative_to(PACKAGE)))
    return found


@pytest.fixture(scope="session")
def singular() -> dict[str, str]:
    return every_singular()


@pytest.fixture(scope="session")
def plural() -> dict[tuple[str, ...], str]:
    return every_plural()


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    catalogue.use("en")
