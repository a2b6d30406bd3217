"""What codes are called on screen: states, reasons, what closes the gate, what needs the person.

The tables are keyed by the domain's own values, as they come over JSON-RPC; a test walks the enums.
Codes that nobody knows show as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import moments
from custode.locale.backup_words import RETIRED
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
    "readers_unseen": mark(
        "A token was here when the reader service (PC/SC) stopped, and may be here still."
    ),
    "original_active": mark("The authority says that the original is still active ({said_at})."),
    "original_suspended": mark("The original is only suspended ({said_at}), not cancelled."),
    "status_unknown": mark("It is not known now whether the original is still active."),
    "backup_unknown": mark("The authority has not said how this backup stands."),
    "no_grant": mark("The activation of this backup has not been granted."),
    "grant_for_another": mark("The activation that was granted belongs to another backup."),
    "identity_ceased": mark("Your activity is recorded as ceased."),
    "backup_locked": mark(
        "The backup is locked: its PIN was wrong too many times, or the authority was restored."
    ),
    "backup_retired": mark("The backup is no longer valid."),
    "backup_restored": mark("The backup has been used already: its key is on a token."),
    "successor_not_active": mark("The certificate of the backup is not active ({state})."),
    "no_backup": mark("There is no backup yet."),
}

# What an operating system or a rule of ours says against a file (`why` of an error).
WHY: Final[Mapping[str, str]] = {
    "unreadable": mark("it cannot be read"),
    "not_a_file": mark("it is not an ordinary file"),
    "too_large": mark("it is too large (at most 16 MB)"),
    "too_many": mark("there are too many files (at most 32)"),
    "name_not_portable": mark("other systems would not take its name"),
    "name_taken": mark("another file has the same name"),
    "holds_identity": mark("it holds your codice fiscale or your name"),
    # of the reader service
    "no_service": mark("the reader service (PC/SC) does not run"),
    "no_library": mark("the library of PC/SC is not installed"),
    "refused": mark("the reader service (PC/SC) does not let this user in"),
    # errno(3), as strerror says it
    "Permission denied": mark("permission denied"),
    "Operation not permitted": mark("this is not permitted"),
    "No such file or directory": mark("it does not exist"),
    "Is a directory": mark("it is a folder"),
    "Not a directory": mark("it is not a folder"),
    "No space left on device": mark("there is no space left"),
    "Disk quota exceeded": mark("your share of the disk is full"),
    "Read-only file system": mark("the medium can only be read"),
    "Input/output error": mark("the medium does not work any more"),
    "File name too long": mark("the name is too long"),
    "Too many levels of symbolic links": mark("it is a link"),
    "No such device": mark("the medium is gone"),
    "No such device or address": mark("the medium is gone"),
    "File exists": mark("there is such a file already"),
    # a PKCS #11 URI (RFC 7512)
    "uri_syntax": mark("it is not written as RFC 7512 says"),
    "uri_unknown": mark("it has an attribute that Custode does not know"),
    "uri_place": mark("it names a slot or a library, and a token is never known by its place"),
    "uri_pin": mark("a URI is no place for a PIN; say where it comes from with --pin-source"),
    # what has no sentence of its own
    "ConnectError": mark("nobody answers there"),
    "ConnectTimeout": mark("nobody answers there"),
    "PoolTimeout": mark("nobody answers there"),
    "ReadTimeout": mark("too slow"),
    "WriteTimeout": mark("too slow"),
    "ReadError": mark("the connection broke off"),
    "WriteError": mark("the connection broke off"),
    "RemoteProtocolError": mark("the connection broke off"),
    "timed_out": mark("it did not answer in time"),
    "held": mark("another program holds the card"),
    "too slow": mark("too slow"),
    "not ready in time": mark("it was not ready in time"),
    "the answer is no HTTP": mark("the answer is no HTTP"),
    "the answer is compressed": mark("the answer is compressed"),
    "the answer is too large": mark("the answer is too large"),
    "not read yet": mark("not looked at yet"),
    "ended": mark("it ended"),
    "closed": mark("it ended"),
}

# What an error is about (`what`, `capability`, `state`), where the code is not a sentence's piece.
ABOUT: Final[Mapping[str, str]] = {
    "agent": mark("the agent"),
    "signature": mark("a signature"),
    "grant": mark("the authority's grant"),
    "certificate": mark("a certificate"),
    "certificate_key": mark("the certificate's key"),
    "certificate_read_back": mark("the certificate that was read back"),
    "csr_signature": mark("the request's signature"),
    "public_key": mark("the public key"),
    "private_key": mark("the private key"),
    "challenge": mark("the token's answer to a challenge"),
    "key type": mark("this type of key"),
    "successor key of this type": mark("a backup for this type of key"),
    "change_pin": mark("changing a PIN"),
    "unblock_pin": mark("unblocking a PIN"),
    "import_key": mark("taking in a key that was made elsewhere"),
    "install_certificate": mark("writing a certificate"),
    "remove_certificate": mark("removing a certificate"),
    "destroy_key": mark("destroying a key"),
    "copyable": mark("a key that can be copied"),
    "copyable_key": mark("copying this key, which was not made copyable (custode csr --copyable)"),
    "wrap_key": mark("wrapping a key and unwrapping it (AES key wrap with padding, RFC 5649)"),
    "backup copy": mark("a copy on a second token: it lies in a folder only"),
    "account at a remote authority": mark("opening an account with an authority elsewhere"),
    "one_place": mark(
        "a backup lies in a folder or on a spare token: name one of them, and only one; no other"
        " files go onto a token"
    ),
    "spare.create": mark("The backup on a spare token"),
    "spare.activate": mark("The activation of the spare token"),
    "renew": mark("The renewal"),
    "reissue": mark("The re-issue"),
    "running": mark("running already"),
}

REMEDY: Final[Mapping[str, str]] = {
    "remove_token": mark("remove that token"),
    "start_readers": mark("start the reader service again, for example: systemctl start pcscd"),
    "wait": mark("wait a moment until it is identified"),
    "report": mark(
        "if it is lost, stolen or broken, report it: custode report lost|theft|malfunction"
    ),
    "go_on_with_activation": mark("go on with the activation: custode backup activate FOLDER|ID"),
    "reach_authority": mark("make the authority reachable, then try again"),
    "create_backup": mark("make a backup: custode backup create --to DIR"),
    "request_activation": mark("ask for the activation: custode backup activate FOLDER|ID"),
    "wait_for_approval": mark("wait until the desk approves the activation"),
    "collect": mark("collect the activation: custode backup activate FOLDER|ID"),
    "reissue": mark("ask for a new certificate (custode reissue): this backup is of no use"),
    "nothing": mark("nothing: it stays closed for good"),
}

# design: domain.md, "Prompts". What is told, and what to do about it.
NEED: Final[Mapping[str, tuple[str, str]]] = {
    "last_pin_attempt": (
        mark("Only ONE attempt is left for the {role} of token “{label}” (serial {serial})."),
        mark(
            "look it up before you type it again: a wrong one locks it; Custode sends it only with"
            " --use-last-attempt"
        ),
    ),
    "pin_locked": (
        mark("The {role} of token “{label}” (serial {serial}) is locked."),
        mark("with the token's PUK (SO PIN): custode token pin unblock --token {serial}"),
    ),
    "pin_to_be_changed": (
        mark(
            "The {role} of token “{label}” (serial {serial}) has to be changed before it can be"
            " used."
        ),
        "",  # `CHANGE_FIRST` names the command
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
    "backup_missing": (
        mark("Make your backup now!"),
        "",  # `BACK_UP` names the command
    ),
    "recovery_export_missing": (
        mark("The authority on this computer has no copy elsewhere."),
        mark("keep a recovery export elsewhere: custode authority backup --to DIR"),
    ),
    "expiry": (mark("Days until the certificate expires: {days_left}."), mark("custode renew")),
    "operation_can_go_on": (
        mark("Something that was begun can go on ({what})."),
        "",  # `GO_ON` names the command
    ),
    "spare_key_dead": (
        mark("Token “{label}” still carries the key of a backup that is no longer valid."),
        mark("have it destroyed, so that the token may serve again: custode backup clear {serial}"),
    ),
    "unknown_token": (
        mark("Token “{label}” is not known yet."),
        mark("make a key on it: custode csr --out FILE.csr"),
    ),
}

# How a backup is made: on a second token where one is at hand, for its key never leaves it.
BACK_UP: Final[Mapping[bool, str]] = {
    True: mark("custode backup create --on-token {spare}   (or: --to DIR)"),
    False: mark("custode backup create --to DIR"),
}

# What changes a PIN, by whose it is.
CHANGE_FIRST: Final[Mapping[str, str]] = {
    "user": mark("custode token pin change --token {serial}"),
    "so": mark("custode token pin change --so --token {serial}"),
}

# What a PIN is called in the error about it.
PIN: Final[Mapping[str, str]] = {
    "PIN": mark("PIN"),
    "SO PIN (PUK)": mark("SO PIN (PUK)"),
    "new PIN": mark("new PIN"),
}

PIN_OF: Final[Mapping[str, str]] = {"user": "PIN", "so": "SO PIN (PUK)"}

# Whose PIN it is.
ROLE: Final[Mapping[str, str]] = {
    "user": mark("PIN"),
    "so": mark("administrator PIN (SO PIN)"),
}

# Each in its own words, so that whoever does not read the one on the screen finds his own.
LANGUAGE: Final[Mapping[str, str]] = {
    "it": "Italiano",
    "en": "English",
    "auto": mark("as the system"),
}

# How what was begun goes on, by the kind of operation.
GO_ON: Final[Mapping[str, str]] = {
    "csr": mark("custode csr --out FILE.csr"),
    "request": mark("custode request --wait"),
    "install": mark("custode install"),
    "renew": mark("custode renew"),
    "reissue": mark("custode reissue"),
    "cancel": mark("custode cancel --reason REASON IDOPERAZIONE"),
    "backup.create": mark("custode backup create --to DIR"),
    "backup.activate": mark("custode backup activate {folder} --reason {reason}"),
    "backup.collect": mark("custode backup activate {folder} --reason {reason}"),
    "backup.restore": mark("custode backup restore {folder} --token TOKEN"),
    "spare.create": mark("custode backup create --on-token {serial}"),
    "spare.activate": mark("custode backup activate {named} --reason {reason}"),
}

# The journal's kinds and the reasons of `secret.wanted`: what is being done.
DOING: Final[Mapping[str, str]] = {
    "token.init": mark("give the token its PIN"),
    "token.pin.change": mark("change a PIN of the token"),
    "token.pin.unblock": mark("set a new PIN in place of the one that is locked"),
    "identity.set": mark("open your account with the authority"),
    "csr": mark("make the key and sign the request"),
    "csr.create": mark("make the key and sign the request"),  # the method, in `status.running`
    "request": mark("send the request"),
    "request.create": mark("send the request"),
    "install": mark("put the certificate onto the token"),
    "renew": mark("renew the certificate"),
    "reissue": mark("issue a new certificate in place of a token whose PIN is gone"),
    "reissue.check": mark("check it, before anything is given up"),
    "report": mark("report what happened to the token"),
    "cancel": mark("sign the cancellation"),
    "backup.create": mark("make the backup"),
    "backup.retire": mark("retire the backup"),
    "backup.open": mark("open the backup"),
    "backup.activate": mark("activate the backup"),
    "backup.collect": mark("collect the activated backup"),
    "backup.restore": mark("put the backup onto a token"),
    "spare.create": mark("make a backup on a spare token"),
    "spare.activate": mark("activate the backup on the spare token"),
    "spare.clear": mark("destroy the key of a void backup"),
    "authority.backup": mark("protect the recovery export"),
    "authority.restore": mark("open the recovery export"),
}

# `progress` notifications.
STEP: Final[Mapping[str, str]] = {
    "pin.on_reader": mark("type it on the reader: its own keys take the PIN"),
    "pin.so_wanted": mark("the token lets only its administrator PIN (SO PIN) do this"),
    "csr.key": mark("the token makes the key (this can take a minute)"),
    "csr.signing": mark("the token signs the request"),
    "request.generating": mark("the portal is generating the certificate"),
    "succession.installing": mark("the new certificate goes onto the token"),
    "renew.superseding": mark("the old certificate is cancelled as superseded"),
    "backup.waiting_for_approval": mark("waiting for the desk to approve the activation"),
    "backup.sealing": mark("the backup is being encrypted"),
    "backup.writing": mark("the backup's folder is being written"),
    "backup.confirming": mark("the authority registers the backup"),
    "spare.foreign": mark(
        "the spare token also carries certificates that are not yours: they stay as they are"
    ),
    "spare.its_pin": mark("now the PIN of the spare token, not the original's"),
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
    fact = RETIRED.get(str(args.get("why")), GATE.get(code, code))
    return t(fact, **args), gettext(REMEDY.get(remedy, ""))


def need(row: Mapping[str, Any]) -> tuple[str, str]:
    """Tell one need `{"need", "label", "text_args"}`: what it is, and what to do."""
    kind = str(row.get("need"))
    title, action = NEED.get(kind, (kind, ""))
    args = {"label": row.get("label") or "–", **(row.get("text_args") or {})}
    if (role := args.get("role")) is not None:
        action = action or CHANGE_FIRST.get(str(role), "")
        args["role"] = word(ROLE, role)
    if kind == "backup_missing":
        action = BACK_UP["spare" in args]
    if (what := args.get("what")) is not None:
        args["folder"] = args.get("folder") or t("FOLDER")
        args["reason"] = args.get("reason") or t("REASON")
        serial = (row.get("token") or {}).get("serial")
        args["serial"] = serial or t("TOKEN")
        args["named"] = f"--on-token {serial}" if serial else args.get("backup_id", "")
        args["what"], action = word(DOING, what), GO_ON.get(str(what), action)
    return t(title, **args), t(action, **args)
