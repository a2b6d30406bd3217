"""How errors of tokens, keys, modules and PINs are told: one row a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_rows import Row, row

_E = ErrorCode

TOKENS: Final[Mapping[ErrorCode, Row]] = {
    _E.NO_MODULE: row(
        11,
        "No PKCS#11 module is configured, so no token can be seen. Nothing was done.",
        (
            (
                'Write two lines into {file}: [[module]] and path = "/…/your-module.so"; then:'
                " custode agent stop"
            ),
            "Name it in config.toml, then: custode agent stop",
        ),
    ),
    _E.CARD_UNKNOWN: row(
        11,
        (
            "No such token; the card in “{reader}” is known to no module. Nothing was done.",
            "No such token; the card is known to no module. Nothing was done.",
        ),
        "`custode status` says which modules were asked, and what can be installed.",
    ),
    _E.MODULES_CHANGED: row(
        11,
        (
            "No such token; but {file} names other modules than those the agent works with.",
            "No such token; but other modules are configured than those the agent works with.",
        ),
        "Run custode agent stop, then the command again.",
    ),
    _E.READERS_UNAVAILABLE: row(
        11,
        (
            "No such token; but card readers cannot be seen: {why}. Nothing was done.",
            "No such token; but card readers cannot be seen. Nothing was done.",
        ),
        "Start the reader service, for example: systemctl start pcscd. `custode status` says more.",
    ),
    _E.NO_SUCH_TOKEN: row(
        11,
        ("No token {token} is plugged in.", "No token is plugged in."),
        "Plug it in, and see `custode token list`.",
    ),
    _E.NO_TAKER: row(
        31,
        (
            "No token is plugged in that can take a copied key in and unwrap it there. Nothing was"
            " changed."
        ),
        (
            "A copy is only ever in the clear on a token: plug in the one that is to take it, then"
            " run the command again. `custode token list --json` says which ones can (can_wrap)."
        ),
    ),
    _E.TOKEN_AMBIGUOUS: row(
        11,
        (
            "Several tokens could be meant: {serials}.",
            "Several tokens could be meant. Nothing was done.",
        ),
        "Name one of them by its serial: --token SERIAL",
    ),
    _E.TOKEN_URI_INVALID: row(
        2,
        (
            "This PKCS #11 URI names no token: {why}. Nothing was done.",
            "This PKCS #11 URI names no token. Nothing was done.",
        ),
        "`custode token list --json` gives the URI of each token.",
    ),
    _E.TOKEN_IN_USE: row(
        31,
        (
            (
                "Token “{token}” (serial {serial}) carries your active certificate. It was not"
                " forgotten."
            ),
            "This token carries your active certificate. It was not forgotten.",
        ),
        "To forget it all the same, add --yes: the certificate stays active, on the token as well.",
    ),
    _E.TOKEN_BUSY: row(
        16,
        (
            ("Another program holds the card for itself. Programs that use cards now: {by}."),
            "Another program holds the card for itself. Nothing was changed.",
        ),
        "Close it, or wait until it has finished, then run the command again.",
    ),
    _E.NEEDS_SO: row(
        31,
        (
            "Token {token} lets only its SO PIN do this ({capability}). Nothing was changed.",
            "The token lets only its SO PIN do this. Nothing was changed.",
        ),
        "Run the command again and give the SO PIN (or management key): --so-pin-source prompt",
    ),
    _E.TOKEN_GONE: row(
        11,
        ("Token {token} is not plugged in.", "The token is not plugged in."),
        "Plug it in, then run the command again.",
    ),
    _E.TOKEN_RETIRED: row(
        31,
        (
            "Token {token} is retired: a backup was activated in its place. It was not used.",
            "This token is retired: a backup was activated in its place. It was not used.",
        ),
        "Use the token that replaced it.",
    ),
    _E.ALREADY_INITIALIZED: row(
        31,
        (
            "Token {token} already has a PIN. It was left as it is.",
            "This token already has a PIN. It was left as it is.",
        ),
        "Use an empty token: initialising one erases all that it holds.",
    ),
    _E.TOKEN_FULL: row(
        31,
        ("Token {token} has no room left.", "The token has no room left."),
        "Use another token.",
    ),
    _E.SESSION_UNKNOWN: row(
        11,
        "The token was pulled out, or its worker was started again: the PIN has to be typed anew.",
        "Run the command again.",
    ),
    _E.NO_SUCH_KEY: row(
        31,
        ("Token {token} does not hold key {key_id}.", "The token does not hold that key."),
        "See `custode token list`, or make a key with `custode csr`.",
    ),
    _E.KEY_EXISTS: row(
        31,
        ("Token {token} already holds key {key_id}.", "The token already holds such a key."),
        "Use another token.",
    ),
    _E.MODULE_FAILED: row(
        1,
        (
            (
                "The PKCS#11 module {module} broke down during {doing} ({why})."
                " Only that was lost: the module is started again when it is needed."
            ),
            "The PKCS#11 module {module} does not work: {why}.",
            "A PKCS#11 module does not work: {why}.",
            "A PKCS#11 module does not work.",
        ),
        "Check its path and env in config.toml; `custode status` shows the health of each module.",
    ),
    _E.PIN_INCORRECT: row(
        12,
        (
            (
                "The {pin} of token “{token}” (serial {serial}) is wrong."
                " Attempts left: {attempts_remaining}."
            ),
            (
                "The {pin} of token “{token}” (serial {serial}) is wrong; the token does not say"
                " how many attempts are left."
            ),
            "The PIN is wrong. Attempts left: {attempts_remaining}.",
            "The PIN is wrong; this token does not say how many attempts are left.",
        ),
        (
            (
                "Look it up before you go on: the last attempt is refused unless you add {option},"
                " and a wrong one locks the PIN."
            ),
            "Take care: at 0 tries (now {attempts_remaining}) the token locks itself.",
            "Take care: after a few wrong ones, mostly three, the token locks itself.",
        ),
    ),
    _E.PIN_LOCKED: row(
        13,
        (
            "The {pin} of token “{token}” (serial {serial}) is locked: no attempt is left.",
            "The PIN of token {token} is locked.",
            "The PIN is locked.",
        ),
        (
            (
                "Unblock it with the token's PUK (SO PIN): {unblock}. Without that, ask for a"
                " re-issue: custode reissue"
            ),
            "Nothing unblocks it here: go on with another token, or ask the token's maker.",
        ),
    ),
    _E.PIN_LAST_ATTEMPT: row(
        14,
        (
            (
                "Only one attempt is left for the {pin} of token “{token}” (serial {serial}), so it"
                " was not sent."
            ),
            "Only one attempt is left, so the PIN was not sent.",
        ),
        (
            (
                "Nothing was spent. Find it for certain first, then add {option}; a wrong one would"
                " lock it."
            ),
            "Nothing was spent. Find the PIN for certain first; a wrong one would lock the token.",
        ),
    ),
    _E.PIN_NOT_SET: row(
        31,
        ("Token {token} has no PIN yet.", "The token has no PIN yet."),
        "Give it one: custode token init",
    ),
    _E.PIN_TO_BE_CHANGED: row(
        31,
        (
            (
                "The {pin} of token “{token}” (serial {serial}) is a first one: it has to be"
                " changed before anything else. Nothing was done."
            ),
            "The PIN of this token has to be changed before anything else. Nothing was done.",
        ),
        ("Change it first: {change}", "Change it first: custode token pin change"),
    ),
    _E.PIN_UNCHANGED: row(
        12,
        "The new PIN is the one that the token has. Nothing was sent.",
        "No attempt was spent. Run the command again and choose another one.",
    ),
    _E.PIN_LENGTH: row(
        12,
        (
            (
                "The {pin} was not sent: token “{token}” (serial {serial}) takes {min} to {max}"
                " characters."
            ),
            (
                "The {pin} was not taken: token “{token}” (serial {serial}) wants another length"
                " or other characters."
            ),
            "The PIN was not sent: it has to be {min} to {max} characters long.",
            "The PIN was not sent: its length is not one that the token takes.",
        ),
        "No attempt was spent. Run the command again.",
    ),
    _E.PIN_EQUAL: row(
        12,
        "The backup PIN must not be the token's PIN. Nothing was saved.",
        "Choose another one: a chip counts attempts, a file cannot.",
    ),
    _E.PIN_ONLY_DIGITS: row(
        12,
        (
            "The token's PIN was typed on the reader, so nobody here can see that the backup PIN is"
            " another one: it needs a character that is no digit. Nothing was saved."
        ),
        "Choose another one, with a letter or a sign in it.",
    ),
    _E.BACKUP_PIN_UNLIKE: row(
        12,
        (
            (
                "That is not this backup's PIN: one has at least {min} printable ASCII characters."
                " It was not tried."
            ),
            "That is not this backup's PIN: no backup PIN is like that. It was not tried.",
        ),
        "Run the command again with the PIN that was chosen for this backup.",
    ),
    _E.BACKUP_PIN_WEAK: row(
        12,
        (
            "The backup PIN is too short: at least {min} printable ASCII characters are needed.",
            "The backup PIN is not long enough, or holds characters that are not printable ASCII.",
        ),
        "Choose a longer one. Nothing was saved.",
    ),
}
