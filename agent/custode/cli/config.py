"""`custode config`: every setting and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from custode.cli.command import make_group, pass_face
from custode.cli.session import call
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from custode.cli.face import Face


@make_group("config", mark("The settings."))
def command() -> None:
    """Hold the subcommands."""


@command.subcommand("show", mark("Every setting, its value and where it comes from."))
@pass_face
def show(face: Face) -> None:
    """Show them."""
    face.show(call(face, "config.show"), _tell)


def _tell(face: Face, found: Any) -> None:
    if isinstance(found, dict) and found.get("file"):
        face.say(t("File: {path}", path=found["file"]))
    rows = found.get("settings", []) if isinstance(found, dict) else found
    face.table(
        (t("Setting"), t("Value"), t("From")),
        [
            (
                str(row.get("key")),
                json.dumps(row.get("value"), ensure_ascii=False),
                t("default") if row.get("source") == "default" else str(row.get("source")),
            )
            for row in rows
        ],
    )
