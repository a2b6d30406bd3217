"""Token workers by serial, the job worker with its callbacks, and their failures as our errors."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.client_port import NoClient
from custode.daemon.config import ModuleSettings
from custode.daemon.context import SecretWanted
from custode.daemon.jobs import JobWorkers
from custode.daemon.tokens import TokenWorkers
from custode.domain.model import TokenId, TokenSeen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

PROGRAM = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


def module(path: str, serials: str = "") -> ModuleSettings:
    return ModuleSettings(path=path, env={"SERIALS": serials})


def play(
    log: Path,
    story: Callable[[TokenWorkers, JobWorkers], Awaitable[None]],
    *modules: ModuleSettings,
) -> None:
    async def run() -> None:
        tokens = TokenWorkers(modules, log, PROGRAM)
        jobs = JobWorkers(5, log, PROGRAM)
        try:
            async with asyncio.timeout(20):
                await story(tokens, jobs)
        finally:
            await tokens.close()
            await jobs.close()

    asyncio.run(run())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


async def code_of(work: Awaitable[Any]) -> CustodeError:
    with pytest.raises(CustodeError) as caught:
        await work
    return caught.value


def seen(module: str, serial: str = "S1", maker: str = "Acme") -> TokenSeen:
    return TokenSeen(TokenId(maker, "T1", serial), serial, module)


A1 = seen("a.so", "A1")


def test_a_token_is_called_in_its_module_and_named_in_full(log: Path) -> None:
    """Two makers may give out the same serial number: each token has a module and a maker."""

    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        for module, maker in (("a.so", "Acme"), ("b.so", "Bolt"), ("b.so", "Acme")):
            answer = await tokens.call(seen(module, maker=maker), "echo", {"session": "s"})
            named = {"manufacturer": maker, "model": "T1", "serial": "S1"}
            told = {"session": "s", "token": named, "said": "", "by": f"/{module}"}
            assert answer == told
        error = await code_of(tokens.call(seen("c.so"), "echo"))
        assert (error.code, error.exit) == (ErrorCode.TOKEN_GONE, 11)

    play(log, story, module("/a.so", "S1"), module("/b.so", "S1"))


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_descriptors_stay_the_callers(log: Path) -> None:
    async def story(tokens: TokenWorkers, jobs: JobWorkers) -> None:
        def to_token(fd: int) -> Awaitable[Any]:
            return tokens.call(A1, "echo", {}, (fd,))

        def to_job(fd: int) -> Awaitable[Any]:
            return jobs.call("echo", {}, (fd,))

        for call in (to_token, to_job):
            before = _open_descriptors()
            read_end, write_end = os.pipe()
            os.write(write_end, b"1234")
            os.close(write_end)
            assert (await call(read_end))["said"] == "1234"
            os.close(read_end)
            assert _open_descriptors() <= before + 1  # the job worker's channel

    play(log, story, module("/a.so", "A1"))


@pytest.mark.parametrize(("times", "listed"), [(1, True), (2, False)])
def test_a_module_that_breaks_down_while_it_lists_is_asked_once_more(
    log: Path, tmp_path: Path, times: int, listed: bool
) -> None:
    """Else a token would seem to be gone until somebody plugs something."""
    dies = tmp_path / "dies"
    dies.mkdir()
    for number in range(times):
        (dies / str(number)).touch()
    settings = ModuleSettings(path="/a.so", env={"SERIALS": "A1", "DIES": str(dies)})

    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        if listed:
            assert [row["serial"] for row in await tokens.list_module("a.so")] == ["A1"]
            return
        error = await code_of(tokens.list_module("a.so"))
        assert (error.code, error.data["doing"]) == (ErrorCode.MODULE_FAILED, "list")

    play(log, story, settings)
    assert not list(dies.iterdir())


def test_a_module_that_fails_keeps_the_others_and_says_why(log: Path) -> None:
    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        error = await code_of(tokens.list_module("crash.so"))
        assert error.code is ErrorCode.MODULE_FAILED
        assert [row["serial"] for row in await tokens.list_module("a.so")] == ["A1"]
        health = {row["module"]: row for row in tokens.health()}
        assert (health["a.so"]["ok"], health["a.so"]["why"]) == (True, None)
        assert health["crash.so"]["ok"] is False
        assert health["crash.so"]["why"]

    play(log, story, module("/crash.so", "X"), module("/a.so", "A1"))


@pytest.mark.parametrize(
    ("first", "then", "cards", "told"),
    [
        ("", "A1", 1, ["A1"]),  # a card is in, and it shows none
        ("A1", "", 0, []),  # it shows a card that is gone
        ("A1,B2", "B2", 1, ["B2"]),
        ("A1", "B2", 1, ["A1"]),  # nothing contradicts it: one card, one token
        ("A1", "", None, ["A1"]),  # nobody knows how many cards there are
    ],
)
def test_a_module_that_shows_what_cannot_be_is_started_again(
    log: Path, tmp_path: Path, first: str, then: str, cards: int | None, told: list[str]
) -> None:
    shown = tmp_path / "shown"

    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        shown.write_text(first + ",")
        seen = [row["serial"] for row in await tokens.list_module("a.so")]
        assert ",".join(seen) == first
        shown.write_text(then + ",")
        assert [row["serial"] for row in await tokens.list_module("a.so", lambda: cards)] == told

    settings = ModuleSettings(path="/a.so", env={"FROZEN": str(shown)})
    play(log, story, settings)


def test_a_module_is_started_again_once_and_not_for_what_cannot_move(log: Path) -> None:
    """A card that a module does not know stays unknown; a TPM is there without any card."""

    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        async def starts(name: str, cards: int) -> tuple[int, int]:
            child = tokens._workers[name].child
            await tokens.list_module(name, lambda: cards)
            before = child.generation
            await tokens.list_module(name, lambda: cards)
            return before, child.generation

        assert await starts("none.so", 1) == (1, 2)  # fresh: believed; warm: looked at once more
        assert await starts("fixed.so", 0) == (1, 1)
        assert await starts("two.so", 2) == (1, 1)

    modules = (module("/none.so"), module("/fixed.so", "T1"), module("/two.so", "A1 A2"))
    play(log, story, *modules)


def test_a_session_outlives_tokens_that_outnumber_the_cards(log: Path) -> None:
    """One card may show several tokens: while one is in use that is no reason to start again."""

    async def story(tokens: TokenWorkers, _jobs: JobWorkers) -> None:
        await tokens.list_module("a.so")
        worker = tokens._workers["a.so"]
        worker.sessions.add("s")
        await tokens.list_module("a.so", lambda: 1)
        assert worker.child.generation == 1
        await tokens.list_module("a.so", lambda: 0)  # but without any card nothing can be in use
        assert (worker.child.generation, worker.sessions) == (2, set())

    play(log, story, module("/a.so", "A1 A2"))


def test_a_workers_failures_are_our_errors(log: Path) -> None:
    async def story(tokens: TokenWorkers, jobs: JobWorkers) -> None:
        told = {"code": "pin_incorrect", "data": {"attempts_remaining": 2}}
        error = await code_of(tokens.call(A1, "fail", told))
        assert (error.code, error.data["attempts_remaining"]) == (ErrorCode.PIN_INCORRECT, 2)
        error = await code_of(tokens.call(A1, "die"))
        assert (error.code, error.data["module"]) == (ErrorCode.MODULE_FAILED, "a.so")
        assert (await tokens.call(A1, "echo"))["by"] == "/a.so"  # a new one was started
        error = await code_of(tokens.call(A1, "hang", deadline_s=0.3))
        assert (error.code, error.exit) == (ErrorCode.TIMED_OUT, 16)
        refusal = {
            "code": "authority_refused",
            "data": {"problem": "original_active", "detail": "no", "status": 409},
        }
        error = await code_of(jobs.call("fail", refusal))
        assert (error.code, error.exit) == (ErrorCode.ORIGINAL_ACTIVE, 21)
        assert (await code_of(jobs.call("die"))).code is ErrorCode.JOB_FAILED
        assert (await code_of(jobs.call("hang", deadline_s=0.3))).code is ErrorCode.TIMED_OUT

    play(log, story, module("/a.so", "A1"))


def test_a_job_calls_back_and_our_errors_come_through_it(log: Path) -> None:
    async def double(params: dict[str, Any]) -> int:
        return int(params["number"]) * 2

    async def gone(_params: dict[str, Any]) -> None:
        raise CustodeError(ErrorCode.TOKEN_GONE, token="T")

    async def story(_tokens: TokenWorkers, jobs: JobWorkers) -> None:
        assert await jobs.call("up", callbacks={"back": double}) == 40
        error = await code_of(jobs.call("up", callbacks={"back": gone}))
        assert (error.code, error.data) == (ErrorCode.TOKEN_GONE, {"token": "T"})

    play(log, story)


def test_a_long_job_keeps_no_short_one_waiting(log: Path) -> None:
    async def story(_tokens: TokenWorkers, jobs: JobWorkers) -> None:
        long = asyncio.ensure_future(jobs.call("hang", deadline_s=180))
        await asyncio.sleep(0.3)
        answer = await jobs.call("echo", {"asked": "report"}, deadline_s=5)
        assert answer["asked"] == "report"
        assert not long.done()
        long.cancel()

    play(log, story)


def test_the_deadline_of_a_job_counts_its_queueing(log: Path) -> None:
    async def story(_tokens: TokenWorkers, jobs: JobWorkers) -> None:
        assert (await jobs.call("echo", {}))["by"] == ""
        first = asyncio.ensure_future(jobs.call("nap", {"seconds": 1}, deadline_s=10))
        await asyncio.sleep(0.1)
        read_end, write_end = os.pipe()
        before = _open_descriptors()
        began = asyncio.get_running_loop().time()
        error = await code_of(jobs.call("echo", {}, (read_end,), deadline_s=0.3))
        assert asyncio.get_running_loop().time() - began < 0.8
        assert error.code is ErrorCode.TIMED_OUT
        assert _open_descriptors() == before  # also those of a call that never began
        assert await first == "rested"  # whoever was being served is served to the end
        for end in (read_end, write_end):
            os.close(end)

    play(log, story)


def test_nobody_is_asked_when_nobody_began() -> None:
    async def story() -> None:
        client = NoClient()
        wanted = SecretWanted("token_pin", None, None, "")
        await client.progress("step")
        assert not client.gone
        assert await client.unless_gone(asyncio.sleep(0, "done")) == "done"
        assert (await code_of(client.want_secret(wanted))).exit == 15
        with pytest.raises(CustodeError):
            async with client.secret("token_pin"):
                pytest.fail("there is nobody to ask")

    asyncio.run(story())
