"""What codes are called on screen: states, reasons, what closes the gate, what needs the person.

The tables are keyed by the domain's own values, as they come over JSON-RPC; a test walks the enums.
Codes that nobody knows show as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import moments
from custode.locale.catalogue import gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

# design: domain.md, "Certificate"
CERTIFICATE: Final[Mapping[str, str]] = {
    "requested": mark("requested"),
    "generating": mark("being generated"),
    "active": mark("active"),
    "suspended": mark("suspended"),
    "expired": mark("expired"),
    "cancelled": mark("cancelled"),
    "rejected": mark("rejected"),
    "unknown": mark("unknown"),
}

# design: backup.md, "What a backup is"
BACKUP: Final[Mapping[str, str]] = {
    "reserved": mark("not finished"),
    "registered": mark("ready, closed"),
    "requested": mark("activation requested"),
    "approved": mark("activation approved"),
    "collected": mark("activated"),
    "restored": mark("restored onto a token"),
    "locked": mark("locked: too many wrong PINs"),
    "retired": mark("no longer valid"),
}

# design: domain.md, "Token"
TOKEN: Final[Mapping[str, str]] = {
    "unknown": mark("not known yet"),
    "recognised": mark("known"),
    "foreign": mark("of somebody else"),
    "primary": mark("the original"),
    "spare": mark("spare"),
    "retired": mark("the old original, no longer valid"),
}

# The agency's own words (seed ade-certificates); the Italian ones stand there letter for letter.
REASON: Final[Mapping[str, str]] = {
    "lost": mark("Primary key lost"),
    "ceased": mark("Activity ceased"),
    "theft": mark("Certificate stolen"),
    "renewal": mark("Renewal at expiry"),
    "malfunction": mark("Malfunction"),
    "other": mark("Other"),
}

GATE: Final[Mapping[str, str]] = {
    "original_present": mark("The original is here: token “{label}” (serial {serial})."),
    "token_not_identified": mark("A token has arrived and is not identified yet."),
    "token_unreadable": mark("A token is inserted and cannot be read."),
    "original_active": mark("The authority says that the original is still active ({said_at})."),
    "original_suspended": mark("The original is only suspended ({said_at}), not cancelled."),
    "status_unknown": mark("It is not known now whether the original is still active."),
    "backup_unknown": mark("The authority has not said how this backup stands."),
    "no_grant": mark("The activation of this backup has not been granted."),
    "grant_for_another": mark("The activation that was granted belongs to another backup."),
    "identity_ceased": mark("Your activity is recorded as ceased."),
    "backup_locked": mark("The backup is locked: its PIN was wrong too many times."),
    "backup_retired": mark("The backup is no longer valid: another one has taken its place."),
    "backup_restored": mark("The backup has been used already: its key is on a token."),
    "successor_not_active": mark("The certificate of the backup is not active ({state})."),
    "no_backup": mark("There is no backup yet."),
}

REMEDY: Final[Mapping[str, str]] = {
    "remove_token": mark("remove that token"),
    "wait": mark("wait a moment until it is identified"),
    "report": mark(
        "if it is lost, stolen or broken, report it: custode report lost|theft|malfunction"
    ),
    "go_on_with_activation": mark("go on with the activation: custode backup activate FOLDER"),
    "reach_authority": mark("make the authority reachable, then try again"),
    "create_backup": mark("make a backup: custode backup create --to DIR"),
    "request_activation": mark("ask for the activation: custode backup activate FOLDER"),
    "wait_for_approval": mark("wait until the desk approves the activation"),
    "collect": mark("collect the activation: custode backup activate FOLDER"),
    "reissue": mark("ask for a new certificate (re-issue): this backup cannot be used any more"),
    "nothing": mark("nothing: it stays closed for good"),
}

# design: domain.md, "Prompts". What is told, and what to do about it.
NEED: Final[Mapping[str, tuple[str, str]]] = {
    "last_pin_attempt": (
        mark("Only ONE try is left for a PIN of token “{label}”."),
        mark("look up the PIN before you type it again"),
    ),
    "cancelled_original_back": (
        mark("Token “{label}” carries an original that was cancelled: it is no longer valid."),
        mark("keep it out of use; another certificate has taken its place"),
    ),
    "pin_not_set": (mark("Token “{label}” has no PIN yet."), mark("custode token init")),
    "identity_missing": (
        mark("Custode does not know yet who the certificate is for."),
        mark("custode identity set --code CODE --codice-fiscale CF"),
    ),
    "install_certificate": (
        mark("Your certificate has arrived ({id_operazione}): put it onto its token."),
        mark("custode install"),
    ),
    "backup_missing": (mark("Make your backup now!"), mark("custode backup create --to DIR")),
    "recovery_export_missing": (
        mark("The authority on this computer has no copy elsewhere."),
        mark("keep a copy of Custode's folder elsewhere: without it the backup is lost as well"),
    ),
    "expiry": (mark("Days until the certificate expires: {days_left}."), ""),
    "operation_can_go_on": (
        mark("Something that was begun can go on ({what})."),
        mark("run its command again"),
    ),
    "unknown_token": (
        mark("Token “{label}” is not known yet."),
        mark("make a key on it: custode csr --out FILE.csr"),
    ),
}

# The journal's kinds and the reasons of `secret.wanted`: what is being done.
DOING: Final[Mapping[str, str]] = {
    "token.init": mark("give the token its PIN"),
    "identity.set": mark("open your account with the authority"),
    "csr": mark("make the key and sign the request"),
    "request": mark("send the request"),
    "install": mark("put the certificate onto the token"),
    "report": mark("report what happened to the token"),
    "cancel": mark("sign the cancellation"),
    "backup.create": mark("make the backup"),
    "backup.retire": mark("retire the backup"),
    "backup.open": mark("open the backup"),
    "backup.activate": mark("activate the backup"),
    "backup.collect": mark("collect the activated backup"),
    "backup.restore": mark("put the backup onto a token"),
}

# `progress` notifications.
STEP: Final[Mapping[str, str]] = {
    "csr.key": mark("the token makes the key (this can take a minute)"),
    "csr.signing": mark("the token signs the request"),
    "request.generating": mark("the portal is generating the certificate"),
    "backup.waiting_for_approval": mark("waiting for the desk to approve the activation"),
    "backup.sealing": mark("the backup is being encrypted"),
    "backup.writing": mark("the backup's folder is being written"),
    "backup.confirming": mark("the authority registers the backup"),
    "restore.importing": mark("the key goes onto the token"),
    "restore.confirming": mark("the authority confirms the new original"),
}


def word(table: Mapping[str, str], code: Any) -> str:
    """What `code` is called; one that nobody knows shows as it is."""
    return gettext(table[code]) if code in table else str(code or "")


def gate_reason(reason: Mapping[str, Any]) -> tuple[str, str]:
    """Tell one reason `{"code", "remedy", "text_args"}`: the fact, and what would change it."""
    code, remedy = str(reason.get("code")), str(reason.get("remedy", ""))
    args = dict(reason.get("text_args") or {})
    if "said_at" in args:
        args["said_at"] = moments.minute(args["said_at"])
    if "state" in args:
        args["state"] = word(CERTIFICATE, args["state"])
    return t(GATE.get(code, code), **args), gettext(REMEDY.get(remedy, ""))


def need(row: Mapping[str, Any]) -> tuple[str, str]:
    """Tell one need `{"need", "label", "text_args"}`: what it is, and what to do."""
    kind = str(row.get("need"))
    title, action = NEED.get(kind, (kind, ""))
    args = {"label": row.get("label") or "–", **(row.get("text_args") or {})}
    if "what" in args:
        args["what"] = word(DOING, args["what"])
    return t(title, **args), gettext(action)
