"""What the tray shows at a glance: its sign, its first line, what is most urgent, its title.

Computed from `status`, or from why there is none; `None` for both while the agent starts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.needs import Shown, shown
from custode.error_codes import ErrorCode
from custode.locale import moments, words
from custode.locale.catalogue import gettext, mark, t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.errors import CustodeError

    Status = Mapping[str, Any] | None
    Row = Mapping[str, Any]


class Sign(StrEnum):
    """The four things the icon can say."""

    ABSENT = "absent"
    PRESENT = "present"
    ATTENTION = "attention"
    """The person has something to do."""
    TROUBLE = "trouble"
    """Custode cannot do its work."""


class Standing(StrEnum):
    """How much room the icon asks of the panel, which may put a passive one away."""

    PASSIVE = "passive"
    ACTIVE = "active"
    CALLING = "calling"


_NAME_MAX: Final = 40
_NAME: Final = "Custode"

# Which token the first line is about, where several are in.
_FIRST: Final = ("primary", "unknown", "retired", "recognised", "spare", "foreign")
_OURS: Final = frozenset({"primary", "unknown", "recognised", "spare", "retired"})


def sign(status: Status, why: CustodeError | None = None) -> Sign:
    """Which sign stands for that; what presses most comes before what does not work."""
    urgent = pressing(status)
    if urgent is not None and urgent.critical:
        return Sign.ATTENTION
    if trouble(status, why):
        return Sign.TROUBLE
    if urgent is not None:
        return Sign.ATTENTION
    return Sign.PRESENT if inserted(status) else Sign.ABSENT


def standing(status: Status, why: CustodeError | None = None) -> Standing:
    """Calling only for what needs the person; passive, if configured, with nothing inserted."""
    shown = sign(status, why)
    if shown is Sign.ATTENTION:
        return Standing.CALLING
    always = ((status or {}).get("tray") or {}).get("always", True)
    return Standing.PASSIVE if shown is Sign.ABSENT and not always else Standing.ACTIVE


def glyph(status: Status, why: CustodeError | None = None) -> str:
    """How things stand in one character, for where there is no picture."""
    if trouble(status, why):
        return "✕"
    return "●" if inserted(status) else "○"


def headline(status: Status, why: CustodeError | None = None) -> str:
    """Say how things stand, in one line; always something."""
    if status is None and (why is None or why.code is ErrorCode.AGENT_DIED):
        return t("Custode is starting…") if why is None else t("Custode is starting again…")
    rows = inserted(status)
    if said := trouble(status, why):
        return said
    if not rows:
        coming = any(row.get("state") == "identifying" for row in (status or {}).get("cards") or ())
        return t("A token has arrived, it is being read…") if coming else t("No token inserted")
    line = _token(rows[0], status or {})
    if len(rows) > 1:
        line += " " + tn("(and {n} more token)", "(and {n} more tokens)", len(rows) - 1)
    return line


def pressing(status: Status) -> Shown | None:
    """The need that comes first, of those that were not put off."""
    return next((shown(row) for row in _needs(status) if not row.get("snoozed_until")), None)


def progress(status: Status) -> str:
    """How far what runs now is; empty when nothing does."""
    running = (status or {}).get("running") or []
    if not running:
        return ""
    last = running[-1]
    told = gettext(str(last.get("text") or "")) or words.word(words.STEP, last.get("step"))
    return told[:1].upper() + told[1:] + "…"


def title(status: Status, why: CustodeError | None = None) -> str:
    """What is read where the pointer rests on the icon."""
    urgent = pressing(status)
    said = progress(status) or (urgent.title if urgent is not None else headline(status, why))
    return said if said.startswith(_NAME) else f"{_NAME}: {said}"


def trouble(status: Status, why: CustodeError | None = None) -> str:
    """Why Custode cannot do its work; empty when it can, or where a token of ours is at hand."""
    if status is None:
        if why is None or why.code is ErrorCode.AGENT_DIED:  # it is about to be there (again)
            return ""
        return gettext(_AGENT_OF.get(why.code, _CANNOT))
    readers = status.get("readers") or {"ok": True}
    if not readers.get("ok"):
        reason = words.word(words.WHY, readers.get("why"))
        return t("Card readers cannot be seen: {why}", why=reason)
    if any(row.get("state") in _OURS for row in inserted(status)):
        return ""
    return _unseen(status)


def inserted(status: Status) -> list[Row]:
    """Tokens that are here, the one that matters most first."""
    rows = [row for row in (status or {}).get("tokens") or () if row.get("present")]
    return sorted(rows, key=lambda row: _place(str(row.get("state"))))


def _place(state: str) -> int:
    return _FIRST.index(state) if state in _FIRST else len(_FIRST)


def _needs(status: Status) -> list[Row]:
    return list((status or {}).get("needs") or ())


def _unseen(status: Row) -> str:
    """What keeps a token from being seen through its module."""
    for row in status.get("drivers") or ():
        if row.get("unreadable"):
            return t("A token is inserted and cannot be read.")
        if row.get("ok") is False:
            return t("The driver of the token does not work ({module}).", module=row.get("module"))
    for row in status.get("cards") or ():
        if row.get("state") == "unknown":
            return t("The card in “{reader}” is known to no module.", reader=row.get("reader"))
    return ""


def _token(row: Row, status: Row) -> str:
    label = row.get("label") or row.get("serial") or "–"
    if row.get("state") != "primary":
        state = words.word(words.TOKEN, row.get("state"))
        return t("Token inserted: “{label}”, {state}", label=label, state=state)
    who = status.get("identity") or {}
    name = str(who.get("name") or who.get("code") or label)
    if len(name) > _NAME_MAX:  # a line of a menu is not wrapped
        name = name[: _NAME_MAX - 1].rstrip() + "…"
    return t("Original inserted: {name}, {state}", name=name, state=_certificate(row, status))


def _certificate(token: Row, status: Row) -> str:
    """How the certificate of that token stands: the one in use, else the newest request."""
    rows = [row for row in status.get("certificates") or () if _is_on(row, token)]
    row = next((row for row in rows if row.get("original")), rows[-1] if rows else None)
    if row is None:
        return t("no certificate yet")
    day = moments.day(row.get("expires_at"))
    match row.get("state"):
        case "active" if day:
            return t("expires on {day}", day=day)
        case "expired" if day:
            return t("expired on {day}", day=day)
        case state:
            return words.word(words.CERTIFICATE, state)


def _is_on(certificate: Row, token: Row) -> bool:
    named = certificate.get("token") or {}
    return all(named.get(key) == token.get(key) for key in ("manufacturer", "model", "serial"))


_CANNOT: Final = mark("Custode cannot do its work now.")

# Why there is no agent to ask.
_AGENT_OF: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.AGENT_UNAVAILABLE: mark("Custode's agent does not run."),
    ErrorCode.TIMED_OUT: mark("Custode's agent does not answer."),
    ErrorCode.PROTOCOL_MISMATCH: mark("Custode was updated: quit it here, then start it again."),
    ErrorCode.CONFIG_INVALID: mark("Custode's settings cannot be read (config.toml)."),
}
