"""At which stage of the way to a certificate a person stands, and what is told there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from custode.desktop.view import keys
from custode.desktop.view.requesting import STEPS, Stage, Way, Wish, fit, next_look, paper, way
from custode.locale.catalogue import use

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = {
    "serial": "01",
    "label": "ROSSI",
    "model": "M",
    "pin_set": True,
    "keys": ["p256", "rsa2048", "ed25519"],
    "copyable": False,
    "refusal": None,
}
FRESH = TOKEN | {"serial": "02", "pin_set": False}
MUTE = TOKEN | {"serial": "03", "keys": []}
RETIRED = TOKEN | {"serial": "04", "refusal": {"code": "token_retired", "data": {}}}
SPARE = TOKEN | {"serial": "05", "refusal": {"code": "spare_taken", "data": {}}}
UNSENT = {"file_name": "a.csr", "serial": "01", "key": "p256", "made_at": "2026-02-27T10:00:00Z"}
WHO = {"code": "ROSSI01", "codice_fiscale": "RSSNNA80A01H501H", "name": "Anna Rossi"}


def row(state: str, number: int = 1, *, installed: bool = False) -> dict[str, Any]:
    return {
        "id_operazione": f"OP{number}",
        "file_name": "a.csr",
        "state": state,
        "key_sha256": f"k{number}",
        "requested_at": f"2026-02-0{number}T10:00:00Z",
        "expires_at": "2029-02-01T10:00:00Z",
        "outcome": "not approved" if state == "rejected" else None,
        "installed": installed,
        "original": installed and state != "cancelled",
        "token": {"serial": "01"},
    }


def need(kind: str, number: int = 1) -> dict[str, Any]:
    return {"need": kind, "text_args": {"id_operazione": f"OP{number}"}}


def status(*rows: Any, needs: Any = (), who: Any = WHO) -> dict[str, Any]:
    here = {"serial": "01", "label": "ROSSI", "present": True}
    return {"identity": who, "certificates": list(rows), "needs": list(needs), "tokens": [here]}


def standing(*tokens: Any, unsent: Any = None, begun: Any = (), looks: Any = ()) -> dict[str, Any]:
    return {"tokens": list(tokens), "unsent": unsent, "begun": list(begun), "looks": list(looks)}


ACTIVE = row("active", installed=True)
ARRIVED = [need("install_certificate", 2)]
NEW, ON_02 = Wish(new=True), Wish("02")
WAYS = [
    (status(who=None), standing(TOKEN), Wish(), Stage.IDENTITY),
    (status(), standing(), Wish(), Stage.TOKEN),
    (status(), standing(MUTE, RETIRED, SPARE), Wish(), Stage.TOKEN),
    (status(), standing(FRESH), Wish(), Stage.PIN),
    (status(), standing(TOKEN, FRESH), Wish(), Stage.KEY),
    (status(), standing(TOKEN, FRESH), ON_02, Stage.PIN),
    (status(), standing(TOKEN), ON_02, Stage.KEY),
    (status(), standing(unsent=UNSENT), Wish(), Stage.SEND),
    (status(), standing(TOKEN, unsent=UNSENT), NEW, Stage.KEY),
    (status(row("requested")), standing(), Wish(), Stage.WAITING),
    (status(row("generating")), standing(TOKEN), NEW, Stage.WAITING),
    (status(row("rejected")), standing(TOKEN), Wish(), Stage.REJECTED),
    (status(row("rejected")), standing(TOKEN), NEW, Stage.KEY),
    (status(ACTIVE, row("active", 2), needs=ARRIVED), standing(), Wish(), Stage.INSTALL),
    (status(ACTIVE, needs=[need("backup_missing")]), standing(TOKEN), Wish(), Stage.BACKUP),
    (status(ACTIVE), standing(TOKEN), Wish(), Stage.THERE),
    (status(ACTIVE), standing(FRESH), ON_02, Stage.PIN),
    (status(ACTIVE), standing(TOKEN), NEW, Stage.KEY),
    (status(row("suspended", installed=True)), standing(), Wish(), Stage.SUSPENDED),
    (status(row("expired", installed=True)), standing(TOKEN), Wish(), Stage.KEY),
    (status(row("cancelled", installed=True)), standing(), Wish(), Stage.TOKEN),
]


@pytest.fixture(params=["it", "en"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize(("told", "stands", "wish", "stage"), WAYS)
def test_every_stage_is_found_and_told(
    told: Any, stands: Any, wish: Wish, stage: Stage, language: str
) -> None:
    at = way(told, stands, wish)
    assert at.stage is stage
    assert 0 <= at.step <= len(STEPS)
    said = paper(at, told, stands, NOW)
    texts = [said.title, *said.lines, *(f"{name}{value}" for name, value in said.facts)]
    assert all(texts)
    assert not any("custode " in text or "?" in text.rstrip("?") for text in texts), texts


def test_every_stage_stands_in_the_table() -> None:
    assert {stage for *_, stage in WAYS} == set(Stage)


def test_a_token_on_which_a_key_was_begun_comes_first() -> None:
    begun = {"serial": "02", "key": "p384", "copyable": True}
    stands = standing(TOKEN, RETIRED, MUTE, FRESH, begun=[begun])
    assert [one["serial"] for one in fit(stands)] == ["02", "01"]
    assert keys.wanted(FRESH, keys.begun_on(stands, "02")) == ("p384", True)
    assert keys.wanted(TOKEN, keys.begun_on(stands, "01")) == ("rsa2048", False)
    assert keys.wanted(TOKEN | {"keys": ["p256"]}, None) == ("p256", False)


def test_tokens_of_one_serial_are_told_apart() -> None:
    stands = standing(TOKEN | {"uri": "pkcs11:a"}, TOKEN | {"uri": "pkcs11:b", "pin_set": False})
    assert [one["name"] for one in fit(stands)] == ["pkcs11:a", "pkcs11:b"]
    assert way(status(), stands, Wish("pkcs11:b")).stage is Stage.PIN
    assert way(status(), stands, Wish("01")).row["name"] == "pkcs11:a"


def test_kinds_of_keys_are_those_of_the_token(language: str) -> None:
    names = dict(keys.choices(TOKEN))
    assert list(names) == ["rsa2048", "p256"]
    assert "RSA" in names["rsa2048"]
    assert keys.named("ed25519") == "ed25519"


def test_why_no_token_here_will_do(language: str) -> None:
    told = paper(Way(Stage.TOKEN), status(), standing(MUTE, RETIRED, SPARE), NOW)
    assert [serial for line in told.lines[1:] for serial in ("03", "04", "05") if serial in line]


@pytest.mark.parametrize(
    ("moment", "english"),
    [
        (None, ""),
        ("2026-03-01T12:00:20Z", "in a few seconds"),
        ("2026-03-01T12:30:00Z", "01/03/2026 13:30"),
    ],
)
def test_when_the_portal_is_asked_again(moment: str | None, english: str) -> None:
    assert next_look(moment, NOW) == english
    looks = [{"key_sha256": "k1", "next_look_at": moment}]
    told = paper(Way(Stage.WAITING, row("generating")), status(), standing(looks=looks), NOW)
    assert ("Next look", english) in told.facts


def test_a_certificate_names_the_token_it_belongs_to(language: str) -> None:
    at = Way(Stage.INSTALL, row("active"))
    told = paper(at, status(), standing(), NOW)
    assert "ROSSI" in told.lines[0]
    assert not told.lacks
    gone = status() | {"tokens": []}
    assert paper(at, gone, standing(), NOW).lacks == "01"
    anywhere = Way(Stage.INSTALL, row("active") | {"token": None})
    assert not paper(anywhere, gone, standing(), NOW).lacks
