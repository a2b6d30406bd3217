"""`custode authority`: the counter side, a program of its own that is only started here."""

from __future__ import annotations

import click

from custode.cli.command import make_group
from custode.locale.catalogue import mark

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


@make_group("authority", mark("The counter side: set it up, run it."))
def command() -> None:
    """Hold the subcommands."""


@command.subcommand(
    "init",
    mark("Set up an authority in a folder: its keys, its database.\n\nNeeds --home DIR."),
    context_settings=dict(_PASS_ON),
)
@click.pass_context
def init(ctx: click.Context) -> int:
    """Pass everything on."""
    return _run("init", ctx.args)


@command.subcommand(
    "serve",
    mark("Run an authority in the foreground.\n\nNeeds --home DIR."),
    context_settings=dict(_PASS_ON),
)
@click.pass_context
def serve(ctx: click.Context) -> int:
    """Pass everything on."""
    return _run("serve", ctx.args)


def _run(name: str, args: list[str]) -> int:
    from custode_authority.main import main

    status: int = main([name, *args])
    return status
