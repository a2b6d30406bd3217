"""The board the stories are played on: people, agents, the authority, and what the rules draw."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize
from tests.invariants import truth
from tests.invariants.agents import Agent
from tests.invariants.people import Identity
from tests.invariants.world import World, made, refused

from custode_authority.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from tests.invariants.people import Held
    from tests.invariants.world import Beginning

    from custode.domain.gate import Answer
    from custode_authority.wire.problems import ProblemCode

    T = TypeVar("T")

TOKENS: Final = ("T1", "T2")
MOST_KEYS: Final = 10
MOST_STICKS: Final = 10
MOST_ALIVE: Final = 4  # backups that are not over

who = st.sampled_from((0, 0, 0, 0, 0, 1))  # most of it happens to the first identity
ANY: Final = 10  # below it: one of those that live, if there is one; from it on: whichever
pick = st.sampled_from((0, 0, 0, 0, 1, 1, 2, ANY, ANY + 1, ANY + 2))  # from the newest one on
_M, _L, _T = Reason.MALFUNCTION, Reason.LOST, Reason.THEFT
reported = st.sampled_from((_M, _M, _M, _L, _L, _T))  # a theft ends most stories
mostly = st.sampled_from((True, True, True, False))
seldom = st.sampled_from((False, False, False, True))
clocks = st.sampled_from(("right", "right", "right", "right", "jumps", "jumped"))
tokens = st.sampled_from(TOKENS)


def chosen(number: int, among: Sequence[T]) -> T | None:
    """The newest is number 0, or `ANY`; None when there is none."""
    return among[-1 - number % ANY % len(among)] if among else None


@cache
def begun() -> tuple[Beginning, list[Identity], list[Agent]]:
    """Two people with a certificate each, and agents who know them.

    The first one has a backup in a folder, and one on a spare token.
    """
    world = World()
    people = [Identity(world, "ABC123"), Identity(world, "XYZ789")]
    agents = [Agent(people[0]), Agent(people[0]), Agent(people[1])]
    for person in people:
        person.enrol(TOKENS[0])
    world.clock.forward(minutes=2)
    for person in people:
        person.operations()
    for spare in (False, True):
        people[0].confirm(people[0].reserve(people[0].held[0], spare=spare))
    for agent in agents:
        agent.learn()
    return made().now(world.clock.now()), people, agents


class Board(RuleBasedStateMachine):
    """Two agents of one identity, one of another; folders; the authority between them."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(by_desk=st.booleans(), wait_s=st.sampled_from((0, 0, 3600)), clock=clocks)
    def begin(self, by_desk: bool, wait_s: int, clock: str) -> None:
        """Go on from what was begun. The clock is right; or it jumps; or it has jumped already."""
        self.far = clock != "right"
        beginning, people, agents = begun()
        self.world = World(beginning, by_desk=by_desk, wait_s=wait_s)
        self.people = [person.moved_to(self.world) for person in people]
        self.agents = [
            agent.moved_to(self.people[i]) for i, agent in zip((0, 0, 1), agents, strict=True)
        ]
        if clock == "jumped":  # far ahead, seen by everybody, and back
            self.world.clock.forward(days=40)
            for person in self.people:
                person.operations()
            self.world.clock.forward(days=-40)
        self.last = truth.look(self.world)
        self.answers: dict[truth.About, Answer | None] = {}
        self.judged: dict[tuple[int, int], tuple[object, ...]] = {}

    def _do(self, what: str, call: Callable[[], object]) -> ProblemCode | None:
        """One step; whether it was refused is the authority's own business."""
        code = refused(call)
        note(f"{what}: {code or 'done'}")
        return code

    @property
    def _world(self) -> World:
        assert self.world is not None
        return self.world

    def _wait(self, person: Identity) -> None:
        """Until what is being generated is there."""
        self._world.clock.forward(minutes=2)
        person.operations()

    def _certified(self, person: Identity, number: int) -> Held | None:
        """One of a person's keys that have a certificate; a living one if the number says so."""
        certified = [h for h in person.held if h.fingerprint]
        living = [h for h in certified if self._lives(h)] if number < ANY else []
        return chosen(number, living or certified)

    def _room(self, person: Identity) -> bool:
        """Whether one more backup is worth its time."""
        now = truth.look(self._world).backups
        states = [now[stick.folder.backup_id].state for stick in person.sticks]
        alive = [state for state in states if state not in {"retired", "restored"}]
        return len(alive) < MOST_ALIVE and len(states) < MOST_STICKS

    def _works(self, person: Identity) -> bool:
        return any(held.in_hand and self._lives(held) for held in person.held)

    def _lives(self, held: Held) -> bool:
        rows = truth.look(self._world).certificates.values()
        return held.fingerprint in {c.fingerprint for c in rows if c.state == "active"}
