"""How errors of the agent, its settings and its helpers are told: one row a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.error_codes import ErrorCode
from custode.error_rows import Row, row

_E = ErrorCode

GENERAL: Final[Mapping[ErrorCode, Row]] = {
    _E.FAILED: row(
        1,
        ("Something failed: {why}.", "Something failed that was not foreseen."),
        ("The details are in {log}", "The details are in the agent's log."),
    ),
    _E.USAGE: row(
        2,
        ("{what}", "That is not how this command is used."),
        ("See: {command} --help", "Add --help to see how."),
    ),
    _E.CANCELLED: row(
        15,
        (
            "Cancelled. The activation of {requested} that was asked for stays.",
            "Cancelled. {nothing}",
            "Cancelled: nothing further was done.",
        ),
        "Run the command again to go on.",
    ),
    _E.TIMED_OUT: row(
        16,
        (
            (
                "The PKCS#11 module {module} did not finish {doing} within {seconds} seconds:"
                " another program holds the card. Programs that use cards now: {held_by}."
            ),
            (
                "The PKCS#11 module {module} did not finish {doing} within {seconds} seconds."
                " It was ended; it is started again when it is needed."
            ),
            "{what} did not answer within {seconds} seconds.",
            "There was no answer in time.",
        ),
        (
            "Close {held_by}, or wait until it has finished, then run the command again.",
            "Run the command again; if it happens again, see what `custode status` says.",
        ),
    ),
    _E.CONFIG_INVALID: row(
        2,
        (
            "{file}, line {line}: this is not TOML ({toml}). The file was left as it is.",
            "{file}, line {line}: the key {unknown} is not known. The file was left as it is.",
            (
                "{file}, line {line}: a module's path has to begin with /, not so {relative}."
                " The file was left as it is."
            ),
            (
                "{file}, line {line}: a module's watch is pcsc, none or a folder that begins with"
                " /, not “{watch}”. The file was left as it is."
            ),
            (
                "{file}, line {line}: {key} cannot have this value ({fault})."
                " The file was left as it is."
            ),
            "{file}, line {line}: {what}. The file was left as it is.",
            "{file}: {what}. The file was left as it is.",
            "The configuration cannot be read.",
        ),
        "Correct it there, then run the command again.",
    ),
    _E.NOT_SUPPORTED: row(
        31,
        (
            (
                "This token cannot make such a key ({capability}); it can make: {can_make}."
                " Nothing was changed."
            ),
            "This token or its module cannot do this: {capability}. Nothing was changed.",
            "This is not possible on this token. Nothing was changed.",
        ),
        (
            (
                "Do it with the program of the token's maker ({maker}), or ask for a re-issue:"
                " custode reissue"
            ),
            "On a token make a spare key: custode backup create --on-token {on_token}",
            "Make one of the other kind: custode backup create --kind {other_kind} --to DIR",
            "Use another token, or see in `custode token list --json` what this one can do.",
        ),
    ),
    _E.AGENT_UNAVAILABLE: row(
        40,
        (
            "The agent could not be started: {why}",
            "The agent is not running and could not be started.",
        ),
        ("Its log may say why: {log}", "Start it in a terminal to see why: custode agent"),
    ),
    _E.AGENT_DIED: row(
        40,
        "The agent ended while it was working. What was begun goes on by itself when it starts"
        " again.",
        "Look at `custode backup list` and `custode certificates` before you run the command"
        " again.",
    ),
    _E.AGENT_RUNNING: row(
        1,
        ("An agent already works in {home}.", "An agent is already running."),
        "Only one at a time may: stop the other one first.",
    ),
    _E.SOCKETS_HELD: row(
        1,
        (
            (
                "Another program keeps the agent's socket {path}: as a rule the service manager,"
                " which starts the agent itself as soon as it is needed. No agent was started here."
            ),
            "Another program keeps the agent's socket. No agent was started here.",
        ),
        "Any command will do, for example: custode status. To run the agent by hand, first:"
        " systemctl --user stop custode-agent.socket",
    ),
    _E.PART_MISSING: row(
        20,
        (
            "Something that this needs is missing on this computer: {why}. Nothing was changed.",
            "Something that this needs is missing on this computer. Nothing was changed.",
        ),
        "Install it, then run the command again; in a checkout `make setup` does it.",
    ),
    _E.NO_DISPLAY: row(
        20,
        "There is no desktop here on which Custode could show itself. Nothing was changed.",
        "Start it from your desktop; the other commands need none.",
    ),
    _E.AGENT_STOPPING: row(
        40,
        "The agent is stopping: what was begun is kept, and goes on when it starts again.",
        "Run the command again.",
    ),
    _E.PROTOCOL_MISMATCH: row(
        40,
        (
            "The agent speaks protocol {ours}, this program {theirs}: one of them is older.",
            "The agent and this program do not speak the same protocol.",
        ),
        "Restart the agent, so that both come from the same installation.",
    ),
    _E.SECRET_UNANSWERED: row(
        16,
        (
            "Nobody answered the question for a secret within {seconds} seconds. Nothing was sent.",
            "Nobody answered the question for a secret. Nothing was sent.",
        ),
        "Run the command again when you are at the computer.",
    ),
    _E.SECRET_MISSING: row(
        2,
        (
            "The secret could not be used: {why}. Nothing was sent.",
            "No secret was given. Nothing was sent.",
        ),
        "Run the command again and type it, or check the source that you named.",
    ),
    _E.JOB_FAILED: row(
        1,
        ("The work could not be finished: {why}.", "The work could not be finished."),
        "Run the command again; what was done already is not done twice.",
    ),
}
