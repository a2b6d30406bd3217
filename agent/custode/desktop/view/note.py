"""A notification as data: what it says, and what its buttons do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.action import window
from custode.desktop.view.needs import DO_NOW, REMIND, shown
from custode.error_codes import ErrorCode
from custode.locale import words
from custode.locale.catalogue import gettext, mark, t

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


LONG_S: Final = 20  # nobody keeps looking at a window for longer
_CALLED_OFF: Final = frozenset({ErrorCode.CANCELLED, ErrorCode.AGENT_STOPPING})
SHORT: Final = 32  # characters of a first line: many desktops cut off what follows

# The first line, by the kind of need, where what the need is called is longer than that.
_FIRST_LINE: Final[Mapping[str, str]] = {
    "last_pin_attempt": mark("Only ONE attempt is left"),
    "cancelled_original_back": mark("This token is no longer valid"),
    "pin_locked": mark("A PIN is locked"),
    "pin_to_be_changed": mark("A PIN has to be changed"),
    "pin_not_set": mark("The token has no PIN yet"),
    "identity_missing": mark("Who is the certificate for?"),
    "install_certificate": mark("Your certificate has arrived"),
    "recovery_export_missing": mark("The authority has no copy"),
    "expiry": mark("Your certificate expires soon"),
    "operation_can_go_on": mark("Something can go on"),
    "spare_key_dead": mark("The token can be freed"),
    "unknown_token": mark("A token not known yet"),
}


def note(row: Mapping[str, Any]) -> Note:
    """Tell one need, a row of `status.needs`: the state, what to do, which token, what comes next.

    It asks for nothing itself: its button opens a window, and only what is done there can ask for
    a PIN.
    """
    need = shown(row)
    first, said = need.title, ""
    if len(need.title) > SHORT and need.kind in _FIRST_LINE:
        first, said = gettext(_FIRST_LINE[need.kind]), need.title
    return Note(
        key=need.key,
        title=first,
        text="\n".join(line for line in (said, need.text, _token(row, need.title)) if line),
        buttons=(
            # Where there is only something to look at, nothing is done.
            Button(need.button if need.action == window("panel") else gettext(DO_NOW), need.action),
            Button(gettext(REMIND), need.snooze),
        ),
        next_step=t("A window opens, and you decide there."),
        without_buttons=t("Open Custode from its icon, then “{button}”.", button=need.button),
        critical=need.critical,
    )


def ended(event: Mapping[str, Any]) -> Note | None:
    """Tell the end of something that took long; None for what somebody has surely waited for.

    `event` is the agent's `call_ended`. What the person called off is no news either.
    """
    what, error = str(event.get("what")), event.get("error")
    kind = what if what in words.DOING else what.rpartition(".")[0]  # csr.create, cancel.run
    if int(event.get("seconds") or 0) < LONG_S or kind not in words.DOING or error in _CALLED_OFF:
        return None
    doing = words.word(words.DOING, kind)
    told = f"{doing[:1].upper()}{doing[1:]}."
    title = t("Custode has finished")
    if error is not None:
        title = t("Something did not succeed")
        told += "\n" + t("Its window says why, and what to do next.")
    return Note(f"ended:{what}", title, told, (Button(t("Open Custode…"), window("panel")),))


def _token(row: Mapping[str, Any], title: str) -> str:
    """Which token it is about: what of that `title` has not said."""
    serial = str((row.get("token") or {}).get("serial") or "")
    if not serial or serial in title:
        return ""
    label = row.get("label") or "–"
    if f"“{label}”" in title:
        return t("Its serial number: {serial}.", serial=serial)
    return t("Token “{label}” (serial {serial}).", label=label, serial=serial)
