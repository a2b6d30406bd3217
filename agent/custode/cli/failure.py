"""How a failure is told: `error`, then `hint`, and the same as JSON. Exit statuses: cli.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t
from custode.locale.failures import reasons, translated
from custode.prompts.literal import LITERAL_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

_SECRETS: Final = frozenset(
    {"--pin", "--spare-pin", "--new-pin", "--so-pin", "--backup-pin", "--export-pin", "--password"}
)


def tell(face: Face, error: CustodeError) -> int:
    """Tell the error on standard error (and as JSON); give the exit status."""
    message, hint = translated(error)
    # These two prefixes are the contract of cli.md: the same in both languages.
    face.note(f"custode: error: {message}", colour="red")
    for reason in reason_lines(error.data):
        face.note(reason)
    if hint:
        face.note(f"custode: hint: {hint}")
    if face.json:
        document = {
            "code": error.code.value,
            "exit": error.exit,
            "message": message,
            "hint": hint,
            "data": error.data,
        }
        face.emit({"error": document})
    return error.exit


def reason_lines(data: Mapping[str, Any]) -> list[str]:
    """Every reason of a closed gate, each with what would change it."""
    lines = []
    for fact, remedy in reasons(data):
        lines.append(f"  – {fact}")
        if remedy:
            lines.append(f"    {t('What would change it: {remedy}', remedy=remedy)}")
    return lines


def tell_gate(face: Face, gate: Mapping[str, Any]) -> None:
    """Say whether a backup may be used, with every reason why not."""
    if gate.get("allowed"):
        face.say(t("The backup may be used now."))
        return
    face.say(t("The backup cannot be used now:"))
    for line in reason_lines(gate):
        face.say(line)


def of_usage(error: click.UsageError) -> CustodeError:
    """Our error for one of click's."""
    if isinstance(error, click.NoSuchOption) and error.option_name in _SECRETS:
        return CustodeError(ErrorCode.USAGE, what=t(LITERAL_SECRET))
    command = None if error.ctx is None else error.ctx.command_path
    return CustodeError(ErrorCode.USAGE, what=error.format_message(), command=command)
