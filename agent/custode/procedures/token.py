"""Give a token its label and its PIN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.events import PinAccepted, TokenInitialised
from custode.domain.model import PinRole
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.session import count_failure, find_token, refuse_last_attempt

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import TokenSeen


class InitParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `token.init`; with a `label` the token is initialised anew under it."""

    serial: str | None = None
    label: str | None = None


async def init(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Give a token without a user PIN its PIN (C_InitPIN, PKCS #11 v3.1 §5.5.7).

    A token that carries a user PIN already is refused: its keys would be lost.
    :raises CustodeError: ALREADY_INITIALIZED, PIN_INCORRECT (the SO PIN's), PIN_LENGTH …
    """
    wanted = msgspec.convert(params, InitParams)
    token = await find_token(ctx, wanted.serial)
    if token.user_pin_initialized:
        raise CustodeError(ErrorCode.ALREADY_INITIALIZED, token=token.label or token.id.serial)
    serial, label = token.id.serial, wanted.label or token.label
    told = {"serial": serial, "label": token.label}
    client = ctx.client
    if wanted.label is not None:
        async with client.secret("so_pin", told, why="token.init") as so_pin:
            await as_so(ctx, token, "init_token", {"label": label}, (so_pin,))
    async with (
        client.secret("so_pin", told, why="token.init") as so_pin,
        client.secret("new_pin", told, why="token.init") as new_pin,
    ):
        await as_so(ctx, token, "init_pin", {}, (so_pin, new_pin))
    await ctx.post(TokenInitialised(token.id, label, ctx.clock.now()))
    await ctx.tokens_read(token.module)
    return {"serial": serial, "label": label}


async def as_so(
    ctx: Context, token: TokenSeen, method: str, params: dict[str, Any], fds: tuple[int, ...]
) -> None:
    """Do one thing with the SO PIN, and count what it cost."""
    refuse_last_attempt(ctx, token, PinRole.SO)
    try:
        await ctx.tokens.call(token, method, params, fds)
    except CustodeError as error:
        await count_failure(ctx, token, PinRole.SO, error)
        raise
    await ctx.post(PinAccepted(token.id, PinRole.SO, ctx.clock.now()))
