"""A notification as data: what it says, and what its buttons do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from custode.desktop.view.needs import DO_NOW, REMIND, shown
from custode.locale.catalogue import gettext, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.desktop.view.action import Action


@dataclass(frozen=True, slots=True)
class Button:
    """One button; the first of a notification is also what a click beside them does."""

    label: str
    action: Action


@dataclass(frozen=True, slots=True)
class Note:
    """One notification; `key` names it, so that another with the same key takes its place.

    After `text` stands `next_step` where there are buttons, else `without_buttons`: some desktops
    show none. `critical`: it stays until somebody has seen it.
    """

    key: str
    title: str
    text: str
    buttons: tuple[Button, ...] = ()
    next_step: str = ""
    without_buttons: str = ""
    critical: bool = False


def note(row: Mapping[str, Any]) -> Note:
    """Tell one need, a row of `status.needs`: the state, what to do, which token, what comes next.

    It asks for nothing itself: its button opens a window, and only what is done there can ask for
    a PIN.
    """
    need = shown(row)
    return Note(
        key=need.key,
        title=need.title,
        text="\n".join(line for line in (need.text, _token(row, need.title)) if line),
        buttons=(
            Button(gettext(DO_NOW), need.action),
            Button(gettext(REMIND), need.snooze),
        ),
        next_step=t("A window opens: nothing changes before you confirm it there."),
        without_buttons=t("Open Custode from its icon, then “{button}”.", button=need.button),
        critical=need.critical,
    )


def _token(row: Mapping[str, Any], title: str) -> str:
    """Which token it is about: what of that the title has not said."""
    serial = str((row.get("token") or {}).get("serial") or "")
    if not serial or serial in title:
        return ""
    label = row.get("label") or "–"
    if f"“{label}”" in title:
        return t("Its serial number: {serial}.", serial=serial)
    return t("Token “{label}” (serial {serial}).", label=label, serial=serial)
