"""Stories of certificates: enrolled, cancelled, reported, re-issued, reinstated."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.invariants import truth
from tests.invariants.board import (
    ANY,
    MOST_KEYS,
    Board,
    chosen,
    mostly,
    pick,
    reported,
    seldom,
    tokens,
    who,
)

from custode_authority.wire.reasons import Reason
from custode_authority.wire.rome import day_in_rome

reasons = st.sampled_from((Reason.RENEWAL, *Reason))
ways = st.sampled_from(("renewal", "renewal", "further", "new", "hidden"))


class CertificateStories(Board):
    """What happens to certificates."""

    @rule(whose=who, signer=pick, how=ways, token=tokens, waits=mostly)
    def enrol(self, whose: int, signer: int, how: str, token: str, waits: bool) -> None:
        """What is `hidden` is a thief's, or its answer was lost for good."""
        person = self.people[whose]
        by = self._certified(person, signer) if how != "new" else None
        if len(person.held) < MOST_KEYS:
            more = {"renewal": how == "renewal" and by is not None, "hidden": how == "hidden"}
            self._do(f"enrol {how}", lambda: person.enrol(token, by, **more))
        if waits:
            self._wait(person)

    @rule(whose=who, key=pick, signer=pick, reason=reasons)
    def cancel(self, whose: int, key: int, signer: int, reason: Reason) -> None:
        person = self.people[whose]
        held, by = self._certified(person, key), self._certified(person, signer)
        if held is not None and by is not None:
            self._do(f"cancel {reason}", lambda: person.cancel(held, by, reason))

    @rule(
        whose=who,
        key=pick,
        reason=reported,
        days=st.none() | st.integers(0, 2),
        stolen=seldom,
        destroyed=seldom,
    )
    def report(
        self, whose: int, key: int, reason: Reason, days: int | None, stolen: bool, destroyed: bool
    ) -> None:
        person = self.people[whose]
        held = self._certified(person, key)
        if held is None:
            return
        today = day_in_rome(self._world.clock.now())
        more = {
            "last_held": None if days is None else today - timedelta(days=days),
            "backup_stolen_too": stolen,
            "destroyed_for_certain": destroyed,
        }
        code = self._do(f"report {reason}", lambda: person.report(held, reason, **more))
        if stolen and code is None:
            now = truth.look(self._world)
            (named,) = [
                c.id for c in now.certificates.values() if c.fingerprint == held.fingerprint
            ]
            truth.check_stolen(now, named)

    @rule(whose=who, key=pick, anyway=seldom)
    def reissue(self, whose: int, key: int, anyway: bool) -> None:
        """Of what still works only seldom: it ends every other story."""
        person = self.people[whose]
        held = self._certified(person, key)
        if (
            held is not None
            and held.fingerprint is not None
            and (anyway or not self._works(person))
        ):
            named = [held.fingerprint]
            self._do("reissue", lambda: person.reissue(named))

    @precondition(lambda self: self.world is not None and self.last.suspended)
    @rule(key=pick)
    def reinstate(self, key: int) -> None:
        """The desk is asked about one on hold, sometimes about another one."""
        held = [(p, h) for p in self.people for h in p.held if h.fingerprint]
        on_hold = [(p, h) for p, h in held if h.fingerprint in self.last.suspended]
        found = chosen(key, (on_hold if key < ANY else []) or held)
        if found is not None:
            person, named = found
            self._do("reinstate", lambda: person.reinstate(named))
