"""Notifications as data: what they say of each need, in both languages."""

from collections.abc import Iterator
from typing import Any

import pytest

from custode.desktop.view.action import Do
from custode.desktop.view.note import SHORT, ended, note
from custode.domain.need import Need, NeedKind
from custode.locale import catalogue

TOKEN = {"manufacturer": "Acme", "model": "T1", "serial": "0007"}
ARGS: dict[str, dict[str, Any]] = {
    "last_pin_attempt": {"role": "user", "serial": "0007"},
    "pin_locked": {"role": "user", "serial": "0007"},
    "pin_to_be_changed": {"role": "so", "serial": "0007"},
    "install_certificate": {"id_operazione": "OP1", "file_name": "a.csr"},
    "backup_missing": {"id_operazione": "OP1", "file_name": "a.csr"},
    "expiry": {"days_left": 7, "file_name": "a.csr"},
    "operation_can_go_on": {"what": "renew"},
    "spare_key_dead": {"serial": "0007", "backup_id": "b" * 32},
}
WITHOUT_TOKEN = {NeedKind.IDENTITY_MISSING, NeedKind.RECOVERY_EXPORT_MISSING}


@pytest.fixture(params=catalogue.LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    catalogue.use(request.param)
    yield request.param
    catalogue.use("en")


def row(kind: NeedKind) -> dict[str, Any]:
    need = Need(kind, "subject")
    token = None if kind in WITHOUT_TOKEN else TOKEN
    args = ARGS.get(kind.value, {})
    return {
        "need": kind.value,
        "key": need.key,
        "critical": need.critical,
        "token": token,
        "label": "Mio" if token else "",
        "text_args": args,
    }


@pytest.mark.parametrize("kind", NeedKind)
def test_each_need_says_what_why_which_token_and_what_comes_next(
    kind: NeedKind, language: str
) -> None:
    told = note(row(kind))
    assert told.key == f"{kind}:subject"
    assert told.critical == (
        kind in {NeedKind.BACKUP_MISSING, NeedKind.EXPIRY, NeedKind.LAST_PIN_ATTEMPT}
    )
    said = f"{told.title}\n{told.text}"
    if kind not in WITHOUT_TOKEN:
        assert said.count("0007") == 1
        assert said.count("“Mio”") == 1
    assert len(told.title) <= SHORT
    assert told.text.splitlines()[0].endswith((".", "!"))
    for sentence in (told.next_step, told.without_buttons):
        assert sentence.endswith(".")
    assert "custode " not in f"{said} {told.without_buttons}"  # no commands on a desktop
    now, later = told.buttons
    assert (now.action.do, later.action.do) == (Do.OPEN, Do.SNOOZE)
    assert later.action.name == told.key
    labels = {
        "it": ["Esegui ora…", "Ricordamelo domani"],
        "en": ["Do it now…", "Remind me tomorrow"],
    }
    if now.action.name == "panel":  # there it is only told
        labels = {"it": ["Mostra…", labels["it"][1]], "en": ["Show…", labels["en"][1]]}
    assert [now.label, later.label] == labels[language]


def test_an_end_that_has_come_is_the_first_line() -> None:
    catalogue.use("it")
    ended = row(NeedKind.EXPIRY) | {"text_args": {"days_left": -3}}
    told = note(ended)
    catalogue.use("en")
    assert told.title == "Il tuo certificato è scaduto."
    assert told.buttons[0].action.name == "request"


def test_the_red_notice_in_the_clients_words() -> None:
    catalogue.use("it")
    told = note(row(NeedKind.BACKUP_MISSING))
    catalogue.use("en")
    assert told.title == "Esegui la copia di sicurezza!"
    assert told.buttons[0].action.name == "backup"


@pytest.mark.parametrize(
    ("event", "title"),
    [
        ({"what": "backup.create", "seconds": 30, "error": None}, "Custode has finished"),
        ({"what": "backup.create", "seconds": 30, "error": "failed"}, "Something did not succeed"),
        ({"what": "request.create", "seconds": 30, "error": None}, "Custode has finished"),
        ({"what": "backup.create", "seconds": 30, "error": "cancelled"}, None),
        ({"what": "backup.create", "seconds": 3, "error": None}, None),
        ({"what": "status", "seconds": 30, "error": None}, None),
    ],
)
def test_the_end_of_what_took_long_is_told_once(event: dict[str, Any], title: str | None) -> None:
    told = ended(event)
    assert (told and told.title) == title
    if told is not None:
        assert told.text.startswith(("Make the backup.", "Send the request."))
        assert not told.critical
