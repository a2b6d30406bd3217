"""What a procedure is told when a token, or the person, went between two of its calls."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from custode.domain.model import TokenId, TokenSeen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.session import TokenSession, while_wanted

TOKEN = TokenSeen(TokenId("Maker", "Model", "01"), "Carla", "softhsm")


def refused(code: ErrorCode, *, here: bool) -> CustodeError:
    """What a call raises when the worker refuses it by `code`; the token is `here` once read."""
    read: list[str] = []

    async def call(*_: object) -> None:
        raise CustodeError(code)

    async def tokens_read(module: str) -> None:
        read.append(module)

    def insertion(_token: object) -> object:
        return TOKEN if here or not read else None

    ctx: Any = SimpleNamespace(
        tokens=SimpleNamespace(call=call),
        tokens_read=tokens_read,
        state=SimpleNamespace(insertion=insertion),
    )
    session = TokenSession(ctx, TOKEN, "handle", (), "test")
    with pytest.raises(CustodeError) as caught:
        asyncio.run(session.call("sign"))
    return caught.value


def test_a_session_that_ended_with_its_token_says_that_the_token_is_gone() -> None:
    error = refused(ErrorCode.SESSION_UNKNOWN, here=False)
    assert (error.code, error.data["token"]) == (ErrorCode.TOKEN_GONE, "Carla")


@pytest.mark.parametrize(
    ("code", "here"),
    [(ErrorCode.SESSION_UNKNOWN, True), (ErrorCode.NO_SUCH_KEY, False)],
)
def test_everything_else_is_told_as_it_is(code: ErrorCode, *, here: bool) -> None:
    assert refused(code, here=here).code is code


@pytest.mark.parametrize("gone", [False, True])
def test_a_job_goes_on_only_while_somebody_wants_it(*, gone: bool) -> None:
    told: list[Any] = []

    async def tell(params: dict[str, Any]) -> Any:
        told.append(params["step"])
        return {}

    ctx: Any = SimpleNamespace(client=SimpleNamespace(gone=gone))
    callbacks = while_wanted(ctx, {"progress": tell, "journal": tell})

    async def play() -> None:
        with pytest.raises(CustodeError) if gone else nullcontext() as stopped:
            await callbacks["progress"]({"step": "backup.writing"})
        assert stopped is None or stopped.value.code is ErrorCode.CANCELLED
        assert told == ([] if gone else ["backup.writing"])
        await callbacks["journal"]({"step": "reserved"})  # what has happened is written down
        assert told[-1] == "reserved"

    asyncio.run(play())
