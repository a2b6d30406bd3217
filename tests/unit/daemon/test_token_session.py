"""A token that went between two calls of a procedure is gone, whatever the worker calls it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from custode.domain.model import TokenId, TokenSeen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.session import TokenSession

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
