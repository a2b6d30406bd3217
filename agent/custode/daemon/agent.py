"""The daemon put together: its parts, in the order they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode import taking_up
from custode.daemon import activation, checkup, methods, preferences, rollback
from custode.daemon.audit import Anchor, AuditLog
from custode.daemon.authority import ConfiguredAuthority
from custode.daemon.client_port import ConnectedClient, NoClient
from custode.daemon.clock import SystemClock
from custode.daemon.config_file import LiveConfig
from custode.daemon.context import Context, Method, Resume
from custode.daemon.executor import Executor, Hook
from custode.daemon.jobs import JobWorkers
from custode.daemon.journal import Journal, Operation
from custode.daemon.mailbox import Mailbox
from custode.daemon.noticing import noticed
from custode.daemon.records import load_state
from custode.daemon.rpc_connection import Connection
from custode.daemon.rpc_server import Handler, InvalidParams, OnFace, RpcServer
from custode.daemon.running import Running
from custode.daemon.secrets import SecretsServer
from custode.daemon.status_modules import NOT_RECOGNIZED
from custode.daemon.store import Store
from custode.daemon.ticking import tick
from custode.daemon.tokens import Cards, TokenWorkers, nobody_knows
from custode.domain import commands, events
from custode.domain.commands import Announce
from custode.domain.gate import not_identified
from custode.domain.tokens import seen
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.clock import Clock
    from custode.daemon.config import Config, ModuleSettings
    from custode.domain.commands import Command
    from custode.paths import Paths
    from custode_drivers.api.events import Event as DriverEvent
    from custode_drivers.api.protocols import Watch

USE_LAST_ATTEMPT: Final = "use_last_attempt"
FIRST_READ_S: Final = 10.0  # READY does not wait longer for slow modules: the gate stays shut

ContextHook = Callable[[Context, Any], Awaitable[None]]
Watches = Callable[["Config", Sequence[str], Callable[["DriverEvent"], None]], Sequence["Watch"]]

_log = logging.getLogger(__name__)


def _no_watches(*_: object) -> Sequence[Watch]:
    return ()


def _no_modules(_config: Config) -> Sequence[ModuleSettings]:
    return ()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the composition root brings: procedures by their name, and drivers' watches."""

    methods: Mapping[str, Method] = field(default_factory=dict)
    resume: Mapping[str, Resume] = field(default_factory=dict)
    hooks: Mapping[type, ContextHook] = field(default_factory=dict)
    watches: Watches = _no_watches
    fixed: Callable[[Config], Sequence[ModuleSettings]] = _no_modules
    discovers: bool = False
    """Whether a hook for FindModules, and a watch that tells of readers, are among them."""


class Agent:
    """One running daemon. `run` does everything; `stop` makes it return."""

    def __init__(
        self,
        paths: Paths,
        wiring: Wiring,
        config: LiveConfig,
        tokens: TokenWorkers,
        given: activation.Activation,
    ) -> None:
        """`tokens` are those of `config`; they are closed here, in their turn."""
        self._activation = given
        self._paths = paths
        self._wiring = wiring
        self._config = config
        self._tokens = tokens
        self._clock = SystemClock()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Have `run` return, after everything was put away."""
        self._stopping.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`; `ready` is called when clients can connect.

        :raises CustodeError: CONFIG_INVALID, DATABASE_CORRUPT, FILE_UNWRITABLE: it does not start
        """
        async with contextlib.AsyncExitStack() as stack:
            ctx, executor = self._open(stack)
            tokens, secrets = self._tokens, SecretsServer()
            own = {**methods.METHODS, **checkup.METHODS, **preferences.METHODS}
            table = {**own, "agent.stop": self._stop_method, **self._wiring.methods}
            server = RpcServer(
                {name: _handler(ctx, secrets, name, method) for name, method in table.items()},
                str(self._paths.log),
                self._told_of_faces(ctx),
            )
            self._announce = server.announce
            self._register(ctx, executor, tokens)
            stack.push_async_callback(executor.lookups.close)
            signs = self._activation.give_signs()
            loops = [ctx.mailbox.run(), tick(ctx.clock, ctx.mailbox), signs]
            for loop in loops:
                stack.push_async_callback(_cancel, asyncio.ensure_future(loop))
            self._watch(stack, ctx, tokens)
            await self._first_read(ctx, tokens)
            # Before anybody can begin another: what is begun from now on is its beginner's.
            left = ctx.journal.pending()
            stack.push_async_callback(taking_up.stop)
            given = self._activation.sockets
            for start, path in (
                (secrets.start, self._paths.secrets_socket),
                (server.start, self._paths.agent_socket),
            ):
                listener = given.get(path.name) or await activation.own_socket(path, stack)
                await _maybe(start(listener))
            stack.push_async_callback(secrets.close)
            stack.push_async_callback(server.close)
            self._resume(ctx, left)
            ctx.audit.append("agent_started")
            ready()
            await self._stopping.wait()
            self._activation.tell("STOPPING=1")

    def _open(self, stack: contextlib.AsyncExitStack) -> tuple[Context, Executor]:
        """Open what lies on disk and make the parts; what `stack` closes last comes first."""
        config = self._config
        store = Store.open(self._paths.state)
        stack.callback(store.close)
        audit = AuditLog.open(self._paths.audit, self._clock, Anchor(store.meta, store.set_meta))
        stack.callback(audit.close)
        if store.fresh:
            audit.append("state_created")  # beside an older log: somebody took the database away
        else:
            rollback.end_again(store, audit)
        stack.callback(audit.append, "agent_stopped")
        executor = Executor(store, audit, self._announced)
        current = config.current()
        stack.push_async_callback(self._tokens.close)
        self._tokens.add_fixed(self._wiring.fixed(current))
        jobs = JobWorkers(current.jobs.idle_s, self._paths.log)
        stack.push_async_callback(jobs.close)
        authority = ConfiguredAuthority(self._paths, config, store)
        stack.push_async_callback(authority.stop)
        context = Context(
            paths=self._paths,
            clock=self._clock,
            store=store,
            journal=Journal(store, self._clock),
            audit=audit,
            tokens=self._tokens,
            jobs=jobs,
            authority=authority,
            client=NoClient(),
            mailbox=Mailbox(load_state(store, self._clock.now()), executor.carry_out),
            live_config=config,
            running=Running(self._announced),
        )
        return context, executor

    def _announced(self, name: str, data: Mapping[str, Any]) -> None:
        self._announce(name, data)

    def _told_of_faces(self, ctx: Context) -> OnFace:
        def told(face: int, *, here: bool) -> None:
            kind = events.FaceArrived if here else events.FaceLeft
            ctx.mailbox.put(kind(face, self._clock.now()))

        return told

    def _register(self, ctx: Context, executor: Executor, tokens: TokenWorkers) -> None:
        def over(operation_id: str) -> None:
            if operation_id in ctx.state.waiting:
                ctx.mailbox.put(events.OperationEnded(operation_id, ctx.clock.now()))

        ctx.journal.when_over = over

        async def read(command: Command) -> None:
            assert isinstance(command, commands.ReadTokens)  # noqa: S101 - what it is registered for
            module = command.module

            def cards() -> int | None:
                return ctx.state.cards_for(module)

            await ctx.mailbox.post(await _read_module(tokens, module, ctx.clock, cards))

        executor.register(commands.ReadTokens, read)
        for kind, hook in self._wiring.hooks.items():
            executor.register(kind, _with(ctx, hook))

    def _watch(self, stack: contextlib.AsyncExitStack, ctx: Context, tokens: TokenWorkers) -> None:
        """Start the drivers' watches; what they report from their threads enters the mailbox."""
        loop = asyncio.get_running_loop()

        def take(event: DriverEvent) -> None:
            match noticed(event, ctx.clock.now()):
                case Announce(name, data):
                    self._announced(name, data)
                case happened:
                    ctx.mailbox.put(happened)

        def report(event: DriverEvent) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed a moment ago
                loop.call_soon_threadsafe(take, event)

        for watch in self._wiring.watches(ctx.config, tokens.names, report):
            watch.start()
            stack.callback(watch.stop)

    async def _first_read(self, ctx: Context, tokens: TokenWorkers) -> None:
        """List every module's tokens before anyone asks; a slow one is not waited for."""
        await asyncio.sleep(0)  # what the watches told at their start comes before the reading
        now = ctx.clock.now()
        discover = self._wiring.discovers and ctx.config.discovery.discover
        await ctx.post(events.AgentStarted(tokens.names, now, discover))
        await ctx.post(ctx.authority.described(now))
        with contextlib.suppress(CustodeError):
            await ctx.mailbox.until(lambda state: not not_identified(state), FIRST_READ_S)

    def _resume(self, ctx: Context, left: Sequence[Operation]) -> None:
        """Take up what an earlier run of the agent left half done, each for itself."""
        for operation in left:
            resume = self._wiring.resume.get(operation.kind)
            if resume is None:
                _log.warning("operation %s: nobody resumes %s", operation.id, operation.kind)
                continue
            _log.info("operation %s: resuming %s", operation.id, operation.kind)
            taking_up.behind(taking_up.take_up(ctx, operation, resume))

    async def _stop_method(self, _ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
        self.stop()
        return {}


async def _read_module(
    tokens: TokenWorkers, module: str, clock: Clock, cards: Cards = nobody_knows
) -> events.Event:
    """Read a module; whatever goes wrong is an answer too, for the domain waits for one."""
    try:
        rows = await tokens.list_module(module, cards)
    except CustodeError as exc:
        return events.ModuleFailed(module, str(exc.data.get("why") or exc), clock.now())
    readable = [row for row in rows if "unreadable" not in row]
    foreign = [row for row in rows if row.get("unreadable") == NOT_RECOGNIZED]
    try:
        shown = tuple(seen(module, row, tokens.path_of(module)) for row in readable)
    except ValueError as exc:
        return events.ModuleFailed(module, str(exc), clock.now(), token_in_slot=True)
    mute = len(readable) + len(foreign) < len(rows)
    return events.TokensListed(
        module, shown, clock.now(), token_unreadable=mute, unrecognised=bool(foreign)
    )


def _handler(ctx: Context, secrets: SecretsServer, name: str, method: Method) -> Handler:
    async def handle(connection: Connection, params: dict[str, Any]) -> Any:
        # Of the call, not of the method: every one that may ask for a PIN takes it.
        accepts = params.pop(USE_LAST_ATTEMPT, False)
        if not isinstance(accepts, bool):
            raise InvalidParams(f"{USE_LAST_ATTEMPT} is true or false")
        with ctx.running.call(name) as told:
            client = ConnectedClient(
                connection, secrets, ctx.live_config, told, use_last_attempt=accepts
            )
            try:
                return await method(ctx.for_client(client), params)
            except msgspec.ValidationError as exc:
                _log.info("params refused", exc_info=True)
                raise InvalidParams(str(exc)) from exc

    return handle


def _with(ctx: Context, hook: ContextHook) -> Hook:
    async def call(command: Command) -> None:
        await hook(ctx, command)

    return call


async def _maybe(started: Awaitable[None] | None) -> None:
    if started is not None:
        await started


async def _cancel(task: asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
