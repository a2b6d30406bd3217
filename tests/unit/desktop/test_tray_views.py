"""What the tray shows, as tables: status → sign, lines, menu, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from custode.desktop.view import menu, sign
from custode.desktop.view.action import Action, Do, window
from custode.desktop.view.menu import SEPARATOR, Item, Menu
from custode.desktop.view.sign import Sign
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import catalogue

Status = dict[str, Any]

ID = {"manufacturer": "Maker", "model": "Stick", "serial": "00a1"}
NOBODY: Status = {
    "agent": {"language": None},
    "identity": {"code": "ROSSI01", "name": None},
    "tokens": [],
    "certificates": [],
    "needs": [],
    "running": [],
    "readers": None,
}


def token(state: str = "primary", label: str = "Anna", **more: Any) -> Status:
    return {**ID, "label": label, "state": state, "present": True, **more}


def certificate(state: str = "active", **more: Any) -> Status:
    live = state in {"active", "suspended"}
    told = {"token": dict(ID), "state": state, "original": live, "cancellable": live}
    return {**told, "expires_at": "2028-03-14T11:00:00Z", **more}


BACKUP: Status = {"need": "backup_missing", "key": "backup_missing:1", "critical": True}
UNKNOWN: Status = {
    "need": "unknown_token",
    "key": "unknown_token:1",
    "label": "New",
    "critical": False,
    "token": dict(ID),
}
PRESENT = {**NOBODY, "tokens": [token()], "certificates": [certificate()]}
NEEDED = {**PRESENT, "needs": [BACKUP]}
READERS_DOWN = {**NOBODY, "readers": {"ok": False, "why": "no_service"}}
DIED = CustodeError(ErrorCode.AGENT_DIED)
GONE = CustodeError(ErrorCode.AGENT_UNAVAILABLE)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    before = catalogue.current()
    catalogue.use("en")
    yield
    catalogue.use(before)


@pytest.mark.parametrize(
    ("status", "why", "shown"),
    [
        (None, None, Sign.ABSENT),
        (None, DIED, Sign.ABSENT),
        (None, GONE, Sign.TROUBLE),
        (NOBODY, None, Sign.ABSENT),
        ({**NOBODY, "tokens": [token(present=False)]}, None, Sign.ABSENT),
        (PRESENT, None, Sign.PRESENT),
        (NEEDED, None, Sign.ATTENTION),
        (
            {**PRESENT, "needs": [{**BACKUP, "snoozed_until": "2026-11-23T07:00:00Z"}]},
            None,
            "present",
        ),
        (READERS_DOWN, None, Sign.TROUBLE),
        ({**READERS_DOWN, "needs": [UNKNOWN]}, None, Sign.TROUBLE),
        ({**READERS_DOWN, "needs": [BACKUP]}, None, Sign.ATTENTION),
        ({**NOBODY, "drivers": [{"module": "m", "ok": False}]}, None, Sign.TROUBLE),
        ({**NOBODY, "drivers": [{"module": "m", "ok": None}]}, None, Sign.ABSENT),
        ({**PRESENT, "drivers": [{"module": "m", "ok": False}]}, None, Sign.PRESENT),
        ({**NOBODY, "tokens": [token("foreign")]}, None, Sign.PRESENT),
    ],
)
def test_which_sign_stands_for_what(
    status: Status | None, why: CustodeError | None, shown: Sign
) -> None:
    assert sign.sign(status, why) is Sign(shown)


@pytest.mark.parametrize(
    ("status", "why", "standing"),
    [
        (None, None, "active"),
        (None, GONE, "active"),
        (NOBODY, None, "active"),
        ({**NOBODY, "tray": {"always": False}}, None, "passive"),
        ({**NOBODY, "tray": {"always": True}}, None, "active"),
        (PRESENT, None, "active"),
        (NEEDED, None, "calling"),
        (READERS_DOWN, None, "active"),
    ],
)
def test_how_much_room_the_icon_asks_for(
    status: Status | None, why: CustodeError | None, standing: str
) -> None:
    assert sign.standing(status, why).value == standing


LINES: list[tuple[Status | None, CustodeError | None, str, str]] = [
    (None, None, "Custode is starting…", "Custode si avvia…"),
    (None, DIED, "Custode is starting again…", "Custode si riavvia…"),
    (None, GONE, "Custode's agent does not run.", "L'agente di Custode non è in funzione."),
    (NOBODY, None, "No token inserted", "Nessun token inserito"),
    (
        PRESENT,
        None,
        "Original inserted: ROSSI01, expires on 14/03/2028",
        "Originale inserito: ROSSI01, scade il 14/03/2028",
    ),
    (
        {**PRESENT, "identity": {"name": "ROSSI MARIO"}},
        None,
        "Original inserted: ROSSI MARIO, expires on 14/03/2028",
        "Originale inserito: ROSSI MARIO, scade il 14/03/2028",
    ),
    (
        {**PRESENT, "certificates": [certificate("suspended")], "identity": None},
        None,
        "Original inserted: Anna, suspended",
        "Originale inserito: Anna, sospeso",
    ),
    (
        {**PRESENT, "certificates": [certificate("cancelled"), certificate("requested")]},
        None,
        "Original inserted: ROSSI01, requested",
        "Originale inserito: ROSSI01, richiesto",
    ),
    (
        {**PRESENT, "certificates": [certificate("expired")]},
        None,
        "Original inserted: ROSSI01, expired on 14/03/2028",
        "Originale inserito: ROSSI01, scaduto il 14/03/2028",
    ),
    (
        {**PRESENT, "certificates": [certificate(token={**ID, "serial": "other"})]},
        None,
        "Original inserted: ROSSI01, no certificate yet",
        "Originale inserito: ROSSI01, ancora senza certificato",
    ),
    (
        {**PRESENT, "tokens": [token("foreign", "Else"), token("spare", "Two"), token()]},
        None,
        "Original inserted: ROSSI01, expires on 14/03/2028 (and 2 more tokens)",
        "Originale inserito: ROSSI01, scade il 14/03/2028 (e altri 2 token)",
    ),
    (
        {**NOBODY, "tokens": [token("unknown", "New")]},
        None,
        "Token inserted: “New”, not known yet",
        "Token inserito: “New”, non ancora conosciuto",
    ),
    (
        {**NOBODY, "cards": [{"state": "identifying"}]},
        None,
        "A token has arrived, it is being read…",
        "È arrivato un token: Custode lo sta leggendo…",
    ),
    (
        READERS_DOWN,
        None,
        "Card readers cannot be seen: the reader service (PC/SC) does not run",
        "I lettori non si vedono: il servizio dei lettori (PC/SC) non è in esecuzione",
    ),
    (
        {**NOBODY, "cards": [{"state": "unknown", "reader": "ACS"}]},
        None,
        "The card in “ACS” is known to no module.",
        "La carta in “ACS” non è nota a nessun modulo.",
    ),
]


@pytest.mark.parametrize(("status", "why", "english", "italian"), LINES)
def test_the_first_line_says_how_things_stand(
    status: Status | None, why: CustodeError | None, english: str, italian: str
) -> None:
    assert sign.headline(status, why) == english
    catalogue.use("it")
    assert sign.headline(status, why) == italian


def test_a_long_name_does_not_make_the_menu_as_wide_as_the_screen() -> None:
    token = {"present": True, "state": "primary", "serial": "1"}
    line = sign.headline({"tokens": [token], "identity": {"name": "Rossi e figli " * 9}})
    assert line == f"Original inserted: {('Rossi e figli ' * 9)[:39]}…, no certificate yet"


@pytest.mark.parametrize("code", ErrorCode)
def test_every_reason_for_there_being_no_agent_has_a_line(code: ErrorCode) -> None:
    assert sign.headline(None, CustodeError(code)).endswith((".", "…"))


def test_the_title_says_what_runs_before_what_is_needed_before_what_is() -> None:
    assert sign.title(PRESENT) == "Custode: Original inserted: ROSSI01, expires on 14/03/2028"
    assert sign.title(NEEDED) == "Custode: Make your backup now!"
    row = {"id": 1, "what": "backup.create", "step": "backup.writing", "text": ""}
    assert (
        sign.title({**NEEDED, "running": [row]}) == "Custode: The backup's folder is being written…"
    )


def outline(drawn: Menu, depth: int = 0) -> list[str]:
    """A menu as lines: `-` separator, `~` cannot be chosen, `*`/`o` choices, indented."""
    lines: list[str] = []
    for item in drawn:
        choice = {None: "", True: "* ", False: "o "}[item.checked]
        text = "-" if item is SEPARATOR else choice + item.label + ("" if item.enabled else " ~")
        lines += ["    " * depth + text, *outline(item.children, depth + 1)]
    return lines


ITALIAN = """
● Originale inserito: ROSSI MARIO, scade il 14/03/2028 ~
⚠ Esegui la copia di sicurezza!
-
Apri Custode…
Certificato
    Richiedi…
    Installa…
    Rinnova…
    Annulla…
Utilità
    Salva una copia di sicurezza del tuo certificato…
    Verifica una copia…
    Segnala smarrimento, furto o guasto…
    Attiva una copia…
    Cambia PIN…
    Sblocca PIN…
    Ripristina le credenziali… ~
    Diagnostica…
Token
    “Anna” (numero di serie 00a1): l'originale
-
Lingua
    o Come il computer
    * Italiano
    o English
Informazioni
Esci
"""
ENGLISH = """
○ No token inserted ~
-
Open Custode…
Certificate
    Request…
    Install…
    Renew…
Utilities
    Save a backup of your certificate…
    Verify a backup…
    Report a loss, theft or fault…
    Activate a backup…
    Change PIN…
    Unblock PIN…
    Restore the credentials… ~
    Diagnostics…
Token
    No token inserted ~
-
Language
    * As the computer
    o Italiano
    o English
About
Quit
"""


def test_the_menu_as_it_is_drawn_in_italian() -> None:
    catalogue.use("it")
    status = {**NEEDED, "identity": {"name": "ROSSI MARIO"}, "agent": {"language": "it"}}
    assert outline(menu.menu(status)) == ITALIAN.strip().splitlines()


def test_the_menu_as_it_is_drawn_in_english() -> None:
    assert outline(menu.menu(NOBODY)) == ENGLISH.strip().splitlines()


def test_what_a_status_does_not_tell_breaks_nothing() -> None:
    assert sign.headline({}) == "No token inserted"
    bare = {"tokens": [{"present": True}], "needs": [{}], "running": [{}], "cards": [{}]}
    assert menu.menu(bare | {"certificates": [{}], "drivers": [{}], "readers": {"ok": True}})
    assert sign.title(bare)


def top(status: Status | None, why: CustodeError | None = None) -> list[Item]:
    drawn = menu.menu(status, why)
    return list(drawn[: drawn.index(SEPARATOR)])


def find(status: Status | None, label: str, *below: str) -> Item:
    found = next(item for item in menu.menu(status) if item.label == label)
    for name in below:
        found = next(item for item in found.children if item.label == name)
    return found


def test_the_most_urgent_need_leads_where_it_is_met_and_the_others_are_listed() -> None:
    status = {**NEEDED, "needs": [BACKUP, UNKNOWN]}
    _, urgent, others = top(status)
    assert urgent.action == window("backup")
    assert [item.label for item in others.children] == ["Token “New” is not known yet."]
    assert others.children[0].action == window("request", token="00a1")


def test_what_was_put_off_is_listed_and_does_not_press() -> None:
    status = {**PRESENT, "needs": [{**BACKUP, "snoozed_until": "2026-11-23T07:00:00Z"}]}
    state, others = top(status)
    assert state.label.startswith("●")
    assert [item.label for item in others.children] == [
        "Make your backup now! (again on 23/11/2026)"
    ]
    status["needs"].append(UNKNOWN)
    _, urgent, others = top(status)
    assert urgent.label == "⚠ Token “New” is not known yet."
    assert [item.action for item in others.children] == [window("backup")]


def test_what_runs_is_shown() -> None:
    row = {"id": 1, "what": "renew", "step": "", "text": "A secret came"}
    assert [item.label for item in top({**PRESENT, "running": [row]})][1:] == ["A secret came…"]


def test_without_an_agent_only_what_needs_none_can_be_chosen() -> None:
    drawn = menu.menu(None, GONE)
    assert [item.label for item in top(None, GONE)] == [
        "✕ Custode's agent does not run.",
        "Find out what is wrong…",
    ]
    usable = {item.label for item in drawn if item.enabled and item is not SEPARATOR}
    assert {"Open Custode…", "About", "Quit"} <= usable
    assert not {"Certificate", "Language"} & usable
    utilities = next(item for item in drawn if item.label == "Utilities")
    assert [item.label for item in utilities.children if item.enabled] == ["Diagnostics…"]


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_cancelling_is_offered_while_something_can_be_cancelled(state: str) -> None:
    status = {**PRESENT, "certificates": [certificate(state)]}
    assert find(status, "Certificate", "Cancel…").action == window("cancel")
    over = {**PRESENT, "certificates": [certificate("cancelled")]}
    assert [item.label for item in find(over, "Certificate").children][-1] == "Renew…"


def test_each_token_has_a_line_with_its_state() -> None:
    here = [token(), token("spare", "Two", serial="00b2", pin_final_try=True)]
    gone = token("recognised", "Old", serial="00c3", present=False)
    lines = find({**PRESENT, "tokens": [*here, gone]}, "Token").children
    assert [line.label for line in lines] == [
        "“Anna” (serial 00a1): the original",
        "“Two” (serial 00b2): spare, PIN: only ONE attempt left",
    ]


def test_every_line_that_can_be_chosen_does_something_and_the_main_one_opens_the_panel() -> None:
    def leaves(drawn: Menu) -> Iterator[Item]:
        for item in drawn:
            yield from leaves(item.children) if item.children else (item,)

    for item in leaves(menu.menu({**NEEDED, "needs": [BACKUP, UNKNOWN]})):
        assert (item.action is not None) == item.enabled, item
    main = [item for item in leaves(menu.menu(NEEDED)) if item.main]
    assert [item.action for item in main] == [window("panel")]
    assert find(NEEDED, "Quit").action == Action(Do.QUIT)
    assert find(NEEDED, "Language", "English").action == Action(Do.LANGUAGE, "en")
