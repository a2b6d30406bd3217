"""What one run of the command line shows: a JSON document, or text for a person.

Standard output carries the answer and nothing else; progress, warnings and errors go to standard
error, prompts to the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t
from custode.locale.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Face:
    """How this run answers."""

    def __init__(self) -> None:
        self.json = False

    def emit(self, document: Any) -> None:
        """Write one JSON document."""
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))

    def emit_line(self, document: Any) -> None:
        """Write one object of a stream."""
        click.echo(json.dumps(document, ensure_ascii=False))
        sys.stdout.flush()

    def show(self, document: Any, tell: Callable[[Face, Any], None]) -> None:
        """Give the answer: as JSON, or told in sentences by `tell`."""
        if self.json:
            self.emit(document)
        else:
            tell(self, document)

    def say(self, text: str = "", *, bold: bool = False, colour: str | None = None) -> None:
        """Write a line of the answer."""
        click.echo(_styled(printable(text), sys.stdout, bold=bold, colour=colour))

    def flush(self) -> None:
        """Send on what was said: a stream is read while it grows."""
        sys.stdout.flush()

    def note(self, text: str, *, colour: str | None = None) -> None:
        """Write a line beside the answer: progress, a warning, an error."""
        click.echo(_styled(printable(text), sys.stderr, colour=colour), err=True)

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write names and values under each other; rows without a value are left out."""
        told = [(name, value) for name, value in rows if value]
        width = max((len(name) for name, _ in told), default=0)
        for name, value in told:
            self.say(f"{name:<{width}}  {value}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table: drawn on a terminal, plain columns elsewhere."""
        clean = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
        if sys.stdout.isatty():
            _drawn(columns, clean)
            return
        widths = [max(map(len, column)) for column in zip(columns, *clean, strict=True)]
        for row in (columns, *clean):
            self.say("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())

    def can_ask(self) -> bool:
        """Whether somebody sits before it."""
        return sys.stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Ask yes or no on the terminal; no terminal means no.

        :raises CustodeError: CANCELLED for Esc, Ctrl-C and Ctrl-D
        """
        if not self.can_ask():
            return False
        from custode.prompts.terminal import read_answer

        click.echo(f"{printable(question)} [{t('y/N')}] ", err=True, nl=False)
        answer = read_answer(sys.stdin).strip().casefold()
        return bool(answer) and t("yes").startswith(answer)


def _styled(text: str, stream: TextIO, *, bold: bool = False, colour: str | None = None) -> str:
    if (bold or colour) and stream.isatty() and not os.environ.get("NO_COLOR"):
        return click.style(text, bold=bold or None, fg=colour)
    return text


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        # The first column is what people copy into the next command: it stays in one piece.
        table.add_column(Text(column), overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a file's name is no markup
    Console().print(table)


def sure(face: Face, question: str, nothing: str = "") -> None:
    """Go on only when the person says yes; `nothing` says what was not done else.

    :raises CustodeError: CANCELLED for anything else; USAGE when there is nobody to ask
    """
    if not face.can_ask():
        what = t("This has to be confirmed and there is no terminal to ask on; --yes confirms it.")
        raise CustodeError(ErrorCode.USAGE, what=what)
    if not face.confirm(question):
        raise CustodeError(ErrorCode.CANCELLED, nothing=nothing or t("Nothing was done."))
