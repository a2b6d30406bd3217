"""Modules that hang, crash or talk nonsense: told by name and deed, and nothing else notices."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from custode.daemon.config import ModuleSettings
from custode.daemon.tokens import TokenWorkers
from custode.domain.model import TokenId, TokenSeen
from custode.domain.tokens import seen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

SOURCE = Path(__file__).parent / "awkward.c"
GOOD = TokenSeen(TokenId("tests", "awkward", "0001"), "awkward", "good.so")
DEADLINE_S = 3.0


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    built = tmp_path_factory.mktemp("modules") / "awkward.so"
    told = [
        compiler,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-o",
        str(built),
        str(SOURCE),
    ]
    subprocess.run(told, check=True, timeout=60)
    return built


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


@contextmanager
def modules(library: Path, run: Any, folder: Path, *kinds: str) -> Iterator[TokenWorkers]:
    """Workers over the same module under several names, each with its own awkwardness."""

    async def start() -> TokenWorkers:
        settings = []
        for kind in kinds:
            path = folder / f"{kind.replace(':', '-').replace(' ', '-')}.so"
            path.write_bytes(library.read_bytes())
            settings.append(ModuleSettings(str(path), env={"AWKWARD": kind}))
        return TokenWorkers(settings, folder / "workers.log")

    workers = run(start())
    try:
        yield workers
    finally:
        run(workers.close())


def pin(secret: bytes = b"123456") -> int:
    reading, writing = os.pipe()
    os.write(writing, secret)
    os.close(writing)
    return reading


def failure(run: Any, call: Coroutine[Any, Any, Any]) -> CustodeError:
    with pytest.raises(CustodeError) as caught:
        run(call)
    return caught.value


async def login(workers: TokenWorkers, module: str, deadline_s: float = 30.0) -> Any:
    token = TokenSeen(GOOD.id, GOOD.label, module)
    fd = pin()
    try:
        return await workers.call(token, "login", {}, (fd,), deadline_s)
    finally:
        os.close(fd)


def test_a_module_that_hangs_is_ended_and_the_others_go_on(
    library: Path, run: Any, tmp_path: Path
) -> None:
    with modules(library, run, tmp_path, "sleep:C_Login", "good") as workers:
        run(workers.list_module("sleep-C_Login.so"))

        async def both() -> tuple[Any, Any]:
            hung = login(workers, "sleep-C_Login.so", DEADLINE_S)
            return await asyncio.gather(hung, login(workers, "good.so"), return_exceptions=True)

        hung, opened = run(both())
        assert isinstance(hung, CustodeError)
        assert (hung.code, hung.exit) == (ErrorCode.TIMED_OUT, 16)
        assert hung.data["module"] == "sleep-C_Login.so"
        assert hung.data["doing"] == "login"
        assert "sleep-C_Login.so" in hung.message
        assert "login" in hung.message
        assert opened["session"]  # in the other module, at the same time

        (row,) = run(workers.list_module("sleep-C_Login.so"))  # started again
        assert seen("m", row).id == GOOD.id


def test_a_module_that_crashes_is_named_and_started_again(
    library: Path, run: Any, tmp_path: Path
) -> None:
    with modules(library, run, tmp_path, "crash:C_Login", "crash:C_GetSlotList", "good") as workers:
        good = run(login(workers, "good.so"))["session"]

        broken = failure(run, login(workers, "crash-C_Login.so"))
        assert broken.code is ErrorCode.MODULE_FAILED
        told = {"module": "crash-C_Login.so", "doing": "login", "why": "SIGSEGV"}
        assert told.items() <= broken.data.items()
        assert all(word in broken.message for word in told.values())
        assert len(run(workers.list_module("crash-C_Login.so"))) == 1

        dead = failure(run, workers.list_module("crash-C_GetSlotList.so"))
        assert (dead.code, dead.data["doing"]) == (ErrorCode.MODULE_FAILED, "list")
        health = {row["module"]: row["ok"] for row in workers.health()}
        assert health["crash-C_GetSlotList.so"] is False

        # the session in the module beside it is the same one as before
        assert run(workers.call(GOOD, "logout", {"session": good})) == {}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("endless slots", ErrorCode.MODULE_FAILED),
        ("growing slots", ErrorCode.MODULE_FAILED),
        ("more slots than asked for", ErrorCode.MODULE_FAILED),
        ("endless mechanisms", ErrorCode.MODULE_FAILED),
        ("no list", ErrorCode.MODULE_FAILED),
        ("another version", ErrorCode.MODULE_FAILED),
        ("strange code", ErrorCode.FAILED),
    ],
)
def test_a_module_that_talks_nonsense_is_refused(
    library: Path, run: Any, tmp_path: Path, kind: str, code: ErrorCode
) -> None:
    with modules(library, run, tmp_path, kind) as workers:
        (name,) = workers.names
        refused = failure(run, workers.list_module(name))
        assert refused.code is code
        assert workers.health()[0]["ok"] is False


@pytest.mark.parametrize(
    "kind", ["more objects than asked for", "huge lengths", "lengths that change", "garbage"]
)
def test_a_token_whose_objects_are_nonsense_is_told_unreadable(
    library: Path, run: Any, tmp_path: Path, kind: str
) -> None:
    told = {"garbage": "garbage in attributes"}.get(kind, kind)
    with modules(library, run, tmp_path, told) as workers:
        (row,) = run(workers.list_module(workers.names[0]))
        assert row["held_by"] is None
        assert "nonsense" in row["unreadable"]


def test_attributes_that_are_not_told_are_no_certificates(
    library: Path, run: Any, tmp_path: Path
) -> None:
    with modules(library, run, tmp_path, "unknown lengths") as workers:
        (row,) = run(workers.list_module(workers.names[0]))
        assert (row["certificates"], row["public_keys"]) == ([], [])


@pytest.mark.parametrize("kind", ["no text at all", "control characters"])
def test_names_that_are_no_text_steer_no_terminal(
    library: Path, run: Any, tmp_path: Path, kind: str
) -> None:
    with modules(library, run, tmp_path, kind) as workers:
        (row,) = run(workers.list_module(workers.names[0]))
        token = seen("m", row)
        assert token.label.isprintable()
        assert token.id.serial.isprintable()
        assert "\N{REPLACEMENT CHARACTER}" in token.label


def test_an_unknown_answer_to_a_pin_keeps_its_number(
    library: Path, run: Any, tmp_path: Path
) -> None:
    with modules(library, run, tmp_path, "strange login") as workers:
        refused = failure(run, login(workers, workers.names[0]))
        assert refused.code is ErrorCode.FAILED
        assert "0x80001234" in refused.message
