"""The doctor's line to the agent, which may not be there: every call has a deadline of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.paths import Paths

_QUICK_S: Final = 5.0  # for what the agent answers without asking anybody


class AgentLine:
    """Starts the agent once; afterwards anybody may call, each on a connection of his own."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._settled = threading.Event()
        self._status: dict[str, Any] | None = None
        self._status_turn = threading.Lock()
        self.hello: dict[str, Any] = {}
        """What it said of itself: {"version", "pid"}; empty when there is none."""
        self.ran_before = False
        self.fault: CustodeError | None = None
        """Why there is none."""
        self.settings_fault: CustodeError | None = None
        """What is wrong with the settings: an agent that runs answers nothing else either."""

    def look(self) -> None:
        """Find out whether an agent runs already; none is started."""
        try:
            with self._connected() as agent:
                self.hello, self.ran_before = agent.agent, True
        except CustodeError as exc:
            if exc.code is ErrorCode.TIMED_OUT:
                self.fault = exc  # somebody listens there: none can be started beside it

    def start(self) -> None:
        """Have the agent run, as every command does; never raises."""
        try:
            if self.ran_before and self.fault is None:
                self.fault = self.settings_fault
            if self.fault is None:
                with AgentClient.connect(self._paths, name="doctor", hello_s=_QUICK_S) as agent:
                    self.hello = agent.agent
        except CustodeError as exc:
            self.fault = exc
        except OSError as exc:
            why = exc.strerror or str(exc)
            self.fault = CustodeError(
                ErrorCode.AGENT_UNAVAILABLE, why=why, log=str(self._paths.log)
            )
        finally:
            self._settled.set()

    def wait(self) -> bool:
        """Wait until it is known whether the agent runs; tells whether it does."""
        self._settled.wait()
        return bool(self.hello) and self.fault is None

    @property
    def pids(self) -> frozenset[int]:
        """The agent's process; whatever it started has it as its parent."""
        return frozenset({int(self.hello["pid"])}) if "pid" in self.hello else frozenset()

    def call(
        self, method: str, params: Mapping[str, Any] | None = None, deadline_s: float = _QUICK_S
    ) -> Any:
        """Call the agent. :raises CustodeError: what it answers, or that it is not there."""
        with self._connected() as agent:
            return agent.call(method, dict(params or {}), deadline_s=deadline_s)

    def _connected(self) -> AgentClient:
        return AgentClient.connect(self._paths, name="doctor", start=False, hello_s=_QUICK_S)

    def status(self) -> dict[str, Any]:
        """The agent's `status`, asked for once. :raises CustodeError: as `call`."""
        with self._status_turn:
            if self._status is None:
                self._status = self.call("status")
            return self._status
