"""Copies: which token may take one, which key may leave, and what is refused before any PIN."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from custode.domain.model import HeldCertificate, State, TokenId, TokenSeen
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import copies
from custode_authority.wire.states import BackupKind

ORIGINAL = "ab" * 32
PLAIN = TokenSeen(TokenId("Maker", "Model", "01"), "Plain", "m")
TAKER = replace(PLAIN, id=TokenId("Maker", "Model", "02"), label="Taker", can_wrap=True)
HOLDER = replace(TAKER, certificates=(HeldCertificate("01", "one", ORIGINAL),))


def context(state: State) -> Any:
    async def until(*_: object) -> None:
        return None

    return SimpleNamespace(state=state, mailbox=SimpleNamespace(until=until))


def folder(kind: BackupKind) -> Any:
    return SimpleNamespace(seen={"kind": kind}, original_sha256=ORIGINAL)


def with_tokens(clock: Any, *tokens: TokenSeen) -> Any:
    state = SimpleNamespace(insertions=[SimpleNamespace(token=one) for one in tokens], modules={})
    return context(cast("State", state))


def code_of(caught: pytest.ExceptionInfo[CustodeError]) -> tuple[ErrorCode, int]:
    return caught.value.code, caught.value.exit


@pytest.mark.parametrize("reason", ["lost", "theft", "malfunction"])
def test_only_a_fault_is_a_reason(reason: str) -> None:
    copies.refuse_reason(folder(BackupKind.SUCCESSOR), reason)
    if reason == "malfunction":
        copies.refuse_reason(folder(BackupKind.COPY), reason)
        return
    with pytest.raises(CustodeError) as caught:
        copies.refuse_reason(folder(BackupKind.COPY), reason)
    assert code_of(caught) == (ErrorCode.COPY_REFUSED, 21)


@pytest.mark.parametrize("here", [(), (PLAIN,), (HOLDER,), (PLAIN, HOLDER)])
def test_nothing_ends_before_a_token_is_here_that_could_take_it(
    clock: Any, here: tuple[TokenSeen, ...]
) -> None:
    ctx = with_tokens(clock, *here)
    asyncio.run(copies.require_taker(ctx, folder(BackupKind.SUCCESSOR)))
    for ask in (
        copies.require_taker(ctx, folder(BackupKind.COPY)),
        copies.taker(ctx, folder(BackupKind.COPY), None),
    ):
        with pytest.raises(CustodeError) as caught:
            asyncio.run(cast("Any", ask))
        assert code_of(caught) == (ErrorCode.NO_TAKER, 31)


def test_the_only_one_that_can_is_taken(clock: Any) -> None:
    ctx = with_tokens(clock, PLAIN, TAKER, HOLDER)
    asyncio.run(copies.require_taker(ctx, folder(BackupKind.COPY)))
    assert asyncio.run(copies.taker(ctx, folder(BackupKind.COPY), None)) == TAKER


def test_the_one_that_is_named_has_to_be_able(clock: Any) -> None:
    ctx = with_tokens(clock, PLAIN, TAKER)
    assert asyncio.run(copies.taker(ctx, folder(BackupKind.COPY), "Taker")) == TAKER
    with pytest.raises(CustodeError) as caught:
        asyncio.run(copies.taker(ctx, folder(BackupKind.COPY), "Plain"))
    assert code_of(caught) == (ErrorCode.NOT_SUPPORTED, 31)
    assert caught.value.data["capability"] == "wrap_key"


@pytest.mark.parametrize(
    ("extractable", "token", "capability"),
    [(False, TAKER, "copyable_key"), (True, PLAIN, "wrap_key"), (True, TAKER, None)],
)
def test_a_key_leaves_only_when_it_was_made_so(
    extractable: bool, token: TokenSeen, capability: str | None
) -> None:
    session: Any = SimpleNamespace(key=lambda _: {"extractable": extractable}, token=token)
    if capability is None:
        copies.require_copyable(session, "01")
        return
    with pytest.raises(CustodeError) as caught:
        copies.require_copyable(session, "01")
    assert code_of(caught) == (ErrorCode.NOT_SUPPORTED, 31)
    assert caught.value.data["capability"] == capability


def test_one_error_for_whatever_keeps_a_copy_closed() -> None:
    async def call(*_: object, **__: object) -> None:
        raise CustodeError(ErrorCode.INTEGRITY, what="wrapped_key")

    session: Any = SimpleNamespace(call=call, token=TAKER)
    with copies.pipe() as through, pytest.raises(CustodeError) as caught:
        asyncio.run(copies.unwrapped(session, {}, through, stay=True))
    assert caught.value.code is ErrorCode.CONTAINER_NOT_OPENED
