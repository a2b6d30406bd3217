"""Stories of what surrounds it: tokens that come and go, a clock that jumps, messages replayed."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.invariants.board import Board, chosen, mostly, tokens, who

agents = st.integers(0, 2)
around = st.sampled_from(("plug", "plug", "pull", "hint", "learn", "learn", "no answer", "lose"))
days = st.sampled_from((0.002, 0.05, 0.1, 1))
ages = st.sampled_from((8, 40, 40))  # days; the longer one is past everybody's end
taken_back = st.sampled_from((0, 0.1, 1, 1))  # which part of it


class Surroundings(Board):
    """What is no business of the authority's, and what it cannot help."""

    @rule(agent=agents, token=tokens, what=around)
    def around(self, agent: int, token: str, what: str) -> None:
        """What happens to agents and tokens, and is no business of the authority's."""
        found = self.agents[agent]
        match what:
            case "plug":  # a token is in one reader at a time
                for other in self.agents:
                    if other.identity is found.identity and token in other.here:
                        other.pull(token)
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

    @rule(days=days, looked=mostly)
    def time_goes(self, days: float, looked: bool) -> None:
        """`looked`: what ended by it was noticed before anything else."""
        self._world.clock.forward(days=days)
        if looked:
            for person in self.people:
                person.operations()

    @precondition(lambda self: self.world is not None and self.far)
    @rule(days=ages, looked=mostly, back=taken_back)
    def the_clock_jumps(self, days: float, looked: bool, back: float) -> None:
        """Long after, or somebody plays with the clock. Where it does, little else happens."""
        self.time_goes(days, looked)
        self._world.clock.forward(days=-back * days)

    @rule(whose=who, number=st.integers(0, 30))
    def replay(self, whose: int, number: int) -> None:
        """Somebody sends again what was once sent, byte for byte."""
        call = chosen(-1 - number, self.people[whose].sent)
        if call is not None:
            self._do("replay", call)
