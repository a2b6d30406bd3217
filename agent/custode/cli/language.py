"""`custode language`: which language the programs speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import argument, make_command, pass_face
from custode.cli.session import call
from custode.locale import catalogue, choice, words
from custode.locale.catalogue import mark, t
from custode.paths import Paths

if TYPE_CHECKING:
    from custode.cli.face import Face


@make_command(
    "language",
    mark(
        "The language of command line, tray and windows: it or en.\n\n"
        "auto follows the system's locale again. Without a word it says which one is in use."
        " Windows that are open change at once."
    ),
)
@argument(
    "language",
    "[it|en|auto]",
    required=False,
    type=click.Choice((*catalogue.LANGUAGES, choice.AUTO)),
)
@pass_face
def command(face: Face, language: str | None) -> None:
    """Show it, or choose it."""
    file = Paths.find().language
    if language is not None:
        call(face, "language.set", {"language": language})
        choice.follow(file)
    face.show({"language": catalogue.current(), "chosen": choice.chosen(file)}, _tell)


def _tell(face: Face, found: dict[str, Any]) -> None:
    name = words.word(words.LANGUAGE, found["language"])
    if found["chosen"] is None:
        face.say(t("Language: {language} (as the system)", language=name))
    else:
        face.say(t("Language: {language}", language=name))
