"""The tray's menu as data: what is drawn in it, and what each line leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view import sign
from custode.desktop.view.action import Action, Do, window
from custode.desktop.view.needs import Shown, shown
from custode.locale import moments, words
from custode.locale.catalogue import t
from custode.locale.choice import AUTO
from custode.locale.lines import pin_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.errors import CustodeError

    Status = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Item:
    """One line. `checked` None: it is no choice. `main`: what a click beside the menu does."""

    label: str
    action: Action | None = None
    enabled: bool = True
    checked: bool | None = None
    children: tuple[Item, ...] = ()
    main: bool = False


SEPARATOR: Final = Item("", enabled=False)
Menu = tuple[Item, ...]

_LANGUAGES: Final = (("it", "Italiano"), ("en", "English"))  # each in its own words


def menu(status: Status, why: CustodeError | None = None) -> Menu:
    """Draw the whole menu; without an agent, what needs one cannot be chosen."""
    works = status is not None
    return (
        *_top(status, why),
        SEPARATOR,
        Item(t("Open Custode…"), window("panel"), main=True),
        Item(t("Certificate"), children=_certificate(status), enabled=works),
        Item(t("Utilities"), children=_utilities(works=works)),
        Item(t("Token"), children=_tokens(status)),
        SEPARATOR,
        Item(t("Language"), children=_languages(status), enabled=works),
        Item(t("About"), window("about")),
        Item(t("Quit"), Action(Do.QUIT)),
    )


def _top(status: Status, why: CustodeError | None) -> Menu:
    """State, then the action that is recommended, then what else there is."""
    said = f"{sign.glyph(status, why)} {sign.headline(status, why)}"
    others = _others(status)
    running = sign.progress(status)
    return (
        Item(said, enabled=False),
        *_recommended(status, why),
        *([Item(t("Also to be done"), children=others)] if others else []),
        *([Item(running, window("panel"))] if running else []),
    )


def _recommended(status: Status, why: CustodeError | None) -> Menu:
    """The most urgent need; where nothing works, what finds out why comes with it."""
    lines = []
    if (urgent := sign.pressing(status)) is not None:
        lines.append(Item(f"⚠ {urgent.title}", urgent.action))
    if sign.trouble(status, why):
        lines.append(Item(t("Find out what is wrong…"), window("doctor")))
    return tuple(lines)


def _others(status: Status) -> Menu:
    """Every need but the one that stands on top; those that were put off come last."""
    first = sign.pressing(status)
    rows = sorted((status or {}).get("needs") or (), key=lambda row: bool(row.get("snoozed_until")))
    needs = [(shown(row), moments.day(row.get("snoozed_until"))) for row in rows]
    return tuple(_need(need, until) for need, until in needs if need != first)


def _need(need: Shown, until: str) -> Item:
    label = t("{need} (again on {day})", need=need.title, day=until) if until else need.title
    return Item(label, need.action)


def _certificate(status: Status) -> Menu:
    rows = (status or {}).get("certificates") or ()
    cancellable = any(row.get("cancellable") for row in rows)
    return (
        Item(t("Request…"), window("request")),
        Item(t("Install…"), window("install")),
        Item(t("Renew…"), window("renew")),
        *([Item(t("Cancel…"), window("cancel"))] if cancellable else []),
    )


def _utilities(*, works: bool) -> Menu:
    return (
        Item(t("Save a backup of your certificate…"), window("backup"), works),
        Item(t("Verify a backup…"), window("verify"), works),
        Item(t("Report a loss, theft or fault…"), window("report"), works),
        Item(t("Activate a backup…"), window("activate"), works),
        Item(t("Change PIN…"), window("pin_change"), works),
        Item(t("Unblock PIN…"), window("pin_unblock"), works),
        Item(t("Restore the credentials…"), enabled=False),
        Item(t("Diagnostics…"), window("doctor")),
    )


def _tokens(status: Status) -> Menu:
    """One line for each token here, with how it stands."""
    rows = sign.inserted(status)
    if not rows:
        return (Item(t("No token inserted"), enabled=False),)
    return tuple(Item(_token(row), window("panel")) for row in rows)


def _token(row: Mapping[str, Any]) -> str:
    states = [words.word(words.TOKEN, row.get("state")), *(pin_state(row, r) for r in words.ROLE)]
    named = t(
        "“{label}” (serial {serial})", label=row.get("label") or "–", serial=row.get("serial")
    )
    return f"{named}: {', '.join(state for state in states if state)}"


def _languages(status: Status) -> Menu:
    chosen = ((status or {}).get("agent") or {}).get("language")
    return (
        Item(t("As the computer"), Action(Do.LANGUAGE, AUTO), checked=chosen is None),
        *(
            Item(name, Action(Do.LANGUAGE, code), checked=chosen == code)
            for code, name in _LANGUAGES
        ),
    )
