"""Stories of backups: made, asked for, approved, collected, restored, retired; in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.invariants import truth
from tests.invariants.board import (
    ANY,
    MOST_KEYS,
    TOKENS,
    Board,
    chosen,
    mostly,
    pick,
    reported,
    seldom,
    who,
)
from tests.invariants.people import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.invariants.people import Held, Stick

    from custode_authority.wire.reasons import Reason

    Call = Callable[[Identity, Stick], object]

STEPS: Final = ("request", "approve", "collect", "restore")
TURN: Final = {  # whose turn it is
    "request": {"registered", "requested"},
    "approve": {"requested"},
    "collect": {"approved", "collected"},
    "restore": {"collected"},
}


class BackupStories(Board):
    """What happens to backups."""

    @rule(
        whose=who,
        key=pick,
        renewed=st.booleans(),
        by_owner=mostly,
        lost=seldom,
        spare=st.booleans(),
    )
    def back_up(
        self, whose: int, key: int, renewed: bool, by_owner: bool, lost: bool, spare: bool
    ) -> None:
        """With `lost` it is only reserved; `confirm` may come later, or never.

        `renewed`: of one that was renewed and lives still, if there is such a one.
        """
        person = self.people[whose]
        old = [h for h in person.held if renewed and h.fingerprint in self.last.renewed]
        original = chosen(key, old) or self._certified(person, key)
        if original is None or not self._room(person):
            return

        def make() -> None:
            stick = person.reserve(original, by_owner=by_owner, spare=spare)
            if not lost:
                person.confirm(stick)

        self._do("back up", make)

    @rule(whose=who, stick=pick, signer=pick, what=st.sampled_from(("confirm", "retire")))
    def edges(self, whose: int, stick: int, signer: int, what: str) -> None:
        """How a backup begins, and how its owner ends it."""
        person = self.people[whose]
        found = chosen(stick, person.sticks)
        by = self._certified(person, signer)
        if found is not None and what == "confirm":
            self._do(what, lambda: person.confirm(found))
        elif found is not None and by is not None:
            self._do(what, lambda: person.retire(found, by))

    @rule(
        whose=who,
        stick=pick,
        what=st.sampled_from(("request", *STEPS)),
        reason=reported,
        right=mostly,
        when=st.sampled_from(("in turn", "in turn", "too early", "whenever")),
    )
    def one_step(
        self, whose: int, stick: int, what: str, reason: Reason, right: bool, when: str
    ) -> None:
        """One step of an activation: in its turn, while the original is still active, or any."""
        person = self.people[whose]
        fit = [s for s in person.sticks if self._fits(s, what, when)]
        found = chosen(stick, fit or person.sticks)
        if found is not None:
            self._step(person, found, what, reason, right)

    def _fits(self, stick: Stick, what: str, when: str) -> bool:
        backup_id = stick.folder.backup_id
        state, original = self.last.backups[backup_id].state, self.last.original_of(backup_id)
        early = when == "too early" and state not in {"retired", "restored"}
        return (early and original.usable) or (
            when == "in turn" and state in TURN[what] and not original.usable
        )

    def _step(
        self, person: Identity, stick: Stick, what: str, reason: Reason, right: bool = True
    ) -> None:
        match what:
            case "request":
                call: Call = lambda p, s: p.request(s, reason, right=right)  # noqa: E731 - one of four
            case "approve":
                call = Identity.approve
            case "collect":
                call = lambda p, s: p.collect(s, right=right)  # noqa: E731 - as above
            case _:
                call = lambda p, s: p.restore(s, TOKENS[1])  # noqa: E731 - as above
        self._never_beside_the_original(person, stick, what, call)

    @rule(whose=who, found_again=st.booleans())
    def live_on(self, whose: int, found_again: bool) -> None:
        """Who has nothing left begins anew; who has a certificate makes a backup of it.

        `found_again`: what is on hold is reinstated, else it is given up.
        """
        person = self.people[whose]
        if not self._works(person) and len(person.held) < MOST_KEYS:
            for held in person.held:
                if held.fingerprint in self.last.suspended:
                    self._take_back(person, held, found_again)
            self._do("begin anew", lambda: person.enrol(TOKENS[0]))
            self._wait(person)
        living = [h for h in person.held if self._lives(h)]
        if living and self._room(person):
            self._do("back up", lambda: person.confirm(person.reserve(living[-1])))

    def _take_back(self, person: Identity, held: Held, found_again: bool) -> None:
        if found_again:
            self._do("found again", lambda: person.reinstate(held))
        else:
            self._do("given up", lambda: person.reissue([held.fingerprint or ""]))

    @rule(whose=who, stick=pick, reason=reported, so_far=st.integers(1, 4), beside=seldom)
    def in_order(self, whose: int, stick: int, reason: Reason, so_far: int, beside: bool) -> None:
        """From the report on without a break, as an owner goes it; not always to the end.

        `beside`: a renewal was asked for just before, and comes when all is done.
        """
        person = self.people[whose]
        # The first step is the report: after it the turn is of those that are registered.
        now = self.last.backups
        ready = [s for s in person.sticks if now[s.folder.backup_id].state == "registered"]
        found = chosen(stick, (ready if stick < ANY else []) or person.sticks)
        if found is None:
            return
        if beside:
            self._do("renew", lambda: person.enrol(TOKENS[0], found.original, renewal=True))
        self._do(f"report {reason}", lambda: person.report(found.original, reason))
        for what in STEPS[:so_far]:
            self._step(person, found, what, reason)
        if beside:
            self._wait(person)

    def _never_beside_the_original(
        self, person: Identity, stick: Stick, what: str, call: Call
    ) -> None:
        """A step of an activation is refused while the original is active."""
        before = truth.look(self._world)
        usable = before.original_of(stick.folder.backup_id).usable
        code = self._do(what, lambda: call(person, stick))
        after = truth.look(self._world)
        # What is over by now may only have become so by this very look.
        over = not after.original_of(stick.folder.backup_id).usable
        assert code is not None or not usable or (over and what != "collect"), (
            f"{what}: done while the original was active"
        )
        living = len(after.living(person.account_id))
        note(f"living: {len(before.living(person.account_id))} -> {living}")
