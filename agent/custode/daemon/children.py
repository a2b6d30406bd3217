"""The daemon's end of its child processes: start, call with a deadline, call back, kill, restart.

ChildFailure
 ├─ ChildError      the child answered with an error: code and data
 ├─ ChildDied       it ended, crashed, could not be started, or spoke nonsense
 └─ ChildTimeout    the deadline passed; the child and all it had started were killed
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Sized
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

from custode.daemon.child_process import ChildProcess, ProcessGone, StartFailed
from custode_drivers.channel import frames

GRACE_S: Final = 1.0
"""How long a child may take to end by itself once its channel is closed."""

Params = dict[str, Any]
CallbackFn = Callable[[Params, tuple[int, ...]], Awaitable[Any]]
"""Answers a child's callback. The descriptors are closed when it returns. To send some back return
`WithFds(result, fds)`; to send an error raise `ChildError(code, data)`."""


class ChildFailure(Exception):
    """A call to a child did not give a result."""


class ChildError(ChildFailure):
    """The child answered with an error."""

    def __init__(self, code: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, dict(data or {}))
        self.code: Final = code
        self.data: Final[dict[str, Any]] = dict(data or {})


class ChildDied(ChildFailure):
    """The child ended while `method` ran: by `signal` (number), or with `status`."""

    def __init__(self, method: str, *, status: int | None, signal: int | None, why: str) -> None:
        super().__init__(method, status, signal, why)
        self.method: Final = method
        self.status: Final = status
        self.signal: Final = signal
        self.why: Final = why


class ChildTimeout(ChildFailure):
    """`method` did not answer within `deadline_s`; the child was killed."""

    def __init__(self, method: str, deadline_s: float) -> None:
        super().__init__(method, deadline_s)
        self.method: Final = method
        self.deadline_s: Final = deadline_s


class WithFds:
    """The result of a callback that sends descriptors to the child; they are closed after it."""

    def __init__(self, result: Any, fds: Sequence[int]) -> None:
        self.result: Final = result
        self.fds: Final = tuple(fds)


class Child:
    """A child process that is started when it is needed, and again when it died.

    Calls are queued: the child runs one at a time. A cancelled call kills the child, because
    nobody knows what it is in the middle of.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        log: int | Path | None = None,
        idle_s: float | None = None,
        holding: Sized = (),
        queueing_counts: bool = False,
    ) -> None:
        """`argv` without `--channel-fd`, which is added; `env` is added to our own environment.

        `log` takes the child's stdout and stderr (None: ours); `idle_s`: after that long without a
        call the child is ended, and started again by the next call; not while `holding` is
        anything: what the child keeps for us between two calls; `queueing_counts`: a call's
        deadline runs from when it was made, not from when the child begins with it.
        """
        self._argv = tuple(argv)
        self._env = dict(env or {})
        self._log = log
        self._idle_s = idle_s
        self._holding = holding
        self._queueing_counts = queueing_counts
        self._turn = asyncio.Lock()
        self._process: ChildProcess | None = None
        self._called: ChildProcess | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[int | None]] = set()
        self._generation = 0
        self._calls = 0
        self._closed = False

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        log: int | Path | None = None,
        idle_s: float | None = None,
    ) -> Self:
        """Return a Child whose process runs already. :raises ChildDied: when it cannot start."""
        child = cls(argv, env, log=log, idle_s=idle_s)
        await child.start()
        return child

    async def start(self) -> None:
        """Have the process run already; it loads what it needs while we do other things.

        :raises ChildDied: when it cannot start; the next call tries again
        """
        if not self._turn.locked():
            await self._running("start")
            self._rest()

    @property
    def pid(self) -> int | None:
        """The process now running."""
        return self._process.pid if self._process and self._process.alive else None

    @property
    def generation(self) -> int:
        """How many processes were called so far: a change means that all sessions are gone.

        One that was only started has looked at nothing yet, and holds nothing.
        """
        return self._generation

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        fds: Sequence[int] = (),
        deadline_s: float,
        callbacks: Mapping[str, CallbackFn] | None = None,
    ) -> Any:
        """Call a method and return its result; `fds` are closed here whatever happens.

        They are closed as soon as the child has them: a pipe whose write end travels must not stay
        open here, or its reader would never see the end.

        The deadline counts from when the child begins (see `queueing_counts`) and includes
        callbacks; what is still queued then ends alone, the child goes on with the others' calls.
        An exception of a callback that is no ChildError is raised here once the call has failed.

        :raises ChildError: when the child answers with an error.
        :raises ChildDied: when it ends meanwhile. :raises ChildTimeout: past the deadline.
        """
        ours = list(fds)
        try:
            async with self._take_turn(method, deadline_s) as left_s:
                process = await self._running(method)
                if process is not self._called:
                    self._called = process
                    self._generation += 1
                self._calls += 1
                request = frames.Request(self._calls, method, dict(params or {}), len(ours))
                conversation = _Conversation(process, callbacks or {})
                try:
                    answer = await self._within(left_s, conversation.ask(request, ours), method)
                except ProcessGone as gone:
                    raise await self._died(method, gone) from gone
                finally:
                    self._rest()
                return conversation.result(answer)
        finally:
            frames.close_all(ours)

    async def kill(self) -> None:
        """End the process now, with everything it started; an open call gets ChildDied."""
        if self._process is not None:
            self._process.kill()
            if not self._turn.locked():
                await self._drop()
        await self._settle()

    async def restart(self) -> None:
        """End the process once it is free, with what it keeps; the next call starts another."""
        async with self._turn:
            self._stop_idle()
            await self._drop(grace_s=GRACE_S)

    async def close(self) -> None:
        """End the child for good; calls after this raise ChildDied.

        An idle child may end by itself (within GRACE_S); one that serves a call is killed.
        """
        self._closed = True
        if self._turn.locked() and self._process is not None:
            self._process.kill()
        async with self._turn:
            self._stop_idle()
            await self._drop(grace_s=GRACE_S)
        await self._settle()

    @asynccontextmanager
    async def _take_turn(self, method: str, deadline_s: float) -> AsyncIterator[float]:
        """Wait until the child is free; gives what is left of the deadline then."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(deadline_s if self._queueing_counts else None):
                await self._turn.acquire()
        except TimeoutError as exc:
            raise ChildTimeout(method, deadline_s) from exc
        try:
            waited = loop.time() - began if self._queueing_counts else 0.0
            yield deadline_s - waited
        finally:
            self._turn.release()

    async def _within(
        self, deadline_s: float, work: Awaitable[frames.Answer], method: str
    ) -> frames.Answer:
        deadline = asyncio.timeout(deadline_s)
        try:
            async with deadline:
                return await work
        except ProcessGone:
            raise
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            await self._drop()
            raise ChildTimeout(method, deadline_s) from exc
        except BaseException:  # cancelled, or a frame that cannot be sent: it is mid-call for ever
            self._drop_soon()
            raise

    async def _running(self, method: str) -> ChildProcess:
        self._stop_idle()
        if self._closed:
            raise ChildDied(method, status=None, signal=None, why="closed")
        if self._process is not None and not self._process.alive:
            await self._drop()
        if self._process is None:
            try:
                self._process = ChildProcess.start(self._argv, self._env, self._log)
            except StartFailed as exc:
                raise ChildDied(method, status=None, signal=None, why=str(exc)) from exc
        return self._process

    async def _died(self, method: str, gone: ProcessGone) -> ChildDied:
        status = await self._drop(grace_s=GRACE_S if gone.by_itself else 0)
        signal = -status if status is not None and status < 0 else None
        return ChildDied(
            method, status=None if signal else status, signal=signal, why=str(gone) or "ended"
        )

    async def _drop(self, grace_s: float = 0) -> int | None:
        """Part with the process; if who waits here is cancelled, its end comes all the same."""
        ending = self._drop_soon(grace_s)
        return await asyncio.shield(ending) if ending else None

    def _drop_soon(self, grace_s: float = 0) -> asyncio.Task[int | None] | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if not grace_s:
            process.kill()
        ending = asyncio.ensure_future(process.end(grace_s))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def _settle(self) -> None:
        if self._ending:
            await asyncio.wait(self._ending)

    def _rest(self) -> None:
        if self._idle_s is not None and self._process is not None:
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._idle_out)

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _idle_out(self) -> None:
        if len(self._holding):
            self._rest()
        elif not self._turn.locked():
            self._drop_soon(grace_s=GRACE_S)


class _Conversation:
    """One request, the callbacks that come while it is served, and its answer."""

    def __init__(self, process: ChildProcess, callbacks: Mapping[str, CallbackFn]) -> None:
        self._process = process
        self._callbacks = callbacks
        self._callback_failed: Exception | None = None

    async def ask(self, request: frames.Request, fds: list[int]) -> frames.Answer:
        await self._process.send(request, fds)
        frames.close_all(fds)
        fds.clear()
        while True:
            received = await self._process.receive()
            try:
                match received.frame:
                    case frames.Callback() as callback:
                        await self._serve(callback, received.fds)
                    case frames.Answer(id=request.id) as answer:
                        return answer
                    case other:
                        raise ProcessGone(f"spoke out of turn: {type(other).__name__}")
            finally:
                frames.close_all(received.fds)

    def result(self, answer: frames.Answer) -> Any:
        try:
            return answer.value()
        except frames.RemoteError as exc:
            if self._callback_failed is not None:
                raise self._callback_failed from exc
            raise ChildError(exc.code, exc.data) from exc

    async def _serve(self, callback: frames.Callback, fds: tuple[int, ...]) -> None:
        back: tuple[int, ...] = ()
        serve = self._callbacks.get(callback.call)
        try:
            if serve is None:
                raise ChildError("no_such_callback", {"call": callback.call})
            result = await serve(callback.params, fds)
            if isinstance(result, WithFds):
                result, back = result.result, result.fds
            answer = frames.Answer(callback.id, result, fds=len(back))
        except ChildError as exc:
            answer = frames.Answer(callback.id, error=frames.Failure(exc.code, exc.data))
        except Exception as exc:  # noqa: BLE001 - the child must get an answer; `result` raises it
            self._callback_failed = exc
            answer = frames.Answer(callback.id, error=frames.Failure("callback_failed"))
        try:
            await self._process.send(answer, back)
        finally:
            frames.close_all(back)
