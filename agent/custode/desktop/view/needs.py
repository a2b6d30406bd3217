"""A need as the desktop shows it: what it is, why it matters, and the button that leads on.

The panel, the menu and the notifications all take it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.action import Action, Do, window
from custode.locale import words
from custode.locale.catalogue import gettext, mark, t, tn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One need: it makes sense without its button too (some notifications show none)."""

    key: str
    kind: str
    title: str
    text: str
    button: str
    action: Action
    critical: bool = False

    @property
    def snooze(self) -> Action:
        """What *Remind me tomorrow* does."""
        return Action(Do.SNOOZE, self.key)


# What to know about it, and what the button that leads on says.
_TOLD: Final[Mapping[str, tuple[str, str]]] = {
    "last_pin_attempt": (
        mark("Look it up before you type it again: a wrong one locks it."),
        mark("Set a new PIN…"),
    ),
    "cancelled_original_back": (
        mark("Keep it out of use: another certificate has taken its place."),
        mark("Show…"),
    ),
    "pin_locked": (
        mark("With the token's PUK (SO PIN) you can give it a new PIN."),
        mark("Unblock the PIN…"),
    ),
    "pin_to_be_changed": (
        mark("The token asks for it once; then all is as before."),
        mark("Change the PIN…"),
    ),
    "pin_not_set": (mark("Prepare it for use: you choose its PIN."), mark("Prepare the token…")),
    "identity_missing": (
        mark("Tell it once: code, codice fiscale and name."),
        mark("Say who you are…"),
    ),
    "install_certificate": (
        mark("After that you can work with it, and make its backup."),
        mark("Install the certificate…"),
    ),
    "backup_missing": (
        mark("If the token is lost, stolen or broken, only a backup brings your certificate back."),
        mark("Save a backup…"),
    ),
    "recovery_export_missing": (
        mark("If this computer breaks, your backups could not be activated any more."),
        mark("Save the authority…"),
    ),
    "expiry": (mark("Renew it in time: the token and its PIN stay the same."), mark("Renew…")),
    "operation_can_go_on": (mark("It goes on from where it stopped."), mark("Go on…")),
    "spare_key_dead": (
        mark("Have it destroyed, so that the token may serve again."),
        mark("Free the token…"),
    ),
    "unknown_token": (
        mark("With it you can ask for a certificate."),
        mark("Ask for a certificate…"),
    ),
}
_EXPIRED: Final = (mark("Ask for a new one to go on working."), mark("Ask for a certificate…"))
_SHOW: Final = mark("Show…")

# The two buttons of a notification; the panel's rows have the second one too.
DO_NOW: Final = mark("Do it now…")
REMIND: Final = mark("Remind me tomorrow")


def shown(row: Mapping[str, Any]) -> Shown:
    """Tell one row of `status.needs`; one that nobody knows leads to the panel."""
    kind = str(row.get("need") or "")
    args: Args = row.get("text_args") or {}
    text, button = _TOLD.get(kind, ("", _SHOW))
    title = words.need(row)[0]
    action = _ACTIONS.get(kind, _panel)(row, args)
    if kind == "expiry":
        left = int(args.get("days_left") or 0)
        title = expiry(left)
        text, button = _EXPIRED if left < 0 else (text, button)
    elif action.name == "panel":
        button = _SHOW
    return Shown(
        key=str(row.get("key") or kind),
        kind=kind,
        title=title,
        text=gettext(text),
        button=gettext(button),
        action=action,
        critical=bool(row.get("critical")),
    )


def all_shown(status: Mapping[str, Any]) -> tuple[Shown, ...]:
    """Every need of a `status`, most urgent first."""
    return tuple(shown(row) for row in status.get("needs") or ())


def expiry(days_left: int) -> str:
    """Say when the certificate expires, or that it has."""
    if days_left < 0:
        return t("Your certificate has expired.")
    if days_left == 0:
        return t("Your certificate expires today.")
    return tn(
        "Your certificate expires in {n} day.", "Your certificate expires in {n} days.", days_left
    )


def _serial(row: Args) -> str:
    return str((row.get("token") or {}).get("serial") or "")


def _panel(_row: Args, _args: Args) -> Action:
    return window("panel")


def _new_pin(row: Args, args: Args) -> Action:
    """The PUK sets a new PIN; nothing sets a new PUK."""
    if args.get("role") != "user":
        return window("panel")
    return window("pin_unblock", token=_serial(row))


def _expiry(_row: Args, args: Args) -> Action:
    return window("request" if int(args.get("days_left") or 0) < 0 else "renew")


# What goes on, by the kind of the operation that was begun: the window, and what names it.
_GOES_ON: Final[Mapping[str, tuple[str, str]]] = {
    "identity.set": ("first_run", ""),
    "token.init": ("token_init", "token"),
    "csr": ("request", ""),
    "request": ("request", ""),
    "install": ("install", ""),
    "renew": ("renew", ""),
    "reissue": ("reissue", "token"),
    "backup.create": ("backup", ""),
    "spare.create": ("backup", "spare"),
    "backup.activate": ("activate", "folder"),
    "backup.collect": ("activate", "folder"),
    "spare.activate": ("activate", "spare"),
    "backup.restore": ("restore", "folder"),
    "cancel": ("cancel", ""),
}


def _go_on(row: Args, args: Args) -> Action:
    name, named_by = _GOES_ON.get(str(args.get("what")), ("panel", ""))
    known = {"folder": args.get("folder"), "spare": _serial(row), "token": _serial(row)}
    given = {named_by: known[named_by]} if named_by else {}
    return window(name, backup_id=args.get("backup_id"), **given)


_ACTIONS: Final[Mapping[str, Callable[[Args, Args], Action]]] = {
    "last_pin_attempt": _new_pin,
    "pin_locked": _new_pin,
    "pin_to_be_changed": lambda row, args: window(
        "pin_change", token=_serial(row), role=args.get("role")
    ),
    "pin_not_set": lambda row, _args: window("token_init", token=_serial(row)),
    "identity_missing": lambda _row, _args: window("first_run"),
    "install_certificate": lambda _row, args: window(
        "install", id_operazione=args.get("id_operazione")
    ),
    "backup_missing": lambda _row, args: window("backup", spare=args.get("spare")),
    "recovery_export_missing": lambda _row, _args: window("authority_copy"),
    "expiry": _expiry,
    "operation_can_go_on": _go_on,
    "spare_key_dead": lambda row, _args: window("free_spare", token=_serial(row)),
    "unknown_token": lambda row, _args: window("request", token=_serial(row)),
}
