"""Owners, thieves, a desk and a clock, in any order; what must hold after every step."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.invariants import truth
from tests.invariants.agents import Agent, ask
from tests.invariants.world import Identity, World, refused

from custode.domain.gate import Purpose
from custode_authority.wire.reasons import Reason
from custode_authority.wire.rome import day_in_rome
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from tests.invariants.world import Held, Stick

    from custode.domain.gate import Answer
    from custode_authority.wire.problems import ProblemCode

    T = TypeVar("T")
    Call = Callable[[Identity, Stick], object]

TOKENS: Final = ("T1", "T2")
STEPS: Final = ("request", "approve", "collect", "restore")
MOST_KEYS: Final = 8
MOST_STICKS: Final = 6

who = st.sampled_from((0, 0, 0, 1))  # most of it happens to the first identity
pick = st.integers(0, 5)
reported = st.sampled_from((Reason.MALFUNCTION, Reason.LOST, Reason.THEFT))
mostly = st.sampled_from((True, True, True, False))
seldom = st.sampled_from((False, False, False, True))
agents = st.integers(0, 2)
tokens = st.sampled_from(TOKENS)
ways = st.sampled_from(("renewal", "further", "new", "hidden"))
around = st.sampled_from(("plug", "plug", "pull", "hint", "learn", "learn", "no answer", "lose"))
jumps = st.sampled_from((0.002, 0.1, 1, 8, 40))  # days


def chosen(number: int, among: Sequence[T]) -> T | None:
    return among[number % len(among)] if among else None


class Life(RuleBasedStateMachine):
    """Two agents of one identity, one of another; folders; the authority between them."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(by_desk=st.booleans(), wait_s=st.sampled_from((0, 0, 3600)))
    def begin(self, by_desk: bool, wait_s: int) -> None:
        """Everybody has a certificate, and one of them a backup, as it should be."""
        self.world = World(by_desk=by_desk, wait_s=wait_s)
        self.people = [Identity(self.world, "ABC123"), Identity(self.world, "XYZ789")]
        self.agents = [Agent(self.people[0]), Agent(self.people[0]), Agent(self.people[1])]
        for person in self.people:
            person.enrol(TOKENS[0])
        self.world.clock.forward(minutes=2)
        for person in self.people:
            person.operations()
        self.people[0].confirm(self.people[0].reserve(self.people[0].held[0]))
        for agent in self.agents:
            agent.learn()
        self.last = truth.look(self.world)
        self.answers: dict[truth.About, Answer | None] = {}

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            for person in self.people:
                self._finds_a_way(person)
        finally:
            self.world.close()

    def _do(self, what: str, call: Callable[[], object]) -> ProblemCode | None:
        """One step; whether it was refused is the authority's own business."""
        code = refused(call)
        note(f"{what}: {code or 'done'}")
        return code

    # --- certificates -------------------------------------------------------------------------

    @rule(whose=who, signer=pick, how=ways, token=tokens, waits=mostly)
    def enrol(self, whose: int, signer: int, how: str, token: str, waits: bool) -> None:
        """What is `hidden` is a thief's, or its answer was lost for good."""
        person = self.people[whose]
        by = chosen(signer, [h for h in person.held if h.fingerprint]) if how != "new" else None
        if len(person.held) < MOST_KEYS:
            more = {"renewal": how == "renewal" and by is not None, "hidden": how == "hidden"}
            self._do(f"enrol {how}", lambda: person.enrol(token, by, **more))
        if waits:
            self._wait(person)

    def _wait(self, person: Identity) -> None:
        """Until what is being generated is there."""
        self._world.clock.forward(minutes=2)
        person.operations()

    @rule(whose=who, key=pick, signer=pick, reason=st.sampled_from(Reason))
    def cancel(self, whose: int, key: int, signer: int, reason: Reason) -> None:
        person = self.people[whose]
        certified = [h for h in person.held if h.fingerprint]
        held, by = chosen(key, certified), chosen(signer, certified)
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
        held = chosen(key, [h for h in person.held if h.fingerprint])
        if held is None:
            return
        today = day_in_rome(self._world.clock.now())
        more = {
            "last_held": None if days is None else today - timedelta(days=days),
            "backup_stolen_too": stolen,
            "destroyed_for_certain": destroyed,
        }
        self._do(f"report {reason}", lambda: person.report(held, reason, **more))

    @rule(whose=who, key=pick)
    def reissue(self, whose: int, key: int) -> None:
        person = self.people[whose]
        held = chosen(key, [h for h in person.held if h.fingerprint])
        if held is not None and held.fingerprint is not None:
            named = [held.fingerprint]
            self._do("reissue", lambda: person.reissue(named))

    @rule(whose=who, key=pick)
    def reinstate(self, whose: int, key: int) -> None:
        """The desk is asked about those on hold, sometimes about another one."""
        person = self.people[whose]
        rows = truth.look(self._world).certificates.values()
        on_hold = {c.fingerprint for c in rows if c.state == "suspended"}
        certified = [h for h in person.held if h.fingerprint]
        held = chosen(key, [h for h in certified if h.fingerprint in on_hold] or certified)
        if held is not None:
            self._do("reinstate", lambda: person.reinstate(held))

    # --- backups ------------------------------------------------------------------------------

    @rule(whose=who, key=pick, by_owner=mostly, lost=seldom)
    def back_up(self, whose: int, key: int, by_owner: bool, lost: bool) -> None:
        """With `lost` it is only reserved; `confirm` may come later, or never."""
        person = self.people[whose]
        original = chosen(key, [h for h in person.held if h.fingerprint])
        if original is None or len(person.sticks) >= MOST_STICKS:
            return

        def make() -> None:
            stick = person.reserve(original, by_owner=by_owner)
            if not lost:
                person.confirm(stick)

        self._do("back up", make)

    @rule(whose=who, stick=pick, signer=pick, what=st.sampled_from(("confirm", "retire")))
    def edges(self, whose: int, stick: int, signer: int, what: str) -> None:
        """How a backup begins, and how its owner ends it."""
        person = self.people[whose]
        found = chosen(stick, person.sticks)
        by = chosen(signer, [h for h in person.held if h.fingerprint])
        if found is not None and what == "confirm":
            self._do(what, lambda: person.confirm(found))
        elif found is not None and by is not None:
            self._do(what, lambda: person.retire(found, by))

    @rule(whose=who, stick=pick, what=st.sampled_from(STEPS), reason=reported, right=mostly)
    def one_step(self, whose: int, stick: int, what: str, reason: Reason, right: bool) -> None:
        """One step of an activation, whether it is its turn or not."""
        match what:
            case "request":
                call: Call = lambda p, s: p.request(s, reason, right=right)  # noqa: E731 - one of four
            case "approve":
                call = Identity.approve
            case "collect":
                call = lambda p, s: p.collect(s, right=right)  # noqa: E731 - as above
            case _:
                call = lambda p, s: p.restore(s, TOKENS[1])  # noqa: E731 - as above
        self._never_beside_the_original(whose, stick, what, call)

    @rule(whose=who)
    def live_on(self, whose: int) -> None:
        """Who has nothing left begins anew; who has a certificate makes a backup of it."""
        person = self.people[whose]
        if not self._works(person) and len(person.held) < MOST_KEYS:
            self._do("begin anew", lambda: person.enrol(TOKENS[0]))
            self._wait(person)
        living = [h for h in person.held if self._lives(h)]
        if living and len(person.sticks) < MOST_STICKS:
            self._do("back up", lambda: person.confirm(person.reserve(living[-1])))

    @rule(whose=who, stick=pick, reason=reported, so_far=st.integers(1, 4), beside=seldom)
    def in_order(self, whose: int, stick: int, reason: Reason, so_far: int, beside: bool) -> None:
        """From the report on without a break, as an owner goes it; not always to the end.

        `beside`: a renewal was asked for just before, and comes when all is done.
        """
        person = self.people[whose]
        found = chosen(stick, person.sticks)
        if found is None:
            return
        if beside:
            self._do("renew", lambda: person.enrol(TOKENS[0], found.original, renewal=True))
        self._do(f"report {reason}", lambda: person.report(found.original, reason))
        for what in STEPS[:so_far]:
            self.one_step(whose, stick, what, reason, True)
        if beside:
            self._wait(person)

    def _never_beside_the_original(self, whose: int, number: int, what: str, call: Call) -> None:
        """A step of an activation is refused while the original is active."""
        person = self.people[whose]
        stick = chosen(number, person.sticks)
        if stick is None:
            return
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

    # --- tokens, agents, clock ----------------------------------------------------------------

    @rule(agent=agents, token=tokens, what=around)
    def around(self, agent: int, token: str, what: str) -> None:
        """What happens to agents and tokens, and is no business of the authority's."""
        found = self.agents[agent]
        match what:
            case "plug":
                found.plug(token)
            case "pull":
                found.pull(token)
            case "hint":
                found.hint()
            case "learn":
                self._do("learn", found.learn)
            case "no answer":
                found.hear_nothing()
            case _:  # the token is lost, with every key on it
                for held in found.identity.held:
                    held.in_hand = held.in_hand and held.serial != token

    @rule(days=jumps, looked=mostly, back=st.none() | jumps)
    def time_goes(self, days: float, looked: bool, back: float | None) -> None:
        """It goes on, or somebody plays with the clock; `looked`: it was noticed before."""
        self._world.clock.forward(days=days)
        if looked:
            for person in self.people:
                person.operations()
        if back is not None:
            self._world.clock.forward(days=-back)

    @rule(whose=who, number=st.integers(0, 30))
    def replay(self, whose: int, number: int) -> None:
        """Somebody sends again what was once sent, byte for byte."""
        call = chosen(-1 - number, self.people[whose].sent)
        if call is not None:
            self._do("replay", call)

    # --- what always holds --------------------------------------------------------------------

    @property
    def _world(self) -> World:
        assert self.world is not None
        return self.world

    @precondition(lambda self: self.world is not None)
    @invariant()
    def the_tables_are_sound(self) -> None:
        now = truth.look(self._world)
        truth.check(now)
        truth.check_step(self.last, now)
        self.last = now

    @precondition(lambda self: self.world is not None)
    @invariant()
    def the_gate_never_opens_beside_the_original(self) -> None:
        now = truth.look(self._world)
        for agent in self.agents:
            for stick in agent.identity.sticks:
                self._judge(agent, stick, now)

    def _judge(self, agent: Agent, stick: Stick, now: truth.Truth) -> None:
        about = now.about(stick.folder.backup_id)
        original, (backup_id, fingerprint) = about.original, about.names
        if about not in self.answers:  # the same facts have the same answer
            self.answers[about] = ask(agent.identity, backup_id, fingerprint)
        answer = self.answers[about]
        for purpose in Purpose:
            unasked = agent.judge(backup_id, fingerprint, purpose, None)
            assert not unasked.allowed, "what is remembered opened the gate"
            if not agent.judge(backup_id, fingerprint, purpose, answer).allowed:
                continue
            assert not agent.carries(fingerprint), "open with the original in the reader"
            overdue = original.state == "active" and not original.valid_by_date
            assert not original.usable or overdue, "open while the original is active"
            if purpose is not Purpose.ACTIVATE:
                assert original.state in {"cancelled", "expired"} or overdue
                assert answer is not None
                assert answer.backup is BackupState.COLLECTED, "open without a grant"

    # --- nobody is locked out -----------------------------------------------------------------

    def _finds_a_way(self, person: Identity) -> None:
        """The owner, with account and folders and tokens that are left, gets to work again."""
        self._wait(person)
        if self._works(person):
            return
        for stick in person.sticks:
            if stick.by_owner and self._opens(person, stick):
                return
        self._begin_anew(person)
        assert self._works(person), "an honest owner is locked out"

    def _works(self, person: Identity) -> bool:
        return any(held.in_hand and self._lives(held) for held in person.held)

    def _lives(self, held: Held) -> bool:
        rows = truth.look(self._world).certificates.values()
        return held.fingerprint in {c.fingerprint for c in rows if c.state == "active"}

    def _opens(self, person: Identity, stick: Stick) -> bool:
        """Go the way through a backup; where it leads on, it must lead to the end."""
        now = truth.look(self._world)
        backup = now.backups[stick.folder.backup_id]
        original = now.original_of(backup.id)
        if backup.state in {"reserved", "locked", "retired", "restored"} or original.usable:
            return False
        if backup.state == "collected":
            assert backup.successor is not None
            if now.certificates[backup.successor].state != "active":
                return False
        answer = ask(person, backup.id, original.fingerprint)
        if answer is None or answer.ceased:
            return False
        fresh = Agent(person)
        fresh.learn()
        if backup.state != "collected":
            assert fresh.judge(backup.id, original.fingerprint, Purpose.ACTIVATE, answer).allowed
            refused(lambda: person.request(stick, Reason.THEFT))
            self._world.clock.forward(hours=1)
            refused(lambda: person.approve(stick))
            code = refused(lambda: person.collect(stick))
            assert code is None, f"an honest owner is locked out of the backup: {code}"
        answer = ask(person, backup.id, original.fingerprint)
        judged = fresh.judge(backup.id, original.fingerprint, Purpose.RESTORE, answer)
        assert judged.allowed, f"collected, and the gate stays closed: {judged.reasons}"
        code = refused(lambda: person.restore(stick, "T9"))
        assert code is None, f"an honest owner is locked out of the restore: {code}"
        assert self._works(person), "restored, and nothing works"
        return True

    def _begin_anew(self, person: Identity) -> None:
        """Re-issue: what still lives is given up, then a new key is certified."""
        living = [
            row.fingerprint_sha256
            for row in person.operations()
            if row.fingerprint_sha256 and row.state in {"active", "suspended"}
        ]
        if living:
            person.reissue(living)
        code = refused(lambda: person.enrol("T9"))
        assert code is None, f"an honest owner is locked out: {code}"
        self._world.clock.forward(minutes=2)
        person.operations()
