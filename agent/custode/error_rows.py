"""The shape of a row of the table of errors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """How one error is told: exit status, message and hint templates, most telling first.

    The first template whose fields all have a value is used; the last one needs no data.
    """

    exit: int
    message: tuple[str, ...]
    hint: tuple[str, ...]


def row(status: int, message: str | tuple[str, ...], hint: str | tuple[str, ...]) -> Row:
    """Build a row; a single template needs no tuple."""
    return Row(
        status,
        (message,) if isinstance(message, str) else message,
        (hint,) if isinstance(hint, str) else hint,
    )
