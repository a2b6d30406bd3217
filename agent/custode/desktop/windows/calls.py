"""One call to the agent, made in a thread so that its window stays alive; told on Qt's thread.

Secrets are asked by the configured pinentry program, and by our own dialog where that is the
terminal: a window has none. What is typed there passes through here as bytes of the Assuan client
alone, which are wiped as they go on by pipe to the agent; no widget and no `str` ever holds it.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, Qt, Signal, Slot

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from custode.paths import Paths
    from custode.prompts.assuan import PinentryAsker
    from custode.rpc.client import WantedSecret

_NAME: Final = "custode-windows"
_TERMINAL: Final = frozenset({"", "tty"})


class Call(QObject):
    """One running call. Every signal arrives on Qt's thread; after `over` no other one comes."""

    progress = Signal(str, str)
    """A step of `words.STEP`, and a text of the agent's own (may be empty)."""
    asking = Signal(bool)
    """Whether a dialog that asks for a secret is open now."""
    done = Signal(object)
    """What the agent answered."""
    failed = Signal(object)
    """The CustodeError; CANCELLED after `cancel` and when the person cancelled a dialog."""
    over = Signal()

    _told = Signal(str, object)

    def __init__(
        self, paths: Paths, method: str, params: Mapping[str, Any], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.method = method
        self.running = True
        self._paths = paths
        self._params = {key: value for key, value in params.items() if value is not None}
        self._agent: AgentClient | None = None
        self._asker: PinentryAsker | None = None
        self._asked_of: WantedSecret | None = None
        self._withdrawn: CustodeError | None = None
        self._cancelled = False
        self._lock = threading.Lock()
        self._told.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin, once its signals are connected."""
        threading.Thread(target=self._run, daemon=True, name=self.method).start()

    def cancel(self) -> None:
        """Give it up: an open dialog is closed and the agent hung up on.

        What the agent has begun to write it finishes or takes back by itself.
        """
        with self._lock:
            self._cancelled = True
            if self._asker is not None:
                self._asker.abandon()
            if self._agent is not None:
                self._agent.hang_up()

    def follow(self, status: Mapping[str, Any]) -> None:
        """Take a question from the screen whose token has been pulled out: nobody can answer it."""
        here = {row.get("serial") for row in status.get("tokens") or () if row.get("present")}
        with self._lock:
            token = (self._asked_of.token if self._asked_of is not None else None) or {}
            if token.get("serial") and token["serial"] not in here:
                self._withdraw(CustodeError(ErrorCode.TOKEN_GONE, token=token.get("label") or ""))

    def _withdraw(self, why: CustodeError) -> None:
        """With the lock held: end the question, if there still is one."""
        if self._asker is not None:
            self._withdrawn = why
            self._asker.abandon()

    # --- in the call's own thread ---

    def _run(self) -> None:
        try:
            answer = self._call()
        except CustodeError as error:
            told = CustodeError(ErrorCode.CANCELLED) if self._cancelled else error
            self._told.emit("failed", told)
        except Exception as error:  # noqa: BLE001 - a thread's error must reach the window
            from custode.unexpected import of_unexpected

            self._told.emit("failed", of_unexpected(error))
        else:
            self._told.emit("done", answer)

    def _call(self) -> Any:
        with AgentClient.connect(self._paths, name=_NAME) as agent:
            with self._lock:
                self._agent = agent
                if self._cancelled:
                    raise CustodeError(ErrorCode.CANCELLED)
            try:
                return agent.call(
                    self.method, self._params, on_secret=self._give, on_event=self._heard
                )
            finally:
                with self._lock:
                    self._agent = None

    def _give(self, secret: WantedSecret) -> int:
        from custode.prompts import builtin
        from custode.prompts.asking import question, read_wanted
        from custode.prompts.assuan import PinentryAsker

        wanted = read_wanted(secret)
        program = builtin.NAME if wanted.pinentry in _TERMINAL else wanted.pinentry
        asker = PinentryAsker(program, int(wanted.seconds))
        with self._lock:
            if self._cancelled:
                raise CustodeError(ErrorCode.CANCELLED)
            self._asker, self._asked_of, self._withdrawn = asker, secret, None
        self._told.emit("asking", True)
        try:
            with self._while_it_lives(), asker.ask(question(wanted)) as typed:
                return typed.into_pipe()
        except CustodeError as error:
            raise self._why(error) from error
        finally:
            with self._lock:
                self._asker = self._asked_of = None
            self._told.emit("asking", False)

    def _why(self, error: CustodeError) -> CustodeError:
        return self._withdrawn if self._withdrawn is not None else error

    @contextmanager
    def _while_it_lives(self) -> Iterator[None]:
        """Take the question from the screen when the agent that asks it ends."""
        agent = self._agent
        if agent is None:  # cancelled just now
            yield
            return
        ends, end = os.pipe()

        def watch() -> None:
            poll = select.poll()
            poll.register(ends, select.POLLHUP)
            poll.register(agent.fileno(), select.POLLRDHUP)
            if ends not in [ready for ready, _ in poll.poll()]:
                with self._lock:
                    self._withdraw(CustodeError(ErrorCode.AGENT_DIED, log=str(self._paths.log)))

        watcher = threading.Thread(target=watch, daemon=True, name=f"{self.method}-watch")
        watcher.start()
        try:
            yield
        finally:
            os.close(end)
            watcher.join()
            os.close(ends)

    def _heard(self, name: str, said: dict[str, Any]) -> None:
        if name == "progress":
            self._told.emit("progress", said)

    # --- on Qt's thread ---

    @Slot(str, object)
    def _tell(self, what: str, told: Any) -> None:
        match what:
            case "progress":
                self.progress.emit(str(told.get("step") or ""), str(told.get("text") or ""))
            case "asking":
                self.asking.emit(told)
            case _:
                self.running = False
                (self.done if what == "done" else self.failed).emit(told)
                self.over.emit()


if TYPE_CHECKING:
    Progress = Callable[[str, str], None]
    Done = Callable[[Any], None]
    Failed = Callable[[CustodeError], None]
