"""Commands and options whose words are translated when they are shown, not when they are loaded.

click translates through gettext's global domain, at import time for help texts; both would fix the
language before `--lang` is read. Here the English text stays the key until the help is written.
"""

from __future__ import annotations

import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from custode.cli.face import Face
from custode.locale.catalogue import LANGUAGES, mark, t
from custode.release import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

F = TypeVar("F", bound="Callable[..., Any]")

HELP_WIDTH: Final = 100
TOKEN: Final = mark("Serial, label or pkcs11: URI; not needed for just one.")


def _translated(metavar: str | None) -> str | None:
    return t(metavar) if metavar else metavar


class Option(click.Option):
    """An option; `help` and `metavar` are English and looked up when shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        shown = copy.copy(self)
        shown.help, shown.metavar = _translated(self.help), _translated(self.metavar)
        return super(Option, shown).get_help_record(ctx)


class Argument(click.Argument):
    """An argument; its metavar is looked up when shown."""

    def make_metavar(self, *args: Any) -> str:  # click 8.1 passes no context, 8.2 does
        shown = copy.copy(self)
        shown.metavar = _translated(self.metavar)
        return super(Argument, shown).make_metavar(*args)


def _show_help(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        face = ctx.find_object(Face)
        if face is not None and face.json:
            face.emit({"version": VERSION})
        else:
            click.echo(f"custode {VERSION}")
        ctx.exit()


# Accepted before and after the name of the command. `--json` and `--lang` have been read already
# (`main.Root`), because help and errors need them before click gets as far.
_GLOBALS: Final = (
    Option(
        ["--json"],
        is_flag=True,
        expose_value=False,
        help=mark("One JSON document on standard output."),
    ),
    Option(
        ["--lang"],
        type=click.Choice(LANGUAGES),
        expose_value=False,
        help=mark("Language of the answers."),
    ),
    Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help=mark("Show the version and stop."),
    ),
    Option(
        ["-h", "--help"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_help,
        help=mark("Show this help and stop."),
    ),
)


class Command(click.Command):
    """A command; the first line of its help is the summary in the list of commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["add_help_option"] = False  # ours is among _GLOBALS
        super().__init__(*args, **kwargs)
        self.context_settings["max_content_width"] = HELP_WIDTH

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *_GLOBALS]

    def get_short_help_str(self, limit: int = HELP_WIDTH) -> str:
        return t(self.help or "").partition("\n")[0]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(t(self.help or ""))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [
            t(piece) if piece in _USAGE else piece for piece in super().collect_usage_pieces(ctx)
        ]


_USAGE: Final = frozenset({mark("[OPTIONS]"), mark("COMMAND [ARGS]...")})


class Group(Command, click.Group):
    """A group whose commands are loaded when they are called: `lazy` maps name → module.

    The module holds the command under the name `command`.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *(name for name in self.commands if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._lazy and cmd_name not in self.commands:
            loaded = import_module(self._lazy[cmd_name]).command
            self.add_command(loaded, cmd_name)
        return super().get_command(ctx, cmd_name)

    def subcommand(
        self, name: str, text: str, **settings: Any
    ) -> Callable[[Callable[..., Any]], Command]:
        """Make a command of this group; `text` is its English help, the first line the summary."""

        def decorate(function: Callable[..., Any]) -> Command:
            made = click.command(name, cls=Command, help=text, **settings)(function)
            self.add_command(made)
            return made

        return decorate


def make_command(name: str, text: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a command; `text` is its English help, the first line the summary."""
    return click.command(name, cls=Command, help=text)


def make_group(name: str, text: str, **settings: Any) -> Callable[[Callable[..., Any]], Group]:
    """Make a group of commands."""
    return click.group(name, cls=Group, help=text, **settings)


def option(*names: str, text: str, **settings: Any) -> Callable[[F], F]:
    """Add an option; `text` is its English help."""
    return click.option(*names, cls=Option, help=text, **settings)


def argument(name: str, metavar: str, **settings: Any) -> Callable[[F], F]:
    """Add an argument; `metavar` is an English word."""
    return click.argument(name, cls=Argument, metavar=metavar, **settings)


pass_face: Final = click.make_pass_decorator(Face)
