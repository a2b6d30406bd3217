"""Every error a person can meet, each with its exit status and its sentences, in one table.

    CustodeError            carries an ErrorCode and data; travels over JSON-RPC
      (no subclasses: the code says what happened, `ROWS` says how it is told)

A sentence is a list of English templates (gettext msgids): the first one whose fields are all in
the error's data is used, the last one needs no data. The message says what happened and what is
unchanged, the hint what to do next. Exit statuses are those of the command line's contract.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from custode.error_rows import Row

RPC_ERROR: Final = -32000  # JSON-RPC 2.0 §5.1: the server's own range


def fields(template: str) -> frozenset[str]:
    """Names of the data that a template needs."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def choose(templates: Iterable[str], data: Mapping[str, Any]) -> str:
    """First template whose fields all have a value in `data`; the last one has no fields."""
    chosen = ""
    for chosen in templates:
        if all(data.get(name) is not None for name in fields(chosen)):
            break
    return chosen


class CustodeError(Exception):
    """Something did not happen: `code` says what, `data` holds the values. Never a secret."""

    def __init__(self, code: ErrorCode, /, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.data: dict[str, Any] = data

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"CustodeError({self.code.value!r}, {self.data!r})"

    @property
    def exit(self) -> int:
        """Exit status of the command line."""
        return _row(self.code).exit

    @property
    def message_id(self) -> str:
        """English template of what happened: the msgid to translate, then to format with `data`."""
        return choose(_row(self.code).message, self.data)

    @property
    def hint_id(self) -> str:
        """English template of what to do next."""
        return choose(_row(self.code).hint, self.data)

    @property
    def message(self) -> str:
        return self.message_id.format_map(self.data)

    @property
    def hint(self) -> str:
        return self.hint_id.format_map(self.data)


def _row(code: ErrorCode) -> Row:
    from custode.error_table import ROWS  # the table is big: only a process that fails loads it

    return ROWS[code]


def to_rpc(error: CustodeError) -> dict[str, Any]:
    """Error member of a JSON-RPC answer (§5.1)."""
    return {
        "code": RPC_ERROR,
        "message": error.message,
        "data": {
            "code": error.code.value,
            "exit": error.exit,
            "message_id": error.message_id,
            "hint_id": error.hint_id,
            "data": error.data,
        },
    }


def from_rpc(member: Mapping[str, Any]) -> CustodeError:
    """Read an error member; one that is not ours becomes FAILED with the text it came with."""
    inner = member.get("data")
    if isinstance(inner, dict):
        data = inner.get("data")
        known = _known(inner.get("code"))
        if known is not None and isinstance(data, dict):
            return CustodeError(known, **data)
    return CustodeError(ErrorCode.FAILED, why=str(member.get("message", "?")))


def from_child(code: str, data: Mapping[str, Any]) -> CustodeError:
    """Error of a token worker or job worker; their codes are ours by name.

    A refusal of the authority that a job passes on (`problem`, `detail`) becomes the error of its
    problem code. A code that nobody knows keeps its name and number (PKCS #11 v3.1: CKR_…) and is
    FAILED.
    """
    problem = data.get("problem")
    if code == ErrorCode.AUTHORITY_REFUSED and isinstance(problem, str):
        return from_problem(problem, str(data.get("detail") or ""), data)
    known = _known(code)
    if known is not None:
        return CustodeError(known, **data)
    kept = {key: value for key, value in data.items() if key in _OF_PINS}
    detail = ", ".join(f"{key}={value}" for key, value in data.items() if key not in _OF_PINS)
    return CustodeError(ErrorCode.FAILED, why=f"{code} ({detail})" if detail else code, **kept)


def from_problem(problem: str, text: str, data: Mapping[str, Any] | None = None) -> CustodeError:
    """Refusal of the authority (RFC 9457): its stable code and its text stay in the data."""
    told = {**(data or {}), "problem": problem, "text": text or None}
    return CustodeError(_known(_PROBLEM_NAMES.get(problem, problem)) or _REFUSED, **told)


_REFUSED: Final = ErrorCode.AUTHORITY_REFUSED

_OF_PINS: Final = frozenset({"accepted"})  # whose PINs were right: for whoever counts tries

# Codes of the authority whose names are too general to stand alone, or mean one of ours.
_PROBLEM_NAMES: Final = {
    "malformed": ErrorCode.AUTHORITY_REFUSED.value,
    "forbidden": ErrorCode.AUTHORITY_REFUSED.value,
    "not_found": ErrorCode.UNKNOWN_TO_AUTHORITY.value,
    "internal": ErrorCode.AUTHORITY_UNAVAILABLE.value,
}


def _known(code: object) -> ErrorCode | None:
    try:
        return ErrorCode(code) if isinstance(code, str) else None
    except ValueError:
        return None
