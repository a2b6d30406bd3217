"""Children that answer, hang, crash and lie; each test ends with nothing left running or open."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.children import (
    Child,
    ChildDied,
    ChildError,
    ChildTimeout,
    Params,
    WithFds,
)

ARGV = [sys.executable, str(Path(__file__).with_name("acting_child.py"))]
Fds = tuple[int, ...]


@contextlib.asynccontextmanager
async def acting(**options: Any) -> AsyncIterator[Child]:
    child = Child(ARGV, **options)
    try:
        yield child
    finally:
        await child.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story; afterwards no descriptor is open that was not before."""
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    asyncio.run(asyncio.wait_for(story, 30))
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names are enough


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a zombie that somebody else has to reap is dead
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def ends_soon(pid: int) -> bool:
    until = time.monotonic() + 5
    while alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_a_child_answers_and_ends_with_its_channel() -> None:
    async def story() -> None:
        async with acting(env={"ADDED": "yes"}) as child:
            assert child.pid is None
            big = {"data": bytes(3_000_000), "text": "però"}
            assert await child.call("echo", big, deadline_s=10) == big
            pid = await child.call("pid", deadline_s=5)
            assert (pid, child.generation) == (child.pid, 1)
            assert await child.call("environment", {"name": "ADDED"}, deadline_s=5) == "yes"
            assert await child.call("environment", {"name": "PATH"}, deadline_s=5)
            with pytest.raises(ChildError) as caught:
                await child.call("fail", deadline_s=5)
            assert (caught.value.code, caught.value.data) == ("pin_locked", {"left": 0})
        assert not alive(pid)
        with pytest.raises(ChildDied, match="closed"):
            await child.call("echo", deadline_s=5)

    run(story())


def test_a_call_past_its_deadline_kills_the_child_and_the_next_one_starts_another() -> None:
    async def story() -> None:
        async with acting() as child:
            first = await child.call("pid", deadline_s=5)
            grandchild = await child.call("grandchild", deadline_s=5)
            began = time.monotonic()
            with pytest.raises(ChildTimeout) as caught:
                await child.call("sleep", {"seconds": 60}, deadline_s=0.2)
            assert (caught.value.method, caught.value.deadline_s) == ("sleep", 0.2)
            assert time.monotonic() - began < 3
            assert ends_soon(first)
            assert ends_soon(grandchild)
            assert await child.call("pid", deadline_s=5) != first
            assert child.generation == 2

    run(story())


@pytest.mark.parametrize(
    ("method", "params", "status", "number"),
    [
        ("crash", {}, None, signal.SIGSEGV),
        ("segfault", {}, None, signal.SIGSEGV),
        ("exit", {"status": 3}, 3, None),
    ],
)
def test_a_child_that_dies_tells_how(
    method: str, params: Params, status: int | None, number: int | None, tmp_path: Path
) -> None:
    async def story() -> None:
        async with acting(log=tmp_path / "log") as child:
            with pytest.raises(ChildDied) as caught:
                await child.call(method, params, deadline_s=10)
            died = caught.value
            assert (died.method, died.status, died.signal) == (method, status, number)
            assert await child.call("echo", {"a": 1}, deadline_s=5) == {"a": 1}

    run(story())


def test_a_child_that_died_unseen_is_replaced_before_the_next_call() -> None:
    async def story() -> None:
        async with acting() as child:
            pid = await child.call("pid", deadline_s=5)
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert await child.call("pid", deadline_s=5) != pid

    run(story())


@pytest.mark.parametrize("argv", [["/does/not/exist"], [sys.executable, "-c", "pass"]])
def test_what_cannot_start_or_does_not_stay_is_told(argv: list[str]) -> None:
    async def story() -> None:
        child = Child(argv)
        with pytest.raises(ChildDied):
            await child.call("echo", deadline_s=5)
        await child.close()

    run(story())


def test_a_child_that_talks_nonsense_is_killed(tmp_path: Path) -> None:
    async def story() -> None:
        async with acting(log=tmp_path / "log") as child:
            pid = await child.call("pid", deadline_s=5)
            with pytest.raises(ChildDied, match="broken channel"):
                await child.call("nonsense", deadline_s=10)
            assert not alive(pid)

    run(story())


def test_calls_wait_for_their_turn() -> None:
    async def story() -> None:
        async with acting() as child:
            sleeping = asyncio.create_task(child.call("sleep", {"seconds": 0.4}, deadline_s=5))
            await asyncio.sleep(0)
            # the time in the queue does not count
            echoes = [child.call("echo", {"n": n}, deadline_s=0.3) for n in range(3)]
            assert await asyncio.gather(*echoes) == [{"n": n} for n in range(3)]
            assert sleeping.done()
            assert child.generation == 1

    run(story())


def test_a_cancelled_call_ends_the_child() -> None:
    async def story() -> None:
        async with acting() as child:
            pid = await child.call("pid", deadline_s=5)
            hanging = asyncio.create_task(child.call("sleep", {"seconds": 60}, deadline_s=60))
            await asyncio.sleep(0.1)
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            assert await child.call("pid", deadline_s=5) != pid
            assert not alive(pid)

    run(story())


def test_kill_ends_an_open_call() -> None:
    async def story() -> None:
        async with acting() as child:
            hanging = asyncio.create_task(child.call("sleep", {"seconds": 60}, deadline_s=60))
            await asyncio.sleep(0.3)
            await child.kill()
            with pytest.raises(ChildDied) as caught:
                await hanging
            assert caught.value.signal == signal.SIGKILL
            await child.kill()
            assert await child.call("echo", deadline_s=5) == {}
            await child.kill()
            assert child.pid is None

    run(story())


def test_close_does_not_wait_for_a_child_that_hangs() -> None:
    async def story() -> None:
        async with acting() as child:
            pid = await child.call("deaf", deadline_s=5)
            began = time.monotonic()
            await child.close()
            assert time.monotonic() - began < 4
            assert not alive(pid)

    run(story())


def test_an_idle_child_is_ended_and_started_again() -> None:
    async def story() -> None:
        async with acting(idle_s=0.2) as child:
            pid = await child.call("pid", deadline_s=5)
            assert await child.call("sleep", {"seconds": 0.4}, deadline_s=5) == "slept"
            assert child.pid == pid  # a call is no idleness
            await asyncio.sleep(0.6)
            assert child.pid is None
            assert not alive(pid)
            assert await child.call("pid", deadline_s=5) != pid
        spawned = await Child.spawn(ARGV, idle_s=0.1)
        pids = [spawned.pid]
        assert spawned.generation == 0  # nobody has called it yet
        await asyncio.sleep(0.5)
        pids.append(spawned.pid)
        assert [pid is None for pid in pids] == [False, True]
        await spawned.close()

    run(story())


def test_a_child_may_be_started_before_it_is_called() -> None:
    async def story() -> None:
        async with acting() as child:
            await child.start()
            pid = child.pid
            assert (await child.call("pid", deadline_s=5), child.generation) == (pid, 1)
            await child.restart()
            await child.start()
            assert (child.generation, child.pid not in {None, pid}) == (1, True)
            assert (await child.call("pid", deadline_s=5), child.generation) == (child.pid, 2)

    run(story())


async def _pin(params: Params, fds: Fds) -> Any:
    await asyncio.sleep(0)
    return {"n": params["n"], "fds": len(fds)}


async def _refuse(params: Params, fds: Fds) -> Any:
    raise ChildError("pin_locked", {"serial": "1"})


async def _break(params: Params, fds: Fds) -> Any:
    raise KeyError("a fault of the daemon")


def test_a_child_calls_back_while_it_serves() -> None:
    async def story() -> None:
        async with acting() as child:
            served: dict[str, Callable[[Params, Fds], Awaitable[Any]]] = {
                "pin": _pin,
                "refuse": _refuse,
                "break": _break,
            }

            async def ask(*names: str) -> Any:
                return await child.call("ask", {"names": names}, deadline_s=5, callbacks=served)

            assert await ask("pin", "pin") == [{"n": 0, "fds": 0}, {"n": 1, "fds": 0}]
            for name, code in (("refuse", "pin_locked"), ("missing", "no_such_callback")):
                with pytest.raises(ChildError) as caught:
                    await ask(name)
                assert caught.value.code == code
            with pytest.raises(KeyError, match="a fault of the daemon"):
                await ask("break")
            assert await ask("pin") == [{"n": 0, "fds": 0}]
            assert child.generation == 1

    run(story())


def test_the_deadline_holds_for_callbacks_too() -> None:
    async def forever(params: Params, fds: Fds) -> Any:
        await asyncio.sleep(60)

    async def story() -> None:
        async with acting() as child:
            with pytest.raises(ChildTimeout):
                await child.call("ask", {"names": ["f"]}, deadline_s=0.5, callbacks={"f": forever})

    run(story())


def test_descriptors_travel_both_ways_and_are_closed_here() -> None:
    async def swap(params: Params, fds: Fds) -> Any:
        assert os.read(fds[0], 10) == b"up"
        reading, writing = os.pipe()
        os.write(writing, b"down")
        os.close(writing)
        return WithFds("swapped", [reading])

    async def story() -> None:
        async with acting() as child:
            pipes = [os.pipe() for _ in range(2)]
            for n, (_, writing) in enumerate(pipes):
                os.write(writing, b"%d" % n)
                os.close(writing)
            reading = [reading for reading, _ in pipes]
            assert await child.call("read", fds=reading, deadline_s=5) == [b"0", b"1"]
            out, end = os.pipe()
            await child.call("write", {"data": b"here"}, fds=(end,), deadline_s=5)
            assert os.read(out, 10) == b"here"
            assert os.read(out, 10) == b""  # nobody holds the write end any more
            os.close(out)
            got = await child.call("ask_with_fds", deadline_s=5, callbacks={"swap": swap})
            assert got == ["swapped", [b"down"]]

    run(story())


def test_descriptors_are_closed_also_when_nothing_can_be_sent() -> None:
    async def story() -> None:
        child = Child(["/does/not/exist"])
        reading, writing = os.pipe()
        with pytest.raises(ChildDied):
            await child.call("read", fds=(reading, writing), deadline_s=5)
        await child.close()

    run(story())  # looks at the descriptors


def test_what_a_child_prints_goes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("before\n")

    async def story() -> None:
        async with acting(log=log) as child:
            await child.call("say", deadline_s=5)
        with log.open("a") as opened:
            async with acting(log=opened.fileno()) as child:
                await child.call("say", deadline_s=5)

    run(story())
    assert log.read_text() == "before\nout\nerr\nout\nerr\n"


def test_the_daemon_end_loads_nothing_heavy() -> None:
    script = "import sys, custode.daemon.children; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20
    )
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert "custode" in loaded
    assert not loaded & {"pkcs11", "cryptography", "asn1crypto", "httpx"}


def test_a_worker_loads_what_its_first_answer_needs() -> None:
    script = "import sys, custode_drivers.pkcs11.worker; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20
    )
    loaded = set(told.stdout.split())
    assert "custode_drivers.pkcs11.reading" in loaded
    assert not loaded & {"cryptography.x509", "email", "asyncio", "subprocess"}
