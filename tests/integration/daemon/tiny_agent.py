"""An agent with procedures of its own, run as a process by the tests: `python tiny_agent.py`."""

import asyncio
import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

from custode.daemon.agent import Wiring
from custode.daemon.context import Context
from custode.daemon.journal import Operation
from custode.daemon.main import run
from custode.domain.events import IdentitySet
from custode.domain.model import Identity
from custode.errors import CustodeError
from custode.paths import Paths


async def work(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Three steps; `die_after` names the one behind which the process vanishes."""
    operation = ctx.journal.begin("work", {"die_after": params.get("die_after")})
    await _go_on(ctx, operation)
    return {"operation": operation.id}


async def _go_on(ctx: Context, operation: Operation) -> None:
    for name in ("one", "two", "three"):
        if operation.step_data(name) is None:
            with (ctx.paths.home / "effects").open("a") as file:
                file.write(f"{name}\n")
            operation.step(name, done_by=os.getpid())
            if operation.data["die_after"] == name and len(operation.record.steps) < 3:
                os._exit(9)
    operation.done()


async def leave(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Leave operations behind: one that waits for the person, one that never comes to an end."""
    return {kind: ctx.journal.begin(kind).id for kind in params["kinds"]}


async def end(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """End one."""
    operation = ctx.journal.find(params["operation"])
    assert operation is not None
    operation.done()
    return {}


async def _wait(_ctx: Context, _operation: Operation) -> None:
    """Only the person can go on with it."""


async def _endless(ctx: Context, _operation: Operation) -> None:
    (ctx.paths.home / "endless").write_text("began")
    await asyncio.sleep(3600)


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def ask(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Ask for a secret and answer how long it is (a real procedure passes it on unread)."""
    token = {"serial": "1", "label": "L"}
    async with ctx.client.secret("token_pin", token, 3, "test") as fd:
        await ctx.client.progress("asked", "A secret came", "op")
        return {"length": len(os.read(fd, 1024)), "descriptors": _open_descriptors()}


async def linger(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Wait for nothing; leaves a file behind that says how it ended."""
    outcome = ctx.paths.home / params["name"]
    try:
        if params.get("while_there"):
            await ctx.client.unless_gone(asyncio.sleep(30))
        else:
            await asyncio.sleep(params.get("seconds", 0.3))
    except CustodeError as exc:
        outcome.write_text(exc.code.value)
        raise
    except asyncio.CancelledError:
        outcome.write_text("cancelled by the stop")
        raise
    outcome.write_text("to its end")
    return {}


async def event(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Have something happen that subscribers hear of."""
    await ctx.post(IdentitySet(Identity("ABC123", "RSSMRA80A01H501U"), ctx.clock.now()))
    return {}


async def authority(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Have the real embedded authority run; answers its address and process."""
    address = await ctx.authority.ensure_running()
    return {"url": address.url, "mark": ctx.store.meta("authority.process")}


async def crash(_ctx: Context, _params: dict[str, Any]) -> None:
    """Fail in a way nobody foresaw, near something that no log may hold."""
    secret = "hunter2-local"
    raise LookupError(len(secret))


async def dumpable(_ctx: Context, _params: dict[str, Any]) -> int:
    """Answer what prctl(PR_GET_DUMPABLE) says."""
    return int(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))


async def descriptors(_ctx: Context, _params: dict[str, Any]) -> int:
    """How many descriptors are open."""
    return _open_descriptors()


if __name__ == "__main__":
    home = Path(os.environ["CUSTODE_HOME"])
    time.sleep(float(os.environ.get("CUSTODE_TEST_LATE_S", "0")))
    sys.exit(
        run(
            Paths.at(home),
            lambda: Wiring(
                methods={
                    "test.work": work,
                    "test.leave": leave,
                    "test.end": end,
                    "test.ask": ask,
                    "test.linger": linger,
                    "test.event": event,
                    "test.authority": authority,
                    "test.crash": crash,
                    "test.dumpable": dumpable,
                    "test.descriptors": descriptors,
                },
                resume={"work": _go_on, "endless": _endless, "waits": _wait, "renew": _wait},
            ),
        )
    )
