"""What the panel shows: how everything stands, the most urgent first, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view import failure, sign
from custode.desktop.view.action import Action, window
from custode.desktop.view.choosing import about
from custode.desktop.view.needs import Shown, shown
from custode.locale import lines, moments, words
from custode.locale.catalogue import gettext, t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from custode.errors import CustodeError

    Row = Mapping[str, Any]

RED: Final = "backup_missing"
_SOON: Final = 30  # days left from which on the bar warns
_NOW: Final = 7
_OVER: Final = frozenset({"cancelled", "rejected", "retired", "restored"})
_NO_BACKUP: Final = _OVER | {"reserved"}  # begun, and good for nothing until it is finished


@dataclass(frozen=True, slots=True)
class Pending:
    """A need in the list; `reminded`: when it comes back, of one that was put off."""

    need: Shown
    reminded: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: its name, what is to be known of it, its state as a chip (`look`: the sheet's)."""

    title: str
    text: str
    chip: str = ""
    look: str = "chip"


@dataclass(frozen=True, slots=True)
class Validity:
    """The certificate and the time it has left. `percent` None: nothing to be drawn."""

    line: Line
    left: str = ""
    percent: int | None = None
    level: str = "good"


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not work, what that means, and what finds out more."""

    title: str
    text: str
    button: str
    action: Action
    serious: bool = True


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a backup may be used, in one sentence; `why`: there is more to be told."""

    sentence: str
    good: bool
    why: bool


def who(status: Row) -> tuple[str, str]:
    """Whose certificates these are: the name, and what else is known of them."""
    identity = status.get("identity")
    if not identity:
        return t("Custode"), t("Takes care of the certificates on your tokens.")
    name = str(identity.get("name") or identity.get("code"))
    rest = [identity.get("codice_fiscale"), identity.get("code")]
    return name, " · ".join(str(part) for part in rest if part and part != name)


def pending(status: Row) -> tuple[Pending, ...]:
    """Every need, those that were put off too, last."""
    found = [
        Pending(shown(row), moments.minute(row.get("snoozed_until")))
        for row in status.get("needs") or ()
    ]
    return tuple(sorted(found, key=lambda one: bool(one.reminded)))


def tokens(status: Row) -> tuple[Line, ...]:
    """Tokens that are here, and the original where it is not."""
    rows = status.get("tokens") or ()
    here = [_token(row) for row in rows if row.get("present")]
    away = [
        Line(_label(row), about(row), t("not inserted"))
        for row in rows
        if not row.get("present") and row.get("state") == "primary"
    ]
    return (*here, *away)


_TOKEN_LOOK: Final = {"primary": "goodChip", "retired": "dangerChip"}


def _token(row: Row) -> Line:
    troubled = next(filter(None, (lines.pin_state(row, role) for role in words.ROLE)), "")
    state = str(row.get("state"))
    pin = troubled or (
        t("PIN in order") if row.get("user_pin_initialized", True) else t("without a PIN")
    )
    text = " · ".join((t("Serial {serial}", serial=row.get("serial") or "–"), pin))
    chip = words.word(words.TOKEN, state)
    return Line(_label(row), text, chip, _TOKEN_LOOK.get(state, "chip"))


def _label(row: Row) -> str:
    return str(row.get("label") or row.get("model") or "–")


_CERTIFICATE_LOOK: Final = {
    "active": "goodChip",
    "suspended": "warningChip",
    "expired": "dangerChip",
    "cancelled": "dangerChip",
    "rejected": "dangerChip",
}


def certificate(status: Row, now: datetime | None = None) -> Validity | None:
    """The one in use, else what comes nearest to it; None: none was ever asked for."""
    rows = list(status.get("certificates") or ())
    alive = [row for row in rows if row.get("state") not in _OVER]
    row = next((row for row in rows if row.get("original")), None)
    row = row or (alive or rows)[-1] if rows else None
    if row is None:
        return None
    state = str(row.get("state"))
    chip, look = words.word(words.CERTIFICATE, state), _CERTIFICATE_LOOK.get(state, "chip")
    named = t("Operation {id_operazione}", id_operazione=row.get("id_operazione") or "–")
    expires = moments.parse(row.get("expires_at"))
    if expires is None or state not in {"active", "suspended", "expired"}:
        return Validity(Line(named, _of_request(state), chip, look))
    text = t("Valid until {day}", day=moments.day(row["expires_at"]))
    today = moments.today(now)
    left = (moments.local(expires) - today).days
    percent = None
    if (asked := moments.parse(row.get("requested_at"))) is not None:
        whole = max(1, (moments.local(expires) - moments.local(asked)).days)
        percent = max(0, min(100, round(100 * left / whole)))
    level = "low" if left <= _NOW else "middle" if left <= _SOON else "good"
    said = moments.time_left(row["expires_at"], now)
    return Validity(Line(named, text, chip, look), said, percent, level)


def _of_request(state: str) -> str:
    if state in {"requested", "generating"}:
        return t("Custode asks for it by itself and tells you when it has arrived.")
    return t("It is over: for your work you need a new one.") if state in _OVER else ""


_BACKUP_LOOK: Final = {
    "registered": "goodChip",
    "locked": "dangerChip",
    "requested": "warningChip",
    "approved": "warningChip",
    "collected": "warningChip",
}


def backups(status: Row) -> tuple[Line, ...]:
    """Backups that are good for something, newest first; else the last one."""
    rows = list(status.get("backups") or ())
    alive = [row for row in rows if row.get("state") not in _OVER] or rows[-1:]
    return tuple(_backup(row) for row in reversed(alive))


def _backup(row: Row) -> Line:
    state = str(row.get("state"))
    on_token = row.get("place") == "token"
    title = lines.where(row) if on_token else str(row.get("folder_name") or t("Backup"))
    made = t("Made on {day}", day=moments.day(row.get("created_at")) or "–")
    where = "" if on_token else str(row.get("folder_path") or "")
    text = " · ".join(part for part in (made, where) if part)
    return Line(
        title[:1].upper() + title[1:],
        text,
        words.word(words.BACKUP, state),
        _BACKUP_LOOK.get(state, "chip"),
    )


_CLOSED_BY_ORIGINAL: Final = frozenset({"original_present", "original_active"})


def gate(status: Row) -> Gate | None:
    """May a backup be used now; None where there is none."""
    if not any(row.get("state") not in _NO_BACKUP for row in status.get("backups") or ()):
        return None
    told = status.get("gate") or {}
    if told.get("allowed"):
        return Gate(t("The backup may be used now."), good=True, why=False)
    reasons = list(told.get("reasons") or ())
    if {row.get("code") for row in reasons} & _CLOSED_BY_ORIGINAL:
        ready = t("The backup is ready, and stays closed while the original is active.")
        return Gate(ready, good=True, why=True)
    said = words.gate_reason(reasons[0])[0] if reasons else ""
    return Gate(" ".join((t("The backup cannot be used now:"), said)), good=False, why=True)


def running(status: Row) -> tuple[tuple[str, str], ...]:
    """What the agent is doing now, and how far it is."""
    return tuple(
        (
            _sentence(words.word(words.DOING, row.get("what"))),
            _sentence(gettext(str(row.get("text") or "")) or words.word(words.STEP, row["step"])),
        )
        for row in status.get("running") or ()
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def coming(why: CustodeError | None) -> str:
    """What is waited for while there is no agent; empty when it cannot be had."""
    return "" if why is not None and sign.trouble(None, why) else sign.headline(None, why)


def all_is_well(status: Row, why: CustodeError | None) -> bool:
    """Nothing is missing, nothing presses, nothing is broken."""
    good = gate(status)
    return (
        not status.get("needs")
        and not problems(status, why)
        and good is not None
        and good.good
        and any(row.get("state") == "registered" for row in status.get("backups") or ())
    )


def problems(status: Row, why: CustodeError | None) -> tuple[Problem, ...]:
    """What keeps Custode from its work, with what to do."""
    doctor, diagnosis = window("doctor"), t("Diagnosis…")
    if why is not None and not sign.trouble(None, why):
        return ()  # it is about to be there again
    if why is not None:
        told = failure.tell(why)
        return (Problem(told.message, told.hint, diagnosis, doctor),)
    found = []
    readers = status.get("readers") or {"ok": True}
    if not readers.get("ok"):
        reason = words.word(words.WHY, readers.get("why"))
        title = t("Card readers cannot be seen: {why}", why=reason)
        found.append((title, t("A card that is inserted does not show here until then.")))
    found += filter(None, map(_driver, status.get("drivers") or ()))
    found += [
        (
            t("The card in “{reader}” is known to no module.", reader=row.get("reader")),
            t("The diagnosis says which driver it needs."),
        )
        for row in status.get("cards") or ()
        if row.get("state") == "unknown"
    ]
    if (status.get("config") or {}).get("modules_changed"):
        title = t("Other drivers are named in the settings now.")
        found.append((title, t("Leave Custode and start it again, so that they are used.")))
    here = [Problem(title, text, diagnosis, doctor) for title, text in found]
    return (*here, *_of_authority(status))


def _driver(row: Row) -> tuple[str, str] | None:
    if row.get("held_by"):
        title = t("Another program holds the card: {by}", by=row["held_by"])
        return title, t("Close it, or wait until it has finished.")
    if row.get("unreadable"):
        return t("A token is inserted and cannot be read."), t("Take it out and insert it again.")
    if row.get("ok") is False:
        title = t("The driver of the token does not work ({module}).", module=row.get("module"))
        return title, t("Tokens that need it do not show here until then.")
    return None


def _of_authority(status: Row) -> tuple[Problem, ...]:
    authority = status.get("authority") or {}
    if authority.get("reachable") is not False or not status.get("identity"):
        return ()
    return (
        Problem(
            t("The authority does not answer."),
            t("Requests, backups and activations go on as soon as it does."),
            t("Diagnosis…"),
            window("doctor"),
            serious=False,
        ),
    )


def broken(count: int) -> str:
    """How many things do not work."""
    return tn("{n} thing does not work", "{n} things do not work", count)


def more(count: int) -> str:
    """How many things are pending."""
    return tn("{n} thing to do", "{n} things to do", count)
