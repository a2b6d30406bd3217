"""When a need is put before the person, and when it is left alone.

One prompt for each (token insertion, need), none while it is snoozed; a need that is over, or whose
token went away, takes its prompt down. At most one desktop notification per need and day, and only
while there is somebody to show it: without a face the day's notification is not used up, and one
that comes late is told what is due. What is critical is said again on each day that it stays.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from custode.domain.commands import Announce, SavePrompt, ShowPrompt, TakeDownPrompt
from custode.domain.need import Prompt
from custode.domain.needs import needs
from custode_authority.wire.rome import ROME, day_in_rome

if TYPE_CHECKING:
    from datetime import date

    from custode.domain.commands import Command
    from custode.domain.model import State
    from custode.domain.need import Need

MORNING: Final = time(8)  # in Rome; summer time neither skips nor repeats that hour


def settle(state: State) -> tuple[State, tuple[Command, ...]]:
    """Bring the prompts on the screen in line with what is needed now."""
    wanted = _wanted(state)
    commands: list[Command] = [TakeDownPrompt(k) for k in sorted(state.prompts_up - wanted.keys())]
    prompts, prompted = dict(state.prompts), set(_still_prompted(state, wanted))
    shown: set[str] = set()
    for key, need in wanted.items():
        occasion, notify = (key, _number(need, state)), _may_notify(key, state)
        if key in state.prompts_up:
            if not (need.critical and notify):
                continue
        elif occasion in prompted:
            continue
        prompted.add(occasion)
        shown.add(key)
        commands.append(ShowPrompt(need, notify))
        if notify:
            prompts[key] = Prompt(key, notified_on=_today(state))  # an ended snooze is forgotten
            commands.append(SavePrompt(prompts[key]))
    settled = replace(
        state,
        prompts=prompts,
        prompts_up=frozenset(state.prompts_up & wanted.keys() | shown),
        prompted=frozenset(prompted),
    )
    return settled, tuple(commands)


def face_arrived(state: State, face: int) -> tuple[State, tuple[Command, ...]]:
    """Somebody is there who shows notifications: what stands and was not told today is told now."""
    state = replace(state, faces=state.faces | {face})
    wanted = _wanted(state)
    due = [n for k, n in wanted.items() if k in state.prompts_up and _may_notify(k, state)]
    told = {need.key: Prompt(need.key, notified_on=_today(state)) for need in due}
    commands: list[Command] = []
    for need in due:
        commands += [ShowPrompt(need, notify=True), SavePrompt(told[need.key])]
    return replace(state, prompts={**state.prompts, **told}), tuple(commands)


def face_left(state: State, face: int) -> State:
    """That one is gone; what it showed is its own matter."""
    return replace(state, faces=state.faces - {face})


def snooze(state: State, key: str, until: datetime) -> tuple[State, tuple[Command, ...]]:
    """Leave that need alone until then; afterwards it may be prompted again."""
    prompt = replace(state.prompts.get(key, Prompt(key)), snoozed_until=until)
    snoozed = replace(
        state,
        prompts={**state.prompts, key: prompt},
        prompted=frozenset(pair for pair in state.prompted if pair[0] != key),
    )
    told = Announce("need_snoozed", {"key": key, "until": until.isoformat()})
    return snoozed, (SavePrompt(prompt), told)


def snoozed_until(need: Need, state: State, now: datetime) -> datetime | None:
    """Until when the person asked not to be reminded of it; None when it may be said."""
    prompt = state.prompts.get(need.key)
    until = None if prompt is None else prompt.snoozed_until
    return until if until is not None and until > now else None


def snooze_ends(now: datetime, day: date | None = None) -> datetime:
    """When a snooze until that day ends: in its morning. None: tomorrow's; a day that came: now."""
    today = day_in_rome(now)
    day = day or today + timedelta(days=1)
    return datetime.combine(day, MORNING, ROME).astimezone(UTC) if day > today else now


def _wanted(state: State) -> dict[str, Need]:
    """The needs that a prompt stands for now, most urgent first."""
    return {need.key: need for need in needs(state, state.now) if _is_due(need, state)}


def _is_due(need: Need, state: State) -> bool:
    gone = need.on_insertion and state.insertion(need.token) is None
    return not gone and snoozed_until(need, state, state.now) is None


def _may_notify(key: str, state: State) -> bool:
    prompt = state.prompts.get(key)
    return bool(state.faces) and (prompt is None or prompt.notified_on != _today(state))


def _today(state: State) -> date:
    return state.now.date()  # in UTC: its midnight falls into the European night


def _number(need: Need, state: State) -> int:
    """The insertion a prompt belongs to, 0 for a need that waits for no token."""
    insertion = state.insertion(need.token) if need.on_insertion else None
    return insertion.number if insertion is not None else 0


def _still_prompted(state: State, wanted: dict[str, Need]) -> set[tuple[str, int]]:
    # An insertion's prompts are forgotten with it; a prompt without a token, when its need is over.
    here = {i.number for i in state.insertions}
    return {(k, n) for k, n in state.prompted if n in here or (n == 0 and k in wanted)}
