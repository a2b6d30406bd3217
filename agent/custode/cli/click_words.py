"""click's own sentences in our catalogue.

click asks gettext's global domain, which wants a compiled file in a system folder; there is no hook
for a catalogue of one's own. So the functions it calls are replaced, in one place, and a test
compares this table with the installed click.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from custode.locale.catalogue import gettext, mark, ngettext

_MODULES: Final = ("core", "exceptions", "formatting", "parser", "types")

WORDS: Final = (
    mark("Options"),
    mark("Commands"),
    mark("Usage:"),
    mark("required"),
    mark("Missing command."),
    mark("Missing argument"),
    mark("Missing option"),
    mark("Invalid value for {param_hint}: {message}"),
    mark("No such option {name!r}."),
    mark("No such command {name!r}."),
    mark("Option {name!r} does not take a value."),
    mark("Choose from:\n\t{choices}"),
    mark("{value} is not in the range {range}."),
    mark("{value!r} is not a valid {number_type}."),
)

COUNTED: Final = (
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    (
        "Option {name!r} requires an argument.",
        "Option {name!r} requires {nargs} arguments.",
    ),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    (
        "{value!r} does not match the format {format}.",
        "{value!r} does not match the formats {formats}.",
    ),
)


def install() -> None:
    """Let click speak our language."""
    for name in _MODULES:
        module = import_module(f"click.{name}")
        for function, ours in (("_", gettext), ("ngettext", ngettext)):
            if hasattr(module, function):
                setattr(module, function, ours)
