"""When a need is put before the person, and when it is left alone.

One prompt for each (token insertion, need), at most one desktop notification per need and day,
none while it is snoozed; a need that is over, or whose token went away, takes its prompt down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from custode.domain.commands import SavePrompt, ShowPrompt, TakeDownPrompt
from custode.domain.need import Prompt
from custode.domain.needs import needs

if TYPE_CHECKING:
    from datetime import datetime

    from custode.domain.commands import Command
    from custode.domain.model import State
    from custode.domain.need import Need


def settle(state: State) -> tuple[State, tuple[Command, ...]]:
    """Bring the prompts on the screen in line with what is needed now."""
    wanted = {n.key: n for n in needs(state, state.now) if _is_due(n, state)}
    commands: list[Command] = [TakeDownPrompt(k) for k in sorted(state.prompts_up - wanted.keys())]
    prompts, prompted = dict(state.prompts), set(_still_prompted(state, wanted))
    today = state.now.date()  # in UTC: its midnight falls into the European night
    for key, need in wanted.items():
        occasion = (key, _number(need, state))
        if key in state.prompts_up or occasion in prompted:
            continue
        remembered = prompts.get(key, Prompt(key))
        notify = remembered.notified_on != today
        prompted.add(occasion)
        commands.append(ShowPrompt(need, notify))
        if notify:
            prompts[key] = Prompt(key, notified_on=today)  # a snooze that has ended is forgotten
            commands.append(SavePrompt(prompts[key]))
    shown = {c.need.key for c in commands if isinstance(c, ShowPrompt)}
    settled = replace(
        state,
        prompts=prompts,
        prompts_up=frozenset(state.prompts_up & wanted.keys() | shown),
        prompted=frozenset(prompted),
    )
    return settled, tuple(commands)


def snooze(state: State, key: str, until: datetime) -> tuple[State, tuple[Command, ...]]:
    """Leave that need alone until then; afterwards it may be prompted again."""
    prompt = replace(state.prompts.get(key, Prompt(key)), snoozed_until=until)
    snoozed = replace(
        state,
        prompts={**state.prompts, key: prompt},
        prompted=frozenset(pair for pair in state.prompted if pair[0] != key),
    )
    return snoozed, (SavePrompt(prompt),)


def is_snoozed(need: Need, state: State) -> bool:
    """Whether the person asked not to be reminded of it yet."""
    prompt = state.prompts.get(need.key)
    return (
        prompt is not None and prompt.snoozed_until is not None and prompt.snoozed_until > state.now
    )


def _is_due(need: Need, state: State) -> bool:
    gone = need.on_insertion and state.insertion(need.token) is None
    return not gone and not is_snoozed(need, state)


def _number(need: Need, state: State) -> int:
    """The insertion a prompt belongs to, 0 for a need that waits for no token."""
    insertion = state.insertion(need.token) if need.on_insertion else None
    return insertion.number if insertion is not None else 0


def _still_prompted(state: State, wanted: dict[str, Need]) -> set[tuple[str, int]]:
    # An insertion's prompts are forgotten with it; a prompt without a token, when its need is over.
    here = {i.number for i in state.insertions}
    return {(k, n) for k, n in state.prompted if n in here or (n == 0 and k in wanted)}
