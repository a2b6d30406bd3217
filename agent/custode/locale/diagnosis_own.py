"""The doctor's words for the agent's own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.locale.catalogue import mark
from custode.locale.diagnosis_rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE: Final[Mapping[str, str]] = {
    "agent.config": mark("Settings (config.toml)"),
    "agent.socket": mark("Place of the agent's sockets"),
    "agent.starts": mark("The agent runs"),
    "agent.version": mark("The agent is of the installed version"),
    "agent.modules": mark("The agent uses the modules of the settings"),
    "agent.cards": mark("Cards and their modules"),
    "agent.found": mark("Modules found by themselves"),
    "agent.journal": mark("Nothing begun waits for you"),
    "agent.rollback": mark("The database was never put back"),
    "agent.software": mark("Versions"),
    "agent.files": mark("Only you can read what Custode keeps"),
    "agent.state": mark("The agent's database"),
    "agent.audit": mark("The audit log"),
}

_CORRECT: Final = mark("correct line {line} of {path}")
_TAKE: Final = mark("correct the key's name in line {line} of {path}, or take that line out")

ROWS: Final[Mapping[str, Mapping[str, Row]]] = {
    "agent.config": {
        "valid": Row(mark("{path} can be read")),
        "none": Row(mark("there is no {path}: the defaults count")),
        "not_toml": Row(mark("line {line} of {path} is not TOML ({toml})"), step=_CORRECT),
        "unknown_key": Row(
            mark("line {line} of {path}: the key {unknown} is not known"), step=_TAKE
        ),
        "relative": Row(
            mark("line {line} of {path}: a module's path has to begin with /, not so {relative}"),
            step=_CORRECT,
        ),
        "value": Row(
            mark("line {line} of {path}: {key} cannot have this value ({fault})"), step=_CORRECT
        ),
        "fault": Row(mark("line {line} of {path}: {fault_text}"), step=_CORRECT),
        "closed": Row(mark("{path} cannot be read by you"), "chmod u+r {path}"),
        "unreadable": Row(
            mark("{path} cannot be read: {why}"),
            step=mark("put a text file in UTF-8 there, or take it away: the defaults count then"),
        ),
    },
    "agent.socket": {
        "free": Row(mark("the agent can listen there")),
        "in_the_way": Row(
            mark("{path} is in the way: it is no socket of ours"), "mv {path} {path}.old"
        ),
        "of_another": Row(
            mark("{path} belongs to somebody else"),
            step=mark("have the administrator take {path} away"),
        ),
    },
    "agent.starts": {
        "ran": Row(mark("it was running (process {pid})")),
        "started": Row(mark("it was started (process {pid})")),
        "silent": Row(
            mark("somebody listens at {path} and does not answer"),
            step=mark("end that process, then run custode doctor again; {log} may say why"),
        ),
        "config": Row(
            mark("it does not work with these settings"),
            step=mark("correct {file}, as the line about the settings says"),
        ),
        "cannot_with_reason": Row(
            mark("it cannot be started: {why}"),
            step=mark("mend the other faults named here first; {log} may say more"),
        ),
        "cannot": Row(
            mark("it cannot be started"),
            step=mark("mend the other faults named here first; {log} may say why"),
        ),
    },
    "agent.version": {
        "same": Row(mark("version {agent}")),
        "other": Row(
            mark("{agent} is running, {installed} is installed"),
            "custode agent stop",
        ),
    },
    "agent.modules": {
        "in_use": Row(mark("those that the settings name")),
        "changed": Row(mark("{file} names other modules now"), "custode agent stop"),
    },
    "agent.cards": {
        "served": Row(mark("{module} shows the card in {reader}")),
        "none": Row(mark("no card is in a reader")),
        "ignored": Row(mark("the card in {reader} is one that Custode leaves alone")),
        "identifying": Row(mark("not looked at: the card in {reader} is just being read")),
        "to_install": Row(
            mark("the card in {reader} wants {module}, which is not installed"),
            "sudo apt-get install {package}",
        ),
        "failed": Row(
            mark("no module shows the card in {reader}; {module} says: {why}"),
            step=mark("take the card out and put it in again; then name its module in {file}"),
        ),
        "unknown": Row(
            mark("no module that is known here shows a token on the card in {reader}"),
            step=mark("name that card's module in {file}; custode status says what to write there"),
        ),
    },
    "agent.journal": {
        "nothing": Row(mark("nothing was left half done")),
        "left": Row(mark("begun and not finished: {what}")),  # `words.GO_ON` says how it goes on
    },
    "agent.rollback": {
        "never": Row(mark("it is as new as its audit log")),
        "once": Row(
            mark("on {at} an older database was found; what the log says is over was closed again")
        ),
    },
    "agent.software": {
        "told": Row(mark("Custode {custode}, Python {python}, {system}")),
        "old_python": Row(
            mark("Python {python} is too old"),
            step=mark("install Python 3.11 or later, then Custode again"),
        ),
    },
    "agent.files": {
        "private": Row(mark("files and folders are yours alone")),
        "open": Row(mark("others can read {path} (permissions {mode})"), "chmod go-rwx {path}"),
        "writable": Row(mark("others can write {path} (permissions {mode})"), "chmod go-w {path}"),
        "of_another": Row(
            mark("{path} belongs to another user ({owner})"), "sudo chown {user} {path}"
        ),
    },
    "agent.state": {
        "whole": Row(mark("it is whole")),
        "none": Row(mark("there is none yet")),
        "closed": Row(mark("{path} cannot be read and written by you"), "chmod u+rw {path}"),
        "damaged": Row(
            mark("{path} is damaged ({why})"),
            step=mark(
                "put {path} back from a copy; without one move it aside and set the identity again"
            ),
        ),
        "newer": Row(
            mark("{path} was written by a later version of Custode"),
            step=mark("install that version again"),
        ),
    },
    "agent.audit": {
        "whole": Row(mark("every entry fits the one before it ({entries})")),
        "none": Row(mark("there is none yet")),
        "closed": Row(mark("{path} cannot be read and written by you"), "chmod u+rw {path}"),
        "broken": Row(
            mark("{path} does not verify at entry {entry}"),
            step=mark("stop the agent and move {path} aside, as evidence: a new log begins"),
        ),
        "cut": Row(
            mark("entries of {path} were taken away once; the log goes on"),
            step=mark("keep {path} as evidence, and find out who could write there"),
        ),
    },
}
