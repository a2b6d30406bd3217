"""The invariant of Custode, machine-checked; and proof that the machine finds what is broken.

Never a usable backup while its original is active; never two active certificates of one identity
through activation; never an honest owner locked out with both original and backup gone.
`make invariants` plays for longer.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis.stateful import run_state_machine_as_test
from tests.invariants.conftest import LONG, PARTS
from tests.invariants.machine import Life

from custode.domain import gate
from custode_authority.ca import issuer
from custode_authority.certificates import in_other_hands, listing, reinstating, settling
from custode_authority.escrow import collection, decisions, reissuing, spare
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import settings

    Break = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.timeout(LONG * 10 or 300)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_in_whatever_order(playing: settings, part: int) -> None:
    """`part`: other stories of the same kind, for another core."""
    del part
    run_state_machine_as_test(Life, settings=playing)


def _nothing(*_args: Any, **_more: Any) -> list[str]:
    return []


def activation_does_not_look_at_the_original(patch: pytest.MonkeyPatch) -> None:
    rules = tuple(r for r in decisions.ACTIVATION if r[0] is not ProblemCode.ORIGINAL_ACTIVE)
    assert len(rules) == len(decisions.ACTIVATION) - 1
    patch.setattr(decisions, "ACTIVATION", rules)


def collection_does_not_cancel_the_original(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(collection, "_cancel", _nothing)


def issuing_does_not_retire_other_backups(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(issuer, "retire_replaced", _nothing)


def reinstating_leaves_what_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reinstating, "withdraw_for", _nothing)


def a_pending_request_outlives_the_activation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "_overtaken", lambda *_: None)


def an_end_by_a_wrong_clock_is_an_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decisions, "_original_lives", lambda facts: facts.original not in decisions.ENDED)
    lives = decisions._original_lives
    for name in ("ACTIVATION", "APPROVAL", "COLLECTION"):
        first, *rest = getattr(decisions, name)
        assert first[0] is ProblemCode.ORIGINAL_ACTIVE
        patch.setattr(decisions, name, ((first[0], lives), *rest))


def the_gate_does_not_ask_about_the_original(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gate, "_original", lambda _facts: ())


def the_gate_does_not_see_tokens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gate, "_presence", lambda _facts: ())


def a_lost_answer_is_lost(patch: pytest.MonkeyPatch) -> None:
    once = (ProblemCode.ALREADY_ACTIVATED, decisions._in(BackupState.COLLECTED))
    patch.setattr(decisions, "COLLECTION", (once, *decisions.COLLECTION))


def a_renewed_original_is_backed_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(listing, "renewed", lambda *_: False)


def what_came_out_of_a_stolen_folder_stays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(in_other_hands, "_end_successor", lambda *_: ([], []))


def a_reissue_ends_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reissuing, "CANCELLABLE", frozenset())


def a_spare_does_not_look_at_its_original(patch: pytest.MonkeyPatch) -> None:
    anything: tuple[decisions.Rule, ...] = ()
    allowing = SimpleNamespace(ACTIVATION=anything, COLLECTION=anything)
    patch.setattr(spare, "decisions", allowing)


# Each with what must be said of it; whichever of them comes up first.
MUTANTS: dict[Break, str] = {
    activation_does_not_look_at_the_original: "while the original",
    collection_does_not_cancel_the_original: "living original|while the original|stays closed",
    issuing_does_not_retire_other_backups: "backup still alive|a backup of it still alive",
    reinstating_leaves_what_was_asked_for: "pending while the original is active",
    a_pending_request_outlives_the_activation: "without the first one's signature|as well",
    an_end_by_a_wrong_clock_is_an_end: "while the original",
    the_gate_does_not_ask_about_the_original: "open while|remembered|without a grant",
    the_gate_does_not_see_tokens: "open with the original in the reader",
    a_lost_answer_is_lost: "locked out",
    a_renewed_original_is_backed_up: "a backup of it still alive",
    what_came_out_of_a_stolen_folder_stays: "what came out of a stolen backup still lives",
    a_reissue_ends_nothing: "locked out",
    a_spare_does_not_look_at_its_original: "while the original",
}


# The others are found after more stories: `make invariants`.
QUICK = [
    activation_does_not_look_at_the_original,
    collection_does_not_cancel_the_original,
    the_gate_does_not_ask_about_the_original,
]


@pytest.mark.timeout(1800 if LONG else 300)
@pytest.mark.parametrize("broken", MUTANTS if LONG else QUICK, ids=lambda one: one.__name__)
def test_a_broken_rule_is_found(
    broken: Break, hunting: settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=MUTANTS[broken]):
        run_state_machine_as_test(Life, settings=hunting)
