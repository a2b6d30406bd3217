"""When a need is put before the person, and when it is left alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain import prompting
from custode.domain.commands import Command, SavePrompt, ShowPrompt, TakeDownPrompt
from custode.domain.machine import step
from custode.domain.model import BackupRecord, Insertion, Module, State, TokenSeen
from custode.domain.needs import needs

BACKUP_MISSING = "backup_missing:" + "a" * 64


def kinds(state: State) -> list[str]:
    return [need.kind.value for need in needs(state, state.now)]


def insert(state: State, *tokens: TokenSeen, first: int = 1) -> State:
    stays = tuple(Insertion(first + n, t, state.now) for n, t in enumerate(tokens))
    return replace(state, modules={"soft": Module("soft", insertions=stays)})


def shown(commands: tuple[Command, ...]) -> list[tuple[str, bool]]:
    return [(c.need.kind.value, c.notify) for c in commands if isinstance(c, ShowPrompt)]


def taken_down(commands: tuple[Command, ...]) -> list[str]:
    return [c.key for c in commands if isinstance(c, TakeDownPrompt)]


def test_one_prompt_an_insertion_one_notification_a_day(away: State, empty: TokenSeen) -> None:
    state = away
    told = []
    for number in range(1, 11):  # ten insertions in a row
        state, commands = prompting.settle(insert(state, empty, first=number))
        told += shown(commands)
        assert prompting.settle(state) == (state, ())
        state, commands = prompting.settle(replace(state, modules={}))
        assert taken_down(commands) == ["unknown_token:Acme/T1/0002"]
    assert told == [("unknown_token", True)] + [("unknown_token", False)] * 9
    tomorrow = replace(state, now=state.now + timedelta(days=1))
    state, commands = prompting.settle(insert(tomorrow, empty, first=11))
    assert shown(commands) == [("unknown_token", True)]
    assert [c.prompt.notified_on for c in commands if isinstance(c, SavePrompt)] == [
        tomorrow.now.date()
    ]


def test_a_snooze_holds_over_insertions_and_ends(away: State, empty: TokenSeen) -> None:
    state, _ = prompting.settle(insert(away, empty))
    key = "unknown_token:Acme/T1/0002"
    until = away.now + timedelta(days=1)
    state, commands = prompting.snooze(state, key, until)
    assert [c.prompt.snoozed_until for c in commands if isinstance(c, SavePrompt)] == [until]
    state, commands = prompting.settle(state)
    assert taken_down(commands) == [key]
    assert prompting.snoozed_until(needs(state, state.now)[0], state, state.now) == until
    assert kinds(state) == ["unknown_token"]  # still listed
    state, commands = prompting.settle(insert(state, empty, first=2))
    assert shown(commands) == []
    state, commands = prompting.settle(replace(state, now=until))
    assert shown(commands) == [("unknown_token", True)]


def test_a_need_that_is_over_takes_its_prompt_down(away: State, backup: BackupRecord) -> None:
    bare, commands = prompting.settle(replace(away, backups={}, modules={}))
    assert shown(commands) == []  # the red notice is listed; it is prompted with the token
    assert kinds(bare) == ["backup_missing"]
    none, commands = prompting.settle(State(now=away.now, faces=away.faces))
    assert shown(commands) == [("identity_missing", True)]
    known, commands = prompting.settle(replace(none, identity=away.identity))
    assert taken_down(commands) == ["identity_missing:"]
    again, commands = prompting.settle(replace(known, identity=None))
    assert shown(commands) == [("identity_missing", False)]  # told once today already
    assert again.prompts_up == {"identity_missing:"}


def test_a_need_that_returns_in_the_same_insertion_is_only_listed(
    here: State, backup: BackupRecord
) -> None:
    state, commands = prompting.settle(replace(here, backups={}))
    assert shown(commands) == [("backup_missing", True)]
    state, commands = prompting.settle(replace(state, backups=here.backups))
    assert taken_down(commands) == ["backup_missing:" + "a" * 64]
    state, commands = prompting.settle(replace(state, backups={}))
    assert commands == ()
    assert state.prompts_up == frozenset()
    assert kinds(state) == ["backup_missing"]


# --- faces that show notifications, and days --------------------------------------------------


def saved(commands: tuple[Command, ...]) -> list[str]:
    return [c.prompt.key for c in commands if isinstance(c, SavePrompt)]


def test_without_a_face_it_is_listed_and_the_day_is_not_used_up(here: State) -> None:
    alone = replace(here, backups={}, faces=frozenset())
    state, commands = prompting.settle(alone)
    assert shown(commands) == [("backup_missing", False)]
    assert saved(commands) == []
    assert prompting.settle(state) == (state, ())
    state, commands = step(state, ev.FaceArrived(1, state.now))  # it comes late
    assert shown(commands) == [("backup_missing", True)]
    assert saved(commands) == [BACKUP_MISSING]
    assert state.prompts_up == {BACKUP_MISSING}
    assert prompting.settle(state) == (state, ())


def test_a_face_that_comes_again_is_not_told_twice_a_day(here: State) -> None:
    state, _ = prompting.settle(replace(here, backups={}))
    for event, faces in (
        (ev.FaceLeft(7, state.now), set()),
        (ev.FaceArrived(8, state.now), {8}),
        (ev.FaceLeft(7, state.now), {8}),  # one that nobody knows
    ):
        state, commands = step(state, event)
        assert state.faces == faces
        assert not shown(commands)
        assert not taken_down(commands)
        assert not saved(commands)


@pytest.mark.parametrize("face_comes", [False, True])
def test_what_stands_on_the_next_day(here: State, empty: TokenSeen, *, face_comes: bool) -> None:
    """Critical: said again by itself. The rest: only to a face that comes on that day."""
    token = next(iter(here.insertions)).token
    state, commands = prompting.settle(insert(replace(here, backups={}), token, empty))
    assert shown(commands) == [("backup_missing", True), ("unknown_token", True)]
    tomorrow = state.now + timedelta(days=1)
    happens = ev.FaceArrived(8, tomorrow) if face_comes else ev.ClockTicked(tomorrow)
    state, commands = step(state, happens)
    rest = [("unknown_token", True)] if face_comes else []
    assert shown(commands) == [("backup_missing", True), *rest]
    assert step(state, ev.ClockTicked(tomorrow + timedelta(hours=1)))[1] == ()


def test_a_snoozed_need_is_not_told_to_a_face_that_comes(here: State) -> None:
    state, _ = prompting.settle(replace(here, backups={}, faces=frozenset()))
    until = here.now + timedelta(days=2)
    state, commands = step(state, ev.NeedSnoozed(BACKUP_MISSING, until, state.now))
    assert (
        do.Announce("need_snoozed", {"key": BACKUP_MISSING, "until": until.isoformat()}) in commands
    )
    assert taken_down(commands) == [BACKUP_MISSING]
    state, commands = step(state, ev.FaceArrived(1, state.now))
    assert shown(commands) == []
    early = until - timedelta(seconds=1)
    assert shown(step(state, ev.ClockTicked(early))[1]) == []
    state, commands = step(state, ev.ClockTicked(until))
    assert shown(commands) == [("backup_missing", True)]


def test_a_snooze_that_ends_on_its_own_day_is_silent(here: State) -> None:
    state, _ = prompting.settle(replace(here, backups={}))
    state, _ = step(state, ev.NeedSnoozed(BACKUP_MISSING, here.now + timedelta(hours=1), here.now))
    state, commands = step(state, ev.NeedSnoozed(BACKUP_MISSING, state.now, state.now))  # ended
    assert shown(commands) == [("backup_missing", False)]  # told today already


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day", "ends"),
    [
        ("2026-03-10T09:00", None, "2026-03-11T07:00"),
        ("2026-07-10T09:00", None, "2026-07-11T06:00"),  # summer time
        ("2026-03-10T22:59", None, "2026-03-11T07:00"),  # 23:59 in Rome
        ("2026-03-10T23:00", None, "2026-03-12T07:00"),  # midnight in Rome: a new day
        ("2026-03-28T10:00", None, "2026-03-29T06:00"),  # the night that loses an hour
        ("2026-03-29T00:30", None, "2026-03-30T06:00"),
        ("2026-10-24T10:00", None, "2026-10-25T07:00"),  # the night that has one more
        ("2026-10-25T00:30", None, "2026-10-26T07:00"),
        ("2026-12-31T10:00", None, "2027-01-01T07:00"),
        ("2026-03-10T09:00", date(2026, 3, 15), "2026-03-15T07:00"),
        ("2026-03-10T09:00", date(2026, 3, 11), "2026-03-11T07:00"),
        ("2026-03-10T09:00", date(2026, 3, 10), "2026-03-10T09:00"),  # today: it ends now
        ("2026-03-10T05:00", date(2026, 3, 10), "2026-03-10T05:00"),
        ("2026-03-10T09:00", date(2020, 1, 1), "2026-03-10T09:00"),
        ("2026-03-10T09:00", date(9999, 12, 31), "9999-12-31T07:00"),
    ],
)
def test_until_when_a_need_is_left_alone(now: str, day: date | None, ends: str) -> None:
    assert prompting.snooze_ends(utc(now), day) == utc(ends)
