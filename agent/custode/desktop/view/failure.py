"""An error as a window tells it: what happened, what to do next, and the button that does it.

The sentences of the errors name commands; a window has none, so what to do next stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from custode.desktop.view import gate
from custode.desktop.view.action import Action, window
from custode.error_codes import ErrorCode
from custode.locale import failures
from custode.locale.catalogue import fill, gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.errors import CustodeError

_E = ErrorCode


@dataclass(frozen=True, slots=True)
class Told:
    """One error; `reasons` are those of a closed gate.

    `last_attempt`: the agent sends a PIN only after an explicit yes to its last try. `cancelled`:
    the person gave it up, so that it is no fault.
    """

    code: ErrorCode
    message: str
    hint: str
    reasons: tuple[str, ...] = ()
    button: str = ""
    action: Action | None = None
    last_attempt: bool = False
    cancelled: bool = False


_AGAIN: Final = mark("Try again.")
_CHECK: Final = mark("Try again; if it happens again, look at the diagnosis.")
_PANEL: Final = mark("Look in Custode's main window.")
_TOKENS: Final = mark("Insert the right token and try again.")
_REISSUE: Final = mark("Ask for a re-issue: a new certificate and a new PIN.")
_NEW_REQUEST: Final = mark("Ask for a new certificate.")

# What to do next, where the table of errors names a command; and the window that does it.
_NEXT: Final[Mapping[ErrorCode, tuple[str, str]]] = {
    _E.USAGE: (mark("Look over what you entered, and try again."), ""),
    _E.CANCELLED: (mark("You can go on whenever you like."), ""),
    _E.TIMED_OUT: (_CHECK, "doctor"),
    _E.CONFIG_INVALID: (mark("Correct it there, then try again."), ""),
    _E.NOT_SUPPORTED: (mark("Use another token, or the program of the token's maker."), ""),
    _E.AGENT_UNAVAILABLE: (mark("The diagnosis says what is wrong."), "doctor"),
    _E.AGENT_DIED: (mark("Look at what is done already, then try again."), "panel"),
    _E.AGENT_STOPPING: (_AGAIN, ""),
    _E.SOCKETS_HELD: (mark("Whoever looks after this computer can start it."), ""),
    _E.PART_MISSING: (mark("Have it installed, then try again."), ""),
    _E.SECRET_UNANSWERED: (mark("Try again when you have time for it."), ""),
    _E.SECRET_MISSING: (mark("Try again and type it."), ""),
    _E.JOB_FAILED: (mark("Try again; what was done already is not done twice."), ""),
    _E.NO_MODULE: (mark("The diagnosis says which driver is missing."), "doctor"),
    _E.CARD_UNKNOWN: (mark("The diagnosis says which driver is missing."), "doctor"),
    _E.MODULES_CHANGED: (mark("Leave Custode and start it again, so that they are used."), ""),
    _E.READERS_UNAVAILABLE: (mark("The diagnosis says what is wrong."), "doctor"),
    _E.NO_SUCH_TOKEN: (_TOKENS, ""),
    _E.NO_TAKER: (mark("Insert the token that is to take it, then try again."), ""),
    _E.TOKEN_AMBIGUOUS: (mark("Choose one of them."), ""),
    _E.TOKEN_URI_INVALID: (mark("Choose one of them."), ""),
    _E.NO_SUCH_NEED: (mark("Nothing needs to be done."), ""),
    _E.TOKEN_IN_USE: (mark("Nothing needs to be done."), ""),
    _E.TOKEN_BUSY: (mark("Close that program, or wait until it has finished; then try again."), ""),
    _E.NEEDS_SO: (mark("Try again with the SO PIN (PUK)."), ""),
    _E.TOKEN_GONE: (mark("Insert it again and try again."), ""),
    _E.SESSION_UNKNOWN: (_AGAIN, ""),
    _E.NO_SUCH_KEY: (_TOKENS, ""),
    _E.MODULE_FAILED: (mark("The diagnosis says what is wrong."), "doctor"),
    _E.PIN_INCORRECT: (mark("Look it up before you type it again."), ""),
    _E.PIN_LOCKED: (
        mark("With the token's PUK (SO PIN) you can give it a new PIN."),
        "pin_unblock",
    ),
    _E.PIN_LAST_ATTEMPT: (mark("Nothing was spent. Find it for certain first."), ""),
    _E.PIN_NOT_SET: (mark("Give it one first."), "token_init"),
    _E.PIN_TO_BE_CHANGED: (mark("Change it first."), "pin_change"),
    _E.PIN_UNCHANGED: (mark("No attempt was spent. Try again and choose another one."), ""),
    _E.PIN_LENGTH: (mark("No attempt was spent. Try again."), ""),
    _E.BACKUP_PIN_UNLIKE: (mark("Try again with the PIN that was chosen for this backup."), ""),
    _E.NO_IDENTITY: (mark("Say first who the certificate is for."), "first_run"),
    _E.NO_CERTIFICATE: (_NEW_REQUEST, "request"),
    _E.CERTIFICATE_AMBIGUOUS: (mark("Choose one of them."), ""),
    _E.NO_SUCH_OPERATION: (_PANEL, "panel"),
    _E.NO_SUCH_BACKUP: (_PANEL, "panel"),
    _E.STATE_NOT_ALLOWED: (_PANEL, "panel"),
    _E.CSR_INVALID: (_NEW_REQUEST, "request"),
    _E.CSR_SIGNATURE: (_NEW_REQUEST, "request"),
    _E.CSR_SUBJECT: (_NEW_REQUEST, "request"),
    _E.CSR_KEY: (_NEW_REQUEST, "request"),
    _E.INCLUDE_REFUSED: (mark("Leave that file out and try again. Nothing was saved."), ""),
    _E.AUTHORITY_SILENT: (mark("Try again; what was done already is not done twice."), ""),
    _E.CLOCK_WRONG: (mark("Set the computer's clock, then try again."), ""),
    _E.STILL_GENERATING: (mark("Custode tells you when it is ready."), ""),
    _E.EXPORT_OF_ANOTHER: (mark("Use the right export."), ""),
    _E.EXPORT_PIN_WRONG: (mark("Try again with the PIN of that export."), ""),
    _E.AUTHORITY_LOST: (mark("Whoever looks after this computer can bring it back."), ""),
    _E.AUTHORITY_EXISTS: (mark("Whoever looks after this computer can replace it."), ""),
    _E.AUTHORITY_STOPPED: (
        mark("Nothing was changed. Whoever looks after this computer can start it."),
        "",
    ),
    _E.AUTHORITY_SERVED: (mark("Whoever looks after this computer can stop it."), ""),
    _E.AUTHORITY_BROKEN: (mark("Whoever looks after this computer can bring it back."), ""),
    _E.UNKNOWN_TO_AUTHORITY: (_PANEL, "panel"),
    _E.WRONG_CREDENTIALS: (mark("Ask whoever gave you the account."), ""),
    _E.WRONG_PASSWORD: (mark("Try again with the right one."), ""),
    _E.TOO_MANY_TRIES: (mark("Wait a while, then try again."), ""),
    _E.IDENTITY_EXISTS: (_PANEL, "panel"),
    _E.NONCE_INVALID: (_AGAIN, ""),
    _E.NOT_ACTIVE: (_PANEL, "panel"),
    _E.NOTHING_TO_CANCEL: (_PANEL, "panel"),
    _E.COVERED_CHANGED: (mark("Look at what it takes in now, then try again."), ""),
    _E.ORIGINAL_ACTIVE: (mark("If it is lost, stolen or broken, report it first."), "report"),
    _E.ORIGINAL_RENEWED: (mark("Bring the renewal to its end, then make the backup."), "renew"),
    _E.BACKUP_STATE: (_PANEL, "panel"),
    _E.BACKUP_LOCKED: (_REISSUE, "reissue"),
    _E.BACKUP_RETIRED: (
        mark("Use another backup; if there is none, ask for a re-issue."),
        "reissue",
    ),
    _E.ALREADY_ACTIVATED: (mark("If that was not you, report the theft at once."), "report"),
    _E.BACKUP_PLACE: (_PANEL, "panel"),
    _E.NOT_APPROVED: (mark("Support has to approve it; try again later."), ""),
    _E.COPY_REFUSED: (_REISSUE, "reissue"),
    _E.BACKUP_ON_TOKEN: (
        mark("When the original is lost, stolen or broken, report it; then activate this one."),
        "report",
    ),
    _E.NO_BACKUP_ON_TOKEN: (_TOKENS, ""),
    _E.SPARE_TAKEN: (mark("Use another token, or make that backup void first."), ""),
    _E.NOTHING_TO_CLEAR: (mark("A backup that is still good is made void first."), ""),
}

_BUTTONS: Final[Mapping[str, str]] = {
    "doctor": mark("Diagnosis…"),
    "panel": mark("Show…"),
    "pin_unblock": mark("Unblock the PIN…"),
    "pin_change": mark("Change the PIN…"),
    "token_init": mark("Prepare the token…"),
    "first_run": mark("Say who you are…"),
    "request": mark("Ask for a certificate…"),
    "report": mark("Report it…"),
    "reissue": mark("New certificate…"),
    "renew": mark("Renew…"),
}
_OF_TOKENS: Final = frozenset({"pin_unblock", "pin_change", "token_init"})


def tell(error: CustodeError) -> Told:
    """Tell it in the person's language."""
    message, hint = failures.translated(error)
    next_, name = _NEXT.get(error.code, ("", ""))
    serial = str(error.data.get("serial") or "") if name in _OF_TOKENS else ""
    return Told(
        code=error.code,
        message=message,
        hint=fill(gettext(next_), failures.values(error)) if next_ else hint,
        reasons=tuple(_reason(told) for told in gate.reasons(error.data)),
        button=gettext(_BUTTONS[name]) if name else "",
        action=window(name, token=serial) if name else None,
        last_attempt=error.code is _E.PIN_LAST_ATTEMPT,
        cancelled=error.code is _E.CANCELLED,
    )


def _reason(told: gate.Reason) -> str:
    """One reason of the gate, and what would change it in a window's words."""
    return t("– {reason}", reason=f"{told.fact} {told.remedy}".rstrip())
