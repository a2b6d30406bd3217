"""How the errors about backups on spare tokens are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_rows import Row, row

_E = ErrorCode
_NOT_HERE: Final = 31

SPARES: Final[Mapping[ErrorCode, Row]] = {
    _E.BACKUP_ON_TOKEN: row(
        _NOT_HERE,
        (
            (
                "There is nothing to open or restore: the key of this backup lies on token"
                " “{token}” (serial {serial}) and never leaves it."
            ),
            (
                "There is nothing to open or restore: the key of this backup lies on a spare token"
                " and never leaves it."
            ),
        ),
        (
            (
                "When the original is lost, stolen or broken: report it, then"
                " custode backup activate --on-token {serial} --reason REASON"
            ),
            (
                "When the original is lost, stolen or broken: report it, then"
                " custode backup activate --on-token TOKEN --reason REASON"
            ),
        ),
    ),
    _E.NO_BACKUP_ON_TOKEN: row(
        1,
        (
            "Token {token} carries no backup. Nothing was changed.",
            "This token carries no backup. Nothing was changed.",
        ),
        "See `custode backup list` for where your backups are.",
    ),
    _E.SPARE_IS_PRIMARY: row(
        _NOT_HERE,
        (
            (
                "Token {token} carries the original itself: a backup on it would be lost with it."
                " Nothing was changed."
            ),
            "A backup on the original's own token would be lost with it. Nothing was changed.",
        ),
        "Plug in a second token as well, and name that one.",
    ),
    _E.SPARE_TAKEN: row(
        _NOT_HERE,
        (
            "Token {token} already carries the key of backup {backup}. Nothing was changed.",
            "This token already carries the key of a backup. Nothing was changed.",
        ),
        "Use another token, or make that backup void first: custode backup retire ID",
    ),
    _E.NOTHING_TO_CLEAR: row(
        1,
        (
            "Token {token} carries no key of a void backup. Nothing was changed.",
            "This token carries no key of a void backup. Nothing was changed.",
        ),
        "A backup that is still good is made void first: custode backup retire ID",
    ),
}
