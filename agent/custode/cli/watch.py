"""`custode watch`: what happens, as it happens."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from custode.cli.command import make_command, pass_face
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import choice, moments, words
from custode.locale.catalogue import mark, t
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face

AGAIN_S: Final = 0.5  # how often an agent that ended is looked for

# What each event is called; its data fills the sentence. Names nobody knows show as they are.
EVENTS: Final[Mapping[str, str]] = {
    "agent_connected": mark("Connected to the agent."),
    "agent_ended": mark("The agent has ended; waiting for it to run again."),
    "token_inserted": mark("Token “{label}” (serial {serial}) was inserted: {token_state}."),
    "token_removed": mark("Token “{label}” (serial {serial}) was removed."),
    "token_changed": mark("Token “{label}” (serial {serial}) has changed: {token_state}."),
    "token_promoted": mark("Token with serial {serial} is the original now."),
    "module_failed": mark("Driver {module} does not work: {why}"),
    "module_recovered": mark("Driver {module} works again."),
    "module_chosen": mark("Module {module} shows this kind of card, and is remembered for it."),
    "card_unknown": mark("The card in “{reader}” is known to no module."),
    "readers_unavailable": mark("Card readers cannot be seen any more ({reader_why})."),
    "readers_available": mark("Card readers can be seen again."),
    "authority_reachable": mark("The authority answers."),
    "authority_unreachable": mark("The authority does not answer."),
    "language_changed": mark("Language: {language}"),
    "identity_set": mark("The certificates are for {code}."),
    "certificate_state": mark("Certificate {id_operazione}: {certificate_state}."),
    "certificate_status": mark("Certificate {fingerprint_sha256}: {certificate_state}."),
    "certificate_installed": mark(
        "Certificate {id_operazione} was put onto the token with serial {serial}."
    ),
    "backup_state": mark("Backup {backup_id}: {backup_state}."),
    "backup_saved": mark("Backup saved: {folder_name}"),
    "spare_saved": mark("Backup {backup_id} is saved on the token with serial {serial}."),
    "spare_cleared": mark("The key of void backup {backup_id} is off token {serial}."),
    "backup_restored": mark("Backup {backup_id} was put onto the token with serial {serial}."),
    "gate_closed": mark("The gate has closed: no backup can be used."),
    "gate_opened": mark("Nothing inserted here keeps the gate closed any more."),
    "need_snoozed": mark("No reminder before {until}: {need}"),
    "prompt_taken_down": mark("Done with: {need}"),
    "backup_folder": mark("Folder {folder}: {path}"),
}
_NAME: Final = "custode-watch"


@make_command(
    "watch",
    mark(
        "Show what happens, as it happens.\n\n"
        "One line an event, or one JSON object a line. Ctrl-C ends it (exit status 0). When the"
        " agent ends, it waits until one runs again and says so."
    ),
)
@pass_face
def command(face: Face) -> None:
    """Show events until the person has seen enough."""
    face.note(t("Ctrl-C ends this."))
    try:
        _watch(Teller(face))
    except KeyboardInterrupt:
        return


def _watch(teller: Teller) -> None:
    agent = AgentClient.connect(name=_NAME)
    while True:
        with agent:
            agent.subscribe()
            teller.tell({"name": "agent_connected", **agent.agent})
            for event in agent.events():
                teller.tell(event)
        teller.tell({"name": "agent_ended"})
        agent = _wait_for_agent()


def _wait_for_agent() -> AgentClient:
    """Connect to the next agent; the one that ended was ended by somebody, so none is started."""
    while True:
        try:
            return AgentClient.connect(name=_NAME, start=False)
        except CustodeError as error:
            if error.code is not ErrorCode.AGENT_UNAVAILABLE:
                raise
        time.sleep(AGAIN_S)


class Teller:
    """Tells events; remembers the needs it has told, for when they are over."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._needs: dict[str, str] = {}

    def tell(self, event: Mapping[str, Any]) -> None:
        """Write one event: as an object, or as a line where it says something to a person."""
        now = datetime.now(UTC)
        if self._face.json:
            self._face.emit_line({"at": now.isoformat(timespec="milliseconds"), **event})
        elif said := self.sentence(event):
            self._face.say(f"{now.astimezone():%H:%M:%S}  {said}")
            self._face.flush()

    def sentence(self, event: Mapping[str, Any]) -> str:
        """What happened, in the person's language; empty for what another event tells already."""
        name = str(event.get("name"))
        match name:
            case "gate" | "running_changed" | "call_ended":
                return ""
            case "prompt_shown":
                title, action = words.need(event)
                if self._needs.get(str(event.get("key"))) == title:
                    return ""  # it stands already: only its notification comes again
                self._needs[str(event.get("key"))] = title
                return f"{title}  → {action}" if action else title
            case "need_snoozed":
                until, key = moments.minute(event.get("until")), str(event.get("key"))
                return t(EVENTS[name], until=until, need=self._needs.get(key, key))
            case "prompt_taken_down":
                title = self._needs.pop(str(event.get("key")), "")
                return t(EVENTS[name], need=title) if title else ""
            case _:
                return t(EVENTS.get(name, name), **_arguments(event))


def _arguments(event: Mapping[str, Any]) -> dict[str, Any]:
    args = {key: "–" if value is None else value for key, value in event.items()}
    state = event.get("state")
    if event.get("name") == "language_changed":
        args["language"] = words.word(words.LANGUAGE, event.get("language") or choice.AUTO)
    args["token_state"] = words.word(words.TOKEN, state)
    args["certificate_state"] = words.word(words.CERTIFICATE, state)
    args["backup_state"] = words.word(words.BACKUP, state)
    args["reader_why"] = words.word(words.WHY, event.get("why"))
    args["folder"] = t("appeared") if event.get("appeared") else t("gone")
    return args
