"""`custode audit`: the log whose lines hang together (hash chain)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import make_group, option, pass_face
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import moments
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face


@make_group("audit", mark("The audit log: what was done, and that nobody changed it since."))
def command() -> None:
    """Hold the subcommands."""


@command.subcommand("show", mark("The last entries of the log."))
@option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    metavar="N",
    text=mark("How many."),
)
@pass_face
def show(face: Face, limit: int) -> None:
    """Show them."""
    face.show(call(face, "audit.show", {"limit": limit}), _tell_show)


def _tell_show(face: Face, found: Any) -> None:
    rows = found.get("entries", []) if isinstance(found, dict) else found
    for row in rows:
        data = json.dumps(row.get("data") or {}, ensure_ascii=False)
        face.say(f"{row.get('seq')}  {moments.minute(row.get('at'))}  {row.get('name')}  {data}")


@command.subcommand("verify", mark("Check that no entry was changed, removed or put in."))
@pass_face
def verify(face: Face) -> None:
    """Check it."""
    found = call(face, "audit.verify")
    if not found.get("ok", True):
        raise CustodeError(ErrorCode.AUDIT_BROKEN, seq=found.get("first_bad"), why=found.get("why"))
    face.show(found, _tell_verify)


def _tell_verify(face: Face, found: Mapping[str, Any]) -> None:
    face.say(t("The audit log is whole: every entry fits the one before it."))
    entries = found.get("entries")
    face.facts([(t("Entries"), str(entries) if isinstance(entries, int) else "")])
