"""Every command that takes a token takes its pkcs11: URI, and hands it on as it was typed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import click
import pytest

from custode.cli.main import root

from .conftest import FakeAgent, Run

URI: Final = "pkcs11:model=YK5;serial=1001;id=%01;type=cert?module-name=ykcs11"

# How the rest of each command is filled in; a command that takes a token and is not here fails.
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "backup activate": ("--reason", "lost"),
    "backup clear": ("--yes",),
    "backup create": (),
    "backup open": ("{folder}",),
    "backup restore": ("{folder}",),
    "csr": ("--out", "{folder}/new.csr"),
    "install": (),
    "reissue": ("--yes",),
    "token forget": ("--yes",),
    "token init": (),
    "token pin change": (),
    "token pin unblock": (),
}


def taking(group: click.Group, *path: str) -> Iterator[tuple[str, click.Parameter]]:
    """Commands below a group with the parameter that names a token."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from taking(command, *path, name)
            continue
        for one in command.params:
            if one.metavar == "TOKEN":
                yield " ".join((*path, name)), one


COMMANDS: Final = dict(taking(root))


def test_the_table_names_every_command_that_takes_a_token() -> None:
    assert set(COMMANDS) == set(WORDS)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_uri_names_the_token(name: str, custode: Run, agent: FakeAgent, tmp_path: Any) -> None:
    (tmp_path / "folder").mkdir()
    rest = [word.format(folder=tmp_path / "folder") for word in WORDS[name]]
    parameter = COMMANDS[name]
    named = [URI] if isinstance(parameter, click.Argument) else [parameter.opts[0], URI]
    agent.answers = defaultdict(dict)
    custode(*name.split(), *named, *rest)
    given = [value for _, params in agent.calls for value in params.values()]
    assert URI in given, agent.calls
