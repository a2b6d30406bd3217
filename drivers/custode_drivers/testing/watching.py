"""What every watch over PC/SC has to notice: the same tests for a service in memory and a real one.

class TestOurs(WatchConformance):
    @pytest.fixture
    def desk(self) -> Iterator[Desk]: ...
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from custode_drivers.api.events import ReadersSeen
from custode_drivers.api.protocols import Watch

MODULES: Final = ("one.so", "two.so")
PATIENCE_S: Final = 20.0  # a real service looks for cards twice a second, and machines are busy
QUIET_S: Final = 0.7
RECOVERED_S: Final = 2.0

Report = Callable[[ReadersSeen], None]


class Desk(Protocol):
    """A service with two readers on a desk, and somebody who plugs cards in and out."""

    def watch(self, report: Report) -> Watch:
        """A watch over it for MODULES."""

    def insert(self, reader: int) -> None:
        """Put a card into reader 0 or 1."""

    def remove(self, reader: int) -> None:
        """Pull the card out."""

    def kill(self) -> None:
        """End the service as a crash would; the readers are empty afterwards."""

    def start(self, *, readers: bool = True) -> None:
        """Start it again, with its two readers or with none."""


class Heard:
    """What a watch reported, for those who wait for it."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.events: list[ReadersSeen] = []

    def __call__(self, event: ReadersSeen) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def until(self, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> float:
        """Wait until that holds; returns how long it took, in seconds."""
        began_s = time.monotonic()
        with self._news:
            assert self._news.wait_for(holds, patience_s), self.events
        return time.monotonic() - began_s

    def quiet(self) -> bool:
        """Whether nothing is reported for a moment."""
        with self._news:
            seen = len(self.events)
            return not self._news.wait_for(lambda: len(self.events) > seen, QUIET_S)

    @property
    def hints(self) -> int:
        """How often a card came or went."""
        return sum(event.moved for event in self.events)

    @property
    def seen(self) -> ReadersSeen | None:
        """What was told of the readers last."""
        return self.events[-1] if self.events else None

    @property
    def cards(self) -> list[bool]:
        """Which readers hold a card, by the last word."""
        return [reader.card for reader in self.seen.readers] if self.seen else []

    @property
    def why(self) -> str | None:
        return self.seen.why if self.seen else None


@contextmanager
def watching(desk: Desk) -> Iterator[Heard]:
    """Watch for the block; afterwards no thread of the watch is left."""
    before = set(threading.enumerate())
    heard = Heard()
    watch = desk.watch(heard)
    watch.start()
    try:
        yield heard
    finally:
        watch.stop()
        watch.stop()
    left = {one.name for one in threading.enumerate() if one not in before}
    assert not {name for name in left if "watch" in name}


class WatchConformance:
    """The tests. The desk's service runs with two empty readers."""

    def test_what_is_there_is_told_at_the_start(self, desk: Desk) -> None:
        desk.insert(0)
        with watching(desk) as heard:
            heard.until(lambda: heard.cards == [True, False])
            heard.until(lambda: heard.hints == 1)
            seen = heard.seen
            assert seen is not None
            assert (seen.modules, seen.why) == (MODULES, None)
            assert len({reader.name for reader in seen.readers}) == 2
            assert heard.quiet()

    def test_a_card_comes_and_goes(self, desk: Desk) -> None:
        with watching(desk) as heard:
            heard.until(lambda: heard.hints == 1)
            desk.insert(0)
            heard.until(lambda: heard.cards == [True, False])
            heard.until(lambda: heard.hints == 2)
            assert heard.quiet()  # once is enough: it did not change since
            desk.remove(0)
            heard.until(lambda: heard.cards == [False, False])
            heard.until(lambda: heard.hints == 3)
            assert heard.quiet()

    def test_two_cards_are_told_apart(self, desk: Desk) -> None:
        with watching(desk) as heard:
            heard.until(lambda: heard.hints == 1)
            desk.insert(0)
            desk.insert(1)
            heard.until(lambda: heard.cards == [True, True])
            desk.remove(0)
            heard.until(lambda: heard.cards == [False, True])
            desk.insert(0)
            desk.remove(1)
            heard.until(lambda: heard.cards == [True, False])
            heard.until(lambda: heard.hints >= 4)

    def test_quick_comings_and_goings_are_all_noticed(self, desk: Desk) -> None:
        with watching(desk) as heard:
            heard.until(lambda: heard.hints == 1)
            for number in range(3):
                desk.insert(0)
                heard.until(lambda: heard.cards == [True, False])
                desk.remove(0)
                heard.until(lambda: heard.cards == [False, False])
                heard.until(lambda: heard.hints >= 3 + 2 * number)  # noqa: B023 - waited for here

    def test_a_service_that_ends_is_no_empty_reader(self, desk: Desk) -> None:
        desk.insert(0)
        with watching(desk) as heard:
            heard.until(lambda: heard.cards == [True, False])
            for number in range(3):
                desk.kill()
                heard.until(lambda: heard.why == "no_service")
                assert heard.cards == []
                heard.until(lambda: heard.hints == 2 + 2 * number)  # noqa: B023 - as above
                desk.start()
                took_s = heard.until(lambda: heard.why is None and heard.cards == [False, False])
                assert took_s < RECOVERED_S
                heard.until(lambda: heard.hints == 3 + 2 * number)  # noqa: B023 - as above
            desk.insert(1)
            heard.until(lambda: heard.cards == [False, True])

    def test_a_service_may_come_later(self, desk: Desk) -> None:
        desk.kill()
        with watching(desk) as heard:
            heard.until(lambda: heard.why == "no_service")
            heard.until(lambda: heard.hints == 1)
            assert heard.quiet()
            desk.start()
            assert heard.until(lambda: heard.cards == [False, False]) < RECOVERED_S

    def test_no_reader_is_a_state_too(self, desk: Desk) -> None:
        desk.kill()
        desk.start(readers=False)
        with watching(desk) as heard:
            heard.until(lambda: heard.seen is not None and heard.why is None)
            assert heard.cards == []
            desk.kill()
            heard.until(lambda: heard.why == "no_service")
            desk.start()
            heard.until(lambda: heard.cards == [False, False])
            desk.insert(1)
            heard.until(lambda: heard.cards == [False, True])

    def test_it_stops_whatever_it_is_doing(self, desk: Desk) -> None:
        with watching(desk):
            pass  # at once: its first wait may not have begun
        with watching(desk) as heard:
            heard.until(lambda: heard.hints == 1)
            assert heard.quiet()  # by now it waits
        desk.kill()
        with watching(desk) as heard:
            heard.until(lambda: heard.why is not None)
