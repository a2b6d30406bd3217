"""An operation that broke off while the agent lives on is taken up at once, not at the next start.

A child was killed, the authority went away, a token was pulled: the procedure tells its error, and
the operation's `Resume` coroutine looks what really happened. When that cannot be found out now it
is tried again behind, until it can. What stays pending becomes a need of the person.

Only one works on an operation at a time, and each looks first how it stands on the disk: a snapshot
may be older than what a client has done meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from custode.domain.events import OperationEnded, OperationPaused
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from custode.daemon.context import Context, Resume
    from custode.daemon.journal import Operation

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 600.0
# What passes by itself. Everything else (a stick that is full or gone) waits for the next start.
_PASSES: Final = frozenset(
    {
        ErrorCode.AUTHORITY_UNAVAILABLE,
        ErrorCode.JOB_FAILED,
        ErrorCode.MODULE_FAILED,
        ErrorCode.TIMED_OUT,
    }
)

# The loop itself keeps only weak references. The id is of an operation that goes on by itself.
_behind: dict[asyncio.Future[None], str | None] = {}

_log = logging.getLogger(__name__)


@asynccontextmanager
async def taken_up(ctx: Context, operation: Operation, resume: Resume) -> AsyncIterator[None]:
    """What fails inside is raised once `resume` has looked at the operation, or tries to.

    While this runs the operation waits for nobody.
    :raises CustodeError: STATE_NOT_ALLOWED when somebody else has ended it meanwhile
    """
    try:
        async with ctx.journal.turn(operation.id):
            if not operation.is_pending:
                state = ctx.journal.read(operation.id).state.value
                raise CustodeError(ErrorCode.STATE_NOT_ALLOWED, what=operation.kind, state=state)
            if operation.id in ctx.state.waiting:
                await ctx.post(OperationEnded(operation.id, ctx.clock.now()))
            yield
    except CustodeError:
        await take_up(ctx, operation, resume)
        raise


async def take_up(ctx: Context, operation: Operation, resume: Resume) -> None:
    """Have an operation that is not over resumed: now, else behind until that works."""
    if operation.is_pending and not await _try(ctx, operation, resume):
        behind(_again(ctx, operation, resume))


def behind(work: Coroutine[Any, Any, None], goes_on: str | None = None) -> asyncio.Future[None]:
    """Start what nobody waits for; it is ended when the agent stops.

    `goes_on`: id of an operation that comes to its end so, without anybody's doing.
    """
    task = asyncio.ensure_future(work)
    _behind[task] = goes_on
    task.add_done_callback(_behind.pop)
    return task


async def stop() -> None:
    """End everything that goes on behind: the next start takes it up."""
    tasks = list(_behind)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _again(ctx: Context, operation: Operation, resume: Resume) -> None:
    pause_s = FIRST_PAUSE_S
    while operation.is_pending:
        await asyncio.sleep(pause_s)
        if await _try(ctx, operation, resume):
            return
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _try(ctx: Context, operation: Operation, resume: Resume) -> bool:
    """Whether it need not be tried again."""
    turn = ctx.journal.turn(operation.id)
    if turn.locked():
        return False
    async with turn:
        if not operation.is_pending:
            return True
        settled = await _resumed(ctx, ctx.journal.find(operation.id) or operation, resume)
    await _tell(ctx, operation)
    return settled


async def _tell(ctx: Context, operation: Operation) -> None:
    """What stays pending and does not go on by itself is the person's to go on with."""
    if operation.is_pending and operation.id not in _behind.values():
        now = ctx.clock.now()
        await ctx.post(OperationPaused(operation.id, operation.kind, operation.token, now))


async def _resumed(ctx: Context, operation: Operation, resume: Resume) -> bool:
    try:
        await resume(ctx, operation)
    except CustodeError as exc:
        _log.warning("operation %s stays pending: %s", operation.id, exc)
        return exc.code not in _PASSES
    except Exception:  # noqa: BLE001 - a fault of ours: again would be no better, the start tries it
        _log.exception("operation %s stays pending", operation.id)
    return True
