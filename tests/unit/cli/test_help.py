"""The help of every command, in both languages; and that little is loaded to give an answer."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.unit.cli.conftest import Run

from custode.cli.click_words import _MODULES, COUNTED, WORDS
from custode.cli.main import root

WIDTH = 100


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    yield path
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(_commands(root))


def test_the_commands_are_those_of_this_stage() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        *("", "status", "csr", "request", "certificates", "install", "report", "cancel", "demo"),
        "doctor",
        *("watch", "tray", "renew", "reissue"),
        *("token", "token list", "token init", "token forget"),
        *("token pin", "token pin change", "token pin unblock"),
        *("identity", "identity set", "identity show"),
        *("audit", "audit show", "audit verify", "config", "config show", "agent", "agent stop"),
        *("language", "snooze", "install-desktop", "uninstall-desktop"),
        *("authority", "authority init", "authority serve", "backup"),
        *("authority backup", "authority restore"),
        *(f"backup {name}" for name in ("create", "list", "show", "verify", "retire", "clear")),
        *(f"backup {name}" for name in ("open", "activate", "restore")),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_there_in_both_languages(custode: Run, path: tuple[str, ...]) -> None:
    said = {}
    for language in ("it", "en"):
        result = custode(*path, "--help", "--lang", language)
        assert result.exit_code == 0
        said[language] = result.stdout
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert "None" not in result.stdout
        summary = lines[2].strip()
        assert summary[0].isupper()
        assert "".join(lines).count("--json") == 1
    assert said["en"].startswith(f"Usage: {' '.join(('custode', *path))}")
    assert said["it"].startswith(f"Uso: {' '.join(('custode', *path))}")
    for english in ("Options:", "Usage:", "Commands:", "[required]", "Show this help", "[OPTIONS]"):
        assert english not in said["it"]
    shared = set(said["it"].splitlines()) & set(said["en"].splitlines())
    # What both languages share are names of options and their values, never a sentence.
    assert not {line for line in shared if len(line) > 50 and not line.startswith("  --")}


def test_summaries_are_one_short_line(custode: Run) -> None:
    for language in ("it", "en"):
        listed = custode("--help", "--lang", language).stdout
        assert "..." not in listed.partition("]...")[2]


def test_click_still_says_what_we_translate() -> None:
    sources = "".join(
        Path(str(module.__file__)).read_text()
        for module in (sys.modules[f"click.{name}"] for name in _MODULES)
    )
    compact = "".join(sources.split())
    for sentence in (*WORDS, *(form for pair in COUNTED for form in pair)):
        written = sentence.encode("unicode_escape").decode()
        assert "".join(written.split()) in compact, sentence


def _loaded(statement: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(shown.stdout.split())


def test_status_loads_little() -> None:
    loaded = _loaded("import custode.cli.main, custode.cli.status")
    assert "custode.rpc.client" in loaded
    heavy = {"rich", "cryptography", "httpx", "pkcs11", "asyncio", "msgspec", "sqlite3"}
    assert not heavy & loaded
    assert not {name for name in loaded if name.startswith(("custode.daemon", "custode_drivers"))}
    assert "custode.cli.backup" not in loaded
    assert not {"custode.prompts.asking", "importlib.metadata"} & loaded


def test_what_only_asks_is_loaded_when_somebody_is_asked() -> None:
    loaded = _loaded("import custode.cli.main, custode.cli.csr")
    assert "custode.prompts.sources" in loaded
    assert not {"subprocess", "termios", "traceback", "zoneinfo"} & loaded
