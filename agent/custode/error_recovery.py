"""How the errors of the embedded authority's recovery export are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_rows import Row, row

_E = ErrorCode

RECOVERY: Final[Mapping[ErrorCode, Row]] = {
    _E.EXPORT_INVALID: row(
        30,
        (
            "{path} is not a recovery export, or it is damaged. Nothing was changed.",
            "This is not a recovery export, or it is damaged. Nothing was changed.",
        ),
        "Use another copy of the export.",
    ),
    _E.EXPORT_OF_ANOTHER: row(
        30,
        (
            "{path} is not the export of the authority used here. Nothing was changed.",
            "This is the export of another authority. Nothing was changed.",
        ),
        "Use the right export. To change to that authority all the same: --replace",
    ),
    _E.EXPORT_PIN_WRONG: row(
        12,
        "The PIN does not open the recovery export. Nothing was changed.",
        "Run the command again with the PIN that was chosen when the export was made.",
    ),
    _E.EXPORT_PIN_WEAK: row(
        12,
        (
            "The PIN of an export has {min} to {max} printable ASCII characters.",
            "The PIN of the export is too short, or holds characters that it cannot have.",
        ),
        "Choose a longer one. Nothing was saved.",
    ),
    _E.EXPORT_TOO_LARGE: row(
        1,
        (
            "The authority is too large for an export: at most {max} bytes.",
            "The authority is too large for an export.",
        ),
        "Nothing was saved. Tell support.",
    ),
    _E.AUTHORITY_LOST: row(
        20,
        (
            "The authority of this computer is gone: there is nothing in {path}.",
            "The authority of this computer is gone.",
        ),
        "Bring it back from its recovery export: custode authority restore FILE",
    ),
    _E.AUTHORITY_EXISTS: row(
        1,
        (
            "There is an authority in {path}. It was left as it is.",
            "There is an authority already. It was left as it is.",
        ),
        "To put the export in its place (it is moved aside, not deleted): --replace",
    ),
    _E.AUTHORITY_SERVED: row(
        1,
        (
            "The authority in {path} is running. Nothing was changed.",
            "The authority is running. Nothing was changed.",
        ),
        "Stop it first, then run the command again.",
    ),
    _E.AUTHORITY_BROKEN: row(
        30,
        (
            "The authority in {path} cannot be read: {why}. Nothing was saved.",
            "The authority's files cannot be read. Nothing was saved.",
        ),
        "If it does not work any more either, bring it back: custode authority restore FILE",
    ),
    _E.AUTHORITY_ELSEWHERE: row(
        2,
        (
            "The authority used here is elsewhere: {address}. There is nothing of it to export.",
            "The authority used here is elsewhere. There is nothing of it to export.",
        ),
        "Whoever runs it takes care of that.",
    ),
}
