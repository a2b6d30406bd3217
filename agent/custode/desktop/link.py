"""The agent as the desktop follows it: what it knows as it changes, and how it comes and goes.

    link = Link(paths, on_status, on_event, name="custode-tray")
    link.start()

One thread that waits for the agent to say something: nothing polls. It knows no toolkit; what it
tells, it tells in its own thread.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.paths import Paths

    # What the agent knows; or None, with why there is no agent to ask.
    OnStatus = Callable[[dict[str, Any] | None, CustodeError | None], None]
    OnEvent = Callable[[dict[str, Any]], None]

ANSWER_S: Final = 30.0  # `status` waits for nobody
SETTLE_S: Final = 0.01  # events that belong together come at once
SETTLED_S: Final = 0.05  # but what never ends is not waited for
# Whoever ended the agent may be about to start it again: other modules, a new version.
LEAVE_ALONE_S: Final = 2.0
_FIRST_S: Final = 0.05
_LOOK_S: Final = 5.0  # looking for a socket costs nothing
_START_S: Final = 60.0  # starting an agent that will not start costs a process

_log = logging.getLogger(__name__)


def _nothing(_event: dict[str, Any]) -> None:
    """Ignore an event."""


class _Pauses:
    """How long to wait before the agent is looked for, and started, again: longer each time."""

    def __init__(self) -> None:
        self.reset(0.0)

    def reset(self, leave_alone_s: float | None = None) -> None:
        """Begin anew; it is not started before `leave_alone_s` have gone by."""
        self._look = _FIRST_S
        self._start = LEAVE_ALONE_S
        alone_s = LEAVE_ALONE_S if leave_alone_s is None else leave_alone_s
        self._start_at = time.monotonic() + alone_s

    def may_start(self) -> bool:
        """Whether the agent is to be started now; if so, the next time is further away."""
        if time.monotonic() < self._start_at:
            return False
        self._start = min(self._start * 2, _START_S)
        self._start_at = time.monotonic() + self._start
        return True

    def look(self) -> float:
        """Seconds until it is looked for again."""
        pause, self._look = self._look, min(self._look * 2, _LOOK_S)
        return min(pause, max(_FIRST_S, self._start_at - time.monotonic()))


class Link:
    """Follows the agent until `close`; starts it when nobody else does."""

    def __init__(
        self,
        paths: Paths,
        on_status: OnStatus,
        on_event: OnEvent = _nothing,
        *,
        name: str,
        subscription: Mapping[str, Any] | None = None,
        starts: bool = True,
    ) -> None:
        """`name` is what the agent calls us, `subscription` the parameters of `subscribe`."""
        self._paths = paths
        self._on_status = on_status
        self._on_event = on_event
        self._name = name
        self._subscription = dict(subscription or {})
        self._starts = starts
        self._pauses = _Pauses()
        self._agent: AgentClient | None = None
        self._closing = False
        self._tried = False  # whether the agent was to be started, the last time
        self._told: tuple[object, ...] | None = None  # the last thing told of an agent not there
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name=f"{name}-link", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def refresh(self) -> None:
        """Ask anew now; where there is no agent, look for it and start it now."""
        self._pauses.reset(0.0)
        if not self._closing:
            os.write(self._wake, b"\0")

    def close(self, patience_s: float = 2.0) -> None:
        """Stop following. From another thread than the link's own; nothing is told afterwards."""
        if self._closing:
            return
        self._closing = True
        os.write(self._wake, b"\0")
        if (agent := self._agent) is not None:
            agent.hang_up()
        self._thread.join(patience_s)
        if not self._thread.is_alive():  # else it waits for an agent that starts: it ends with us
            os.close(self._woken)
            os.close(self._wake)

    def _run(self) -> None:
        while not self._closing:
            try:
                self._follow()
            except CustodeError as error:
                # That none listens is no news before one was to be started.
                waits = self._starts and not self._tried and _is_absence(error)
                if not waits:
                    self._tell_absent(error)
            except OSError as error:  # no process can be started
                why = error.strerror or str(error)
                self._tell_absent(CustodeError(ErrorCode.AGENT_UNAVAILABLE, why=why))
            except Exception:  # noqa: BLE001 - who stumbles over one answer must not go deaf
                _log.exception("what the agent said was not taken in")
            self._wait(self._pauses.look())

    def _follow(self) -> None:
        """Tell what the agent knows, until it ends.

        :raises CustodeError: why there is none (any more)
        """
        start = self._tried = self._starts and self._pauses.may_start()
        with AgentClient.connect(self._paths, name=self._name, start=start) as agent:
            self._agent, answered = agent, False
            try:
                agent.subscribe(self._subscription)
                while not self._closing:
                    self._ask(agent)
                    answered = True
                    self._wait_for_news(agent)
            finally:
                self._agent = None
                if answered:  # one that ends before it answers is looked for ever less often
                    self._pauses.reset()

    def _ask(self, agent: AgentClient) -> None:
        # A card that did not answer is not read anew for us: that alone would be news again.
        status = agent.call("status", {"look": False}, deadline_s=ANSWER_S)
        self._told = None
        if not self._closing:
            self._on_status(status, None)

    def _wait_for_news(self, agent: AgentClient) -> None:
        """Return when there is reason to ask anew; what comes in a burst is one reason."""
        until = 0.0
        while not self._closing:
            event = agent.next_event(SETTLE_S if until else 0)
            if event is not None:
                until = until or time.monotonic() + SETTLED_S
                if not self._closing:
                    self._on_event(event)
            if until:
                if event is None or time.monotonic() >= until:
                    return
            elif self._woken in select.select([agent.fileno(), self._woken], [], [])[0]:
                self._drain()
                return

    def _tell_absent(self, error: CustodeError) -> None:
        told = (error.code, repr(error.data))
        if told != self._told and not self._closing:
            self._told = told
            self._on_status(None, error)

    def _wait(self, seconds: float) -> None:
        if not self._closing and select.select([self._woken], [], [], seconds)[0]:
            self._drain()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)


def _is_absence(error: CustodeError) -> bool:
    return error.code is ErrorCode.AGENT_UNAVAILABLE and "why" not in error.data
