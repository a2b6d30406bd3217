"""How each error is told: one row a code; the sentences are gettext msgids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_general import GENERAL
from custode.error_recovery import RECOVERY
from custode.error_refusals import REFUSALS
from custode.error_rows import Row, row
from custode.error_spares import SPARES
from custode.error_tokens import TOKENS

_E = ErrorCode

_PEOPLE_AND_FILES: Final[Mapping[ErrorCode, Row]] = {
    _E.GATE_CLOSED: row(
        10,
        "The backup cannot be used now. It was not opened.",
        "Every reason is listed, with what would change it.",
    ),
    _E.CODICE_FISCALE_INVALID: row(
        2,
        (
            "{codice_fiscale} is not a codice fiscale: a character was mistyped. Nothing was sent.",
            "That is not a codice fiscale: a character was mistyped. Nothing was sent.",
        ),
        "It has 16 characters (11 digits for a company), and the last one is a check on the others:"
        " copy it from the card.",
    ),
    _E.PASSWORD_TOO_SHORT: row(
        2,
        (
            "The password is too short: at least {min} characters are needed. Nothing was sent.",
            "The password is too short. Nothing was sent.",
        ),
        "Choose a longer one.",
    ),
    _E.NO_IDENTITY: row(
        1,
        "Custode does not know yet whom the certificate is for.",
        "Run: custode identity set --code CODE --codice-fiscale CF",
    ),
    _E.NO_CERTIFICATE: row(
        1,
        "There is no certificate for this.",
        "See `custode certificates`; ask for one with `custode request`.",
    ),
    _E.CERTIFICATE_AMBIGUOUS: row(
        2,
        (
            "Several certificates could be meant: {operations}. Nothing was done.",
            "Several certificates could be meant. Nothing was done.",
        ),
        "Name one of them: --operation ID (see `custode certificates`).",
    ),
    _E.NO_SUCH_OPERATION: row(
        1,
        ("There is no operation {operation}.", "There is no such operation."),
        "See `custode certificates`.",
    ),
    _E.NO_SUCH_NEED: row(
        1,
        ("There is nothing pending called {need}.", "There is nothing pending of that name."),
        "See `custode snooze`.",
    ),
    _E.NO_SUCH_BACKUP: row(
        1,
        ("There is no backup {backup}.", "There is no such backup."),
        "See `custode backup list`.",
    ),
    _E.BACKUP_AMBIGUOUS: row(
        2,
        (
            "Several backups are called {backup}: {ids}. Nothing was done.",
            "Several backups could be meant. Nothing was done.",
        ),
        "Name one of them by its identifier.",
    ),
    _E.STATE_NOT_ALLOWED: row(
        1,
        ("{what} is {state}: this cannot be done now.", "This cannot be done now."),
        "See `custode status`.",
    ),
    _E.CSR_INVALID: row(
        2,
        ("{path} is not a PKCS#10 request.", "That is not a PKCS#10 request."),
        "Make one with `custode csr --out FILE.csr`.",
    ),
    _E.FILE_MISSING: row(
        2,
        ("{path} does not exist.", "A file or folder does not exist."),
        "Check the path.",
    ),
    _E.FILE_EXISTS: row(
        2,
        ("{path} already exists. It was left as it is.", "The file already exists."),
        "Choose another name.",
    ),
    _E.FILE_UNREADABLE: row(
        1,
        ("{path} cannot be read: {why}.", "{path} cannot be read.", "A file cannot be read."),
        "Check the file and its permissions.",
    ),
    _E.FILE_UNWRITABLE: row(
        1,
        (
            "{path} cannot be written: {why}. Nothing half-written was left.",
            "{path} cannot be written. Nothing half-written was left.",
            "A file cannot be written. Nothing half-written was left.",
        ),
        "Check the folder, its permissions and the space left on it.",
    ),
    _E.NO_SPACE: row(
        1,
        (
            "There is not enough space: {needed} needed, {free} free.",
            "There is not enough space.",
        ),
        "Make room, or choose another folder. Nothing was left there.",
    ),
    _E.IDENTITY_INSIDE: row(
        1,
        "The folder would have told whose backup it is, so it was not made. Nothing was saved.",
        "Its name, its text or its certificate would hold the codice fiscale or the name.",
    ),
    _E.INCLUDE_REFUSED: row(
        2,
        ("{name} cannot be put into the backup: {why}.", "A file cannot be put into the backup."),
        "Leave it out and run the command again. Nothing was saved.",
    ),
}

_INTEGRITY: Final[Mapping[ErrorCode, Row]] = {
    _E.INTEGRITY: row(
        30,
        (
            "A check failed: {what} does not verify. It was not used.",
            "A check failed: a signature or a chain does not verify. Nothing was used.",
        ),
        "Do not go on with it. If nobody can explain it, tell support.",
    ),
    _E.CERTIFICATE_INVALID: row(
        30,
        ("{path} is not a certificate.", "What came is not a certificate that can be used."),
        "Download or ask for it again. Nothing was installed.",
    ),
    _E.NOT_A_BACKUP: row(
        30,
        ("{path} is no backup folder.", "That is no backup folder."),
        "Name the folder that holds iw.iwk.",
    ),
    _E.CONTAINER_INVALID: row(
        30,
        (
            "{path} is damaged or was changed: {what}.",
            "The backup is damaged or was changed: {what}.",
            "The backup is damaged or was changed.",
        ),
        "Use another copy of this folder. If there is none, make a new backup.",
    ),
    _E.CONTAINER_NOT_OPENED: row(
        30,
        "The backup could not be opened: the PIN is wrong, or the file is damaged.",
        "Check the backup PIN, or use another copy of this folder.",
    ),
    _E.BACKUP_OF_ANOTHER: row(
        30,
        ("{path} is not a backup of this identity.", "That is not a backup of this identity."),
        "It was not opened, and no PIN was asked for.",
    ),
    _E.DATABASE_CORRUPT: row(
        30,
        (
            "The agent's database {path} is damaged ({why}). It was left as it is.",
            "The agent's database is damaged. It was left as it is.",
        ),
        "Put it back from a copy; or move it aside and set the identity again.",
    ),
    _E.DATABASE_NEWER: row(
        30,
        (
            "{path} was written by a later version of Custode. It was left as it is.",
            "The database was written by a later version of Custode. It was left as it is.",
        ),
        "Use that version.",
    ),
    _E.AUDIT_BROKEN: row(
        30,
        (
            "The audit log {path} does not verify at entry {seq}. It was left as it is.",
            "The audit log {path} does not verify. It was left as it is.",
            "The audit log does not verify.",
        ),
        "Keep the file as evidence. Moved aside, a new log begins.",
    ),
    _E.AUDIT_CUT: row(
        30,
        (
            (
                "The audit log {path} was cut: on {at}, entry {expected} was gone."
                " Backups are unchanged."
            ),
            "The audit log was cut. Certificates and backups are unchanged.",
        ),
        "Keep the file as evidence and find out who could write there. The log goes on.",
    ),
}

_REACHING: Final[Mapping[ErrorCode, Row]] = {
    _E.AUTHORITY_UNAVAILABLE: row(
        20,
        (
            "The authority cannot be reached: {why}. Nothing was changed there.",
            "The authority cannot be reached. Your credentials are not in question.",
        ),
        "Try again later.",
    ),
    _E.AUTHORITY_STOPPED: row(
        20,
        "The authority is kept stopped (authority.autostart = false).",
        "Set authority.autostart = true in config.toml.",
    ),
    _E.AUTHORITY_SILENT: row(
        16,
        (
            "The authority did not answer in time ({why}). What it did is not known.",
            "The authority did not answer in time. What it did is not known.",
        ),
        "Run the command again: what was done already is not done twice.",
    ),
    _E.AUTHORITY_ROLLED_BACK: row(
        30,
        (
            (
                "The authority does not know any more what it signed before: its database was"
                " put back to an earlier state. Nothing was opened and nothing was changed."
            ),
        ),
        "What was cancelled stays cancelled here. Put the authority's newest database back.",
    ),
    _E.CLOCK_WRONG: row(
        20,
        (
            (
                "The authority's certificate is not valid at {now}, which this computer takes for"
                " now. Nothing was sent."
            ),
            "The authority's certificate is not valid at this computer's time. Nothing was sent.",
        ),
        "Set the computer's clock, then run the command again.",
    ),
    _E.AUTHORITY_UNTRUSTED: row(
        20,
        (
            "Something answers at {address} that is not the authority configured here.",
            "What answers is not the authority configured here. Nothing was sent to it.",
        ),
        "Check the address and the network; never accept another fingerprint without asking.",
    ),
    _E.AUTHORITY_NONSENSE: row(
        20,
        (
            "The authority's answer cannot be read: {why}.",
            "The authority's answer cannot be read.",
        ),
        "Try again later; if it happens again, tell support.",
    ),
    _E.STILL_GENERATING: row(
        23,
        (
            "Still in generation. Ask again in {retry_after_s} seconds.",
            "Still in generation.",
        ),
        ("Wait for it with {wait_with}", "Run the command again then, or with --wait."),
    ),
}

ROWS: Final[Mapping[ErrorCode, Row]] = {
    **GENERAL,
    **TOKENS,
    **_PEOPLE_AND_FILES,
    **_INTEGRITY,
    **_REACHING,
    **RECOVERY,
    **REFUSALS,
    **SPARES,
}


def msgids() -> Iterator[str]:
    """Every template that a translation has to hold."""
    for entry in ROWS.values():
        yield from entry.message
        yield from entry.hint
