"""What a driver is able to be asked."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Notices changes outside and reports them as events.

    The callback given at construction is called from a thread of the watch: it must not block, and
    hands over to its own loop (`loop.call_soon_threadsafe`).
    """

    def start(self) -> None:
        """Begin to report; what is there already is reported first."""

    def stop(self) -> None:
        """Report nothing more; returns when no thread is left. May be called twice."""
