"""Reports, activation, gate, cancellation and retirement as data, in both languages."""

from collections.abc import Iterator
from typing import Any

import pytest

from custode.desktop.view import activating, cancelling, gate, reporting, restoring, retiring
from custode.desktop.view.action import window
from custode.desktop.view.activating import Mark, Now
from custode.domain.gate import ENDED, GateCode, Remedy
from custode.locale.catalogue import use
from custode_authority.wire.reasons import REASONS
from custode_authority.wire.states import BackupState

ORIGINAL = {
    "id_operazione": "OP1",
    "fingerprint_sha256": "a",
    "state": "suspended",
    "reported": "theft",
    "reported_at": "2026-03-10T08:00:00Z",
    "expires_at": "2029-03-10T08:00:00Z",
}
BACKUP = {
    "backup_id": "b",
    "state": "registered",
    "original_sha256": "a",
    "created_at": "2026-03-09T09:00:00Z",
    "folder_name": "F_2026-03-09",
    "folder_path": "/m/F_2026-03-09",
    "requested_at": "2026-03-10T09:00:00Z",
    "approved_at": "2026-03-11T09:00:00Z",
    "tries_remaining": 5,
}
SPARE = {**BACKUP, "backup_id": "s", "place": "token", "token": {"serial": "0099"}, "label": "R"}


@pytest.fixture(params=["en", "it"], autouse=True)
def _language(request: pytest.FixtureRequest) -> Iterator[None]:
    use(request.param)
    yield
    use("en")


def has_no_command(*texts: str) -> bool:
    return not any("custode " in text or "--" in text for text in texts)


# --- report ------------------------------------------------------------------------------------


def test_what_can_be_reported_is_the_authoritys_table() -> None:
    found = reporting.choices()
    assert [one.reason for one in found] == [
        reason.value for reason, row in REASONS.items() if row.reportable
    ]
    assert [one.undoable for one in found] == [True, False, True]
    assert len({text for one in found for text in one if isinstance(text, str)}) == 14
    assert all(has_no_command(one.title, one.text, one.effect) for one in found)


@pytest.mark.parametrize(
    ("reason", "day", "stolen"),
    [("lost", True, False), ("theft", True, True), ("malfunction", False, False)],
)
def test_what_is_asked_depends_on_what_happened(reason: str, *, day: bool, stolen: bool) -> None:
    assert reporting.asks_last_held(reason) is day
    assert reporting.asks_backup_stolen(reason) is stolen


@pytest.mark.parametrize(
    ("usable", "action"),
    [
        ([], window("reissue")),
        (
            [{**BACKUP, "path": "/m/F"}],
            window("activate", folder="/m/F", backup_id="b", reason="lost"),
        ),
        ([BACKUP, SPARE], window("activate", backup_id="s", reason="lost")),
        ([{**BACKUP, "path": "/m/F", "state": "collected"}], window("restore", folder="/m/F")),
    ],
)
def test_a_report_leads_on(usable: list[dict[str, Any]], action: Any) -> None:
    found = reporting.next_step({"usable": usable}, "lost")
    assert found.action == action
    assert found.text
    assert found.button


# --- activation --------------------------------------------------------------------------------

MARKS = {"d": Mark.DONE, "n": Mark.NOW, "l": Mark.LATER}


@pytest.mark.parametrize(
    ("state", "original", "at", "marks"),
    [
        ("registered", "active", Now.REPORT, "nllll"),
        ("registered", None, Now.REPORT, "nllll"),
        ("registered", "suspended", Now.REQUEST, "dnlll"),
        ("registered", "cancelled", Now.REQUEST, "dnlll"),
        ("registered", "expired", Now.REQUEST, "dnlll"),
        ("requested", "suspended", Now.APPROVAL, "ddnll"),
        ("approved", "suspended", Now.COLLECT, "dddnl"),
        ("collected", "cancelled", Now.RESTORE, "ddddn"),
        ("restored", "cancelled", Now.DONE, "ddddd"),
        ("retired", "cancelled", Now.DEAD, "lllll"),
        ("locked", "suspended", Now.DEAD, "lllll"),
        ("reserved", "active", Now.DEAD, "lllll"),
    ],
)
@pytest.mark.parametrize("row", [BACKUP, SPARE])
def test_where_it_stands_in_the_five_steps(
    row: dict[str, Any], state: str, original: str | None, at: Now, marks: str
) -> None:
    backup = {**row, "state": state}
    known = None if original is None else {**ORIGINAL, "state": original}
    assert activating.now(backup, known) is at
    found = activating.steps(backup, known)
    assert [step.number for step in found] == [1, 2, 3, 4, 5]
    assert [step.mark for step in found] == [MARKS[mark] for mark in marks]
    told = activating.told(backup, known)
    assert told.title
    assert told.text
    assert bool(told.button) is (at not in {Now.APPROVAL, Now.DONE, Now.DEAD})
    assert has_no_command(*told)
    assert activating.ends_the_original(backup, known) is (at in {Now.REQUEST, Now.COLLECT})
    ours = {Now.REQUEST, Now.COLLECT} | ({Now.RESTORE} if row is SPARE else set())
    assert activating.is_ours(backup, known) is (at in ours)


def test_every_state_of_a_backup_is_told() -> None:
    for state in BackupState:
        assert activating.told({**BACKUP, "state": state.value}, ORIGINAL).text
    for ended in ENDED:
        assert activating.why_dead({"state": ended.value})


def test_the_steps_say_when() -> None:
    waiting = activating.steps({**BACKUP, "state": "requested"}, ORIGINAL)
    assert waiting[0].when.startswith("10/03/2026 09:00, ")
    assert waiting[1].when == "10/03/2026 10:00"
    assert waiting[2].when.endswith("10/03/2026 10:00")
    assert waiting[3].when == ""
    assert activating.steps({**BACKUP, "state": "approved"}, ORIGINAL)[2].when == "11/03/2026 10:00"


def test_tries_are_counted_for_a_folder_only() -> None:
    assert activating.tries_left({**BACKUP, "tries_remaining": 2}) == 2
    assert activating.tries_left(SPARE) is None


def test_what_can_go_on_is_offered_the_furthest_first() -> None:
    older = {**BACKUP, "backup_id": "o", "created_at": "2026-03-01T09:00:00Z"}
    further = {**older, "backup_id": "f", "state": "approved"}
    over = {**BACKUP, "backup_id": "x", "state": "retired"}
    status = {"backups": [older, BACKUP, over, further, SPARE], "certificates": [ORIGINAL]}
    found = activating.candidates(status)
    assert [one.backup_id for one in found] == ["f", "b", "s", "o"]
    assert (found[1].folder, found[1].serial) == ("/m/F_2026-03-09", "")
    assert found[2].serial == "0099"
    assert activating.find(status, folder="/m/F_2026-03-09", backup_id="") is older
    assert activating.find({"backups": [BACKUP]}, folder="F_2026-03-09") is BACKUP
    assert activating.find(status, backup_id="s") is SPARE
    assert activating.find(status, serial="0099") is SPARE
    assert activating.find(status, serial="0098") is None
    assert activating.original_of(status, BACKUP) is ORIGINAL
    assert activating.reason_of(status, BACKUP) == "theft"
    assert activating.reason_of({}, BACKUP) == ""


# --- gate --------------------------------------------------------------------------------------


def test_every_reason_and_every_remedy_is_told_without_commands() -> None:
    for code in GateCode:
        for remedy in Remedy:
            row = {"code": code.value, "remedy": remedy.value, "text_args": {"state": "active"}}
            (told,) = gate.reasons({"reasons": [row]}, "/m/F")
            assert told.fact not in {"", code.value}
            assert told.remedy
            assert has_no_command(told.fact, told.remedy, told.button)
            assert bool(told.button) is (told.action is not None)


def test_a_remedy_has_its_button_once() -> None:
    rows = [
        {"code": "status_unknown", "remedy": "reach_authority"},
        {"code": "backup_unknown", "remedy": "reach_authority"},
        {"code": "no_grant", "remedy": "collect"},
    ]
    found = gate.reasons({"reasons": rows}, "/m/F")
    assert [one.action for one in found] == [
        window("doctor"),
        None,
        window("activate", folder="/m/F"),
    ]


def test_only_what_a_verdict_depends_on_has_it_asked_for_anew() -> None:
    status = {"gate": {"allowed": False}, "tokens": [], "needs": []}
    assert gate.facts(status) == gate.facts({**status, "needs": [{"need": "expiry"}]})
    assert gate.facts(status) != gate.facts({**status, "tokens": [{"serial": "1"}]})


def test_the_verdict_is_said_first() -> None:
    open_, shut = gate.headline({"allowed": True}), gate.headline({"allowed": False})
    assert open_[0] != shut[0]
    assert all((*open_, *shut))


# --- cancellation ------------------------------------------------------------------------------


def test_only_what_is_active_can_be_chosen() -> None:
    rows = [
        {**ORIGINAL, "id_operazione": state, "state": state}
        for state in ("requested", "generating", "active", "suspended", "expired", "cancelled")
    ]
    found = cancelling.certificates({"certificates": rows})
    assert [one.operation for one in found] == ["active", "suspended"]
    assert all("10/03/2029" in one.text for one in found)


def test_all_six_reasons_are_offered() -> None:
    found = cancelling.reasons()
    assert [one.reason for one in found] == [reason.value for reason in REASONS]
    assert len({one.text for one in found}) == len(found)


def test_the_word_has_to_be_typed() -> None:
    for word, confirmed in (
        (cancelling.confirmation_word(), cancelling.confirmed),
        (restoring.give_up_word(), restoring.given_up),
    ):
        assert confirmed(word)
        assert confirmed(f"  {word.lower()} ")
        assert not confirmed("")
        assert not confirmed(word[:-1])


# --- tokens and retirement ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "restores", "reissues"),
    [
        ({"state": "unknown", "user_pin_initialized": True}, True, True),
        ({"state": "unknown", "user_pin_initialized": False}, False, True),
        ({"state": "retired", "user_pin_initialized": True}, False, False),
    ],
)
def test_which_tokens_may_be_taken(row: dict[str, Any], *, restores: bool, reissues: bool) -> None:
    assert (restoring.why_not(row) == "") is restores
    assert (restoring.why_not_reissued(row) == "") is reissues


def test_a_token_fresh_from_the_factory_is_prepared_first() -> None:
    fresh = {"label": "N", "serial": "1", "present": True, "state": "unknown"}
    row = {**fresh, "user_pin_initialized": False}
    assert restoring.unprepared({"tokens": [row]}) == [("N", "1")]
    for other in ({"present": False}, {"state": "foreign"}, {"user_pin_initialized": True}):
        assert restoring.unprepared({"tokens": [{**row, **other}]}) == []


def test_what_stands_ready_can_be_made_void_and_who_signs() -> None:
    over = {**BACKUP, "backup_id": "x", "state": "collected"}
    status = {
        "backups": [over, BACKUP],
        "certificates": [
            {**ORIGINAL, "state": "active", "installed": True, "token": {"serial": serial}}
            for serial in ("0001", "0002")
        ],
        "tokens": [
            {"serial": "0001", "label": "A", "present": False},
            {"serial": "0002", "label": "B", "present": True},
            {"serial": "0003", "label": "C", "present": True},
        ],
    }
    assert [one.backup_id for one in retiring.backups(status)] == ["b"]
    assert not retiring.others(status, "b")
    assert retiring.others(status, "z")
    assert retiring.signer(status) == {"serial": "0002", "label": "B", "present": True}
    assert retiring.signer({**status, "certificates": [ORIGINAL]}) is None
