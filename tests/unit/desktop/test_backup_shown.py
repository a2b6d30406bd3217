"""What the backup wizard shows, as tables in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from tests.desktop.windows.situations.backup import (
    BEFORE,
    COMPUTER,
    GONE,
    LOCKED,
    NONE_YET,
    ON_SPARE,
    RICH,
    SAVED,
    SEEN,
    SHARE,
    STANDING,
    STICK,
    VOLUMES,
)

from custode.desktop.view import backup, checking
from custode.error_codes import ErrorCode
from custode.locale.catalogue import use
from custode.locale.failures import translated

SPARE = "spare:5b2e77c0d1a94e11"


@pytest.fixture(autouse=True)
def english() -> None:
    use("en")


def values(volumes: dict[str, Any], standing: dict[str, Any], chosen: str = "") -> list[str]:
    return [one.value for one in backup.spots(volumes, standing, chosen)]


def test_a_second_token_first_then_sticks_then_the_rest_this_computer_last() -> None:
    mixed = {**VOLUMES, "volumes": [SHARE, LOCKED, STICK]}
    assert values(mixed, RICH) == [
        SPARE,
        LOCKED["path"],
        STICK["path"],
        SHARE["path"],
        COMPUTER["path"],
    ]
    assert values({}, {}) == []


def test_a_folder_chosen_by_hand_stands_there_once_and_also_when_it_is_gone() -> None:
    assert values(VOLUMES, STANDING, STICK["path"]).count(STICK["path"]) == 1
    named = {**STICK, "path": "/media/anna/COPIE/2026"}
    (*_, shown) = backup.spots({**VOLUMES, "folder": named}, STANDING, named["path"])
    assert (shown.title, shown.why_not) == ("Folder “2026”", "")
    (*_, gone) = backup.spots(VOLUMES, STANDING, named["path"])
    assert gone.why_not.startswith("It is no longer here")
    assert not backup.still_there([gone], named["path"])


@pytest.mark.parametrize(
    ("rows", "standing", "first"),
    [
        ([STICK], STANDING, STICK["path"]),
        ([STICK, LOCKED], STANDING, STICK["path"]),
        ([LOCKED], STANDING, ""),
        ([STICK, {**STICK, "path": "/media/anna/B"}], STANDING, ""),
        ([SHARE], STANDING, ""),  # neither a server nor this computer, unasked
        ([], RICH, SPARE),
        ([STICK], RICH, ""),
    ],
)
def test_what_stands_chosen_at_the_beginning(
    rows: list[Any], standing: dict[str, Any], first: str
) -> None:
    spots = backup.spots({**VOLUMES, "volumes": rows}, standing)
    assert backup.first_choice(spots) == first


@pytest.mark.parametrize(
    ("row", "english", "italian"),
    [
        (
            STICK,
            ("COPIE", "Stick or other disk that can be unplugged · 7.4 GB free of 8.0 GB", ""),
            ("COPIE", "Chiavetta o altro disco che si può staccare · 7,4 GB liberi su 8,0 GB", ""),
        ),
        (
            {**STICK, "label": "", "why": "full", "free": 0},
            (
                "Disk of 8.0 GB",
                "Stick or other disk that can be unplugged · 0 B free",
                "It is full.",
            ),
            ("Disco da 8,0 GB", "Chiavetta o altro disco", "È piena."),
        ),
        (
            LOCKED,
            ("FOTO", "Stick", "It can only be read: has it a switch that locks it?"),
            ("FOTO", "Chiavetta", "Si può solo leggere: ha forse un interruttore di blocco?"),
        ),
        (
            {**COMPUTER, "why": "not_writable"},
            ("This computer", "Your own folder", "You may not write there."),
            ("Questo computer", "La tua cartella personale", "Non hai il permesso di scriverci."),
        ),
        (
            SHARE,
            ("ufficio", "Folder on another computer\n/srv/ufficio\nThe backup can only", ""),
            ("ufficio", "Cartella su un altro computer\n/srv/ufficio\nLa copia si può", ""),
        ),
        (
            {**SHARE, "network": False, "free": 1, "total": 2},
            ("ufficio", "Another disk of this computer · 1 B free of 2 B", ""),
            ("ufficio", "Un altro disco di questo computer · 1 B liberi su 2 B", ""),
        ),
    ],
)
def test_a_place_in_words(
    row: dict[str, Any], english: tuple[str, str, str], italian: tuple[str, str, str]
) -> None:
    for language, (title, explanation, why_not) in (("en", english), ("it", italian)):
        use(language)
        (spot,) = backup.spots({"volumes": [row]}, {})
        assert spot.title == title
        assert spot.explanation.startswith(explanation)
        assert spot.why_not == why_not


def test_this_computer_is_told_for_what_it_is() -> None:
    (spot,) = backup.spots({"computer": COMPUTER}, {})
    assert spot.explanation.endswith("the backup is gone with it.")


def test_a_hostile_name_cannot_turn_the_line_round() -> None:
    (spot,) = backup.spots({"volumes": [{**STICK, "label": "A\u202eB", "path": "/m/\x1b[2J"}]}, {})
    assert "\u202e" not in spot.title
    assert "\x1b" not in spot.explanation


def test_what_the_agent_is_told() -> None:
    plan = backup.Plan("/media/anna/COPIE", backup.COPY, ("/a", "/b"))
    assert plan.params() == {"to": "/media/anna/COPIE", "kind": "copy", "include": ["/a", "/b"]}
    on_spare = backup.Plan(backup.on_spare("01"), backup.COPY, ("/a",))
    assert on_spare.params() == {"on_token": "01"}
    assert (plan.spare, on_spare.spare) == ("", "01")


def test_whether_one_can_be_made() -> None:
    assert backup.refusal(STANDING) is None
    gone, none = backup.refusal(GONE), backup.refusal(NONE_YET)
    assert gone is not None
    assert none is not None
    assert (gone.code, none.code) == (ErrorCode.TOKEN_GONE, ErrorCode.NO_CERTIFICATE)
    assert translated(gone)[0] == "Token Firma Anna Rossi is not plugged in."


@pytest.mark.parametrize(
    ("backups", "language", "told"),
    [
        ([], "en", ""),
        (
            [BEFORE],
            "en",
            "You have a backup already (ROSSI01_2026-02-14, made on 14/02/2026).",
        ),
        (
            [BEFORE, BEFORE],
            "it",
            "Hai già 2 copie, l'ultima è ROSSI01_2026-02-14, fatta il 14/02/2026.",
        ),
    ],
)
def test_the_backups_there_are(backups: list[Any], language: str, told: str) -> None:
    use(language)
    said = backup.had_already({**STANDING, "backups": backups})
    assert said.startswith(told)
    assert bool(said) is bool(told)


def test_kinds_only_where_there_is_a_choice() -> None:
    assert backup.kinds(STANDING) == ()
    assert [one.value for one in backup.kinds(RICH)] == ["successor", "copy"]


def test_a_file_is_taken_along_once() -> None:
    assert backup.with_files(("/a", "/b"), ["/b", "/c", "/c"]) == ("/a", "/b", "/c")


@pytest.mark.parametrize(
    ("place", "titles"),
    [
        (
            STICK["path"],
            ["The PIN of the token “Firma Anna Rossi”", "A new PIN, for the backup"],
        ),
        (
            SPARE,
            ["The PIN of the token “Firma Anna Rossi”", "The PIN of the spare token “Riserva”"],
        ),
    ],
)
def test_the_two_pins(place: str, titles: list[str]) -> None:
    asked = backup.will_ask(RICH, backup.Plan(place))
    assert [one.title for one in asked] == titles
    assert all(one.text for one in asked)


def test_what_was_chosen_before_it_is_done() -> None:
    spots = backup.spots(VOLUMES, RICH)
    plan = backup.Plan(STICK["path"], backup.COPY, ("/home/anna/accesso.txt",))
    assert backup.summary(spots, plan) == [
        ("Where", "COPIE"),
        ("Path", STICK["path"]),
        ("Kind", "A copy of the key"),
        ("Taken along", "accesso.txt"),
    ]
    assert backup.summary(spots, backup.Plan(SPARE)) == [("Where", "On the token “Riserva”")]


@pytest.mark.parametrize(
    ("step", "place", "told"),
    [
        ("", "/x", "Cancelled. No backup was saved, and nothing stays"),
        ("backup.writing", "/x", "Cancelled. No backup was saved, and nothing stays"),
        ("backup.confirming", "/x", "Cancelled. It was just being registered"),
        ("csr.key", SPARE, "Cancelled. No backup was saved. A key that was made"),
        ("backup.confirming", SPARE, "Cancelled. It was just being registered"),
    ],
)
def test_what_giving_up_leaves(step: str, place: str, told: str) -> None:
    error = backup.given_up(step, backup.Plan(place))
    assert error.code is ErrorCode.CANCELLED
    assert translated(error)[0].startswith(told)


def test_what_to_do_now() -> None:
    on_stick = backup.advice(SAVED, unplugged=True)
    assert on_stick[0].startswith("Keep the folder apart from the token")
    assert on_stick[-1] == "Eject the stick before you unplug it."
    assert len(backup.advice({**SAVED, "kind": "copy"}, unplugged=True)) == len(on_stick) + 1
    assert backup.advice(SAVED, unplugged=False) == on_stick[:-1]
    spare = backup.advice(ON_SPARE, unplugged=False)
    assert "Tessera del Comune" in spare[0]
    assert not any("Leggimi" in line for line in spare)


def test_folders_to_check_newest_first() -> None:
    newer = {**BEFORE, "folder_path": "/x/NEW", "created_at": "2026-03-01T10:00:00+00:00"}
    on_token = {**BEFORE, "folder_path": None, "place": "token"}
    status = {"backups": [BEFORE, newer, on_token]}
    spots = checking.known(status, lambda path: path != "/x/NEW")
    assert [one.value for one in spots] == ["/x/NEW", BEFORE["folder_path"]]
    assert "It is not here now" in spots[0].why_not
    assert checking.first_choice(spots) == BEFORE["folder_path"]
    assert checking.first_choice(()) == ""


def test_one_chosen_by_hand_comes_first_and_once() -> None:
    status = {"backups": [BEFORE]}
    spots = checking.known(status, lambda _: True, "/y/other")
    assert [one.value for one in spots] == ["/y/other", BEFORE["folder_path"]]
    assert len(checking.known(status, lambda _: True, BEFORE["folder_path"])) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ""),
        ({"state": "retired"}, "It can never be activated any more: make a new one."),
        ({"state": "locked"}, "It can never be activated any more: make a new one."),
        (
            {"registered": False, "state": None},
            "The authority does not know it: it cannot be activated.",
        ),
    ],
)
def test_what_a_check_found(changed: dict[str, Any], told: str) -> None:
    whole = "The backup is whole, and it was signed by your own original."
    headline, besides = checking.verdict({**SEEN, **changed})
    assert checking.is_good({**SEEN, **changed}) is not bool(told)
    assert headline == (told or whole)
    assert besides == (whole if told else "It is ready for the day on which you need it.")
