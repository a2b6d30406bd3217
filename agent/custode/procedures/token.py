"""Give a token its label and its PIN; change a PIN; unblock one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.events import PinAccepted, TokenForgotten, TokenInitialised
from custode.domain.model import PinRole
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import pin
from custode.procedures.session import find_token, with_pin_set

if TYPE_CHECKING:
    from custode.daemon.context import Context
    from custode.domain.model import TokenSeen

CHANGE: Final = "token.pin.change"
UNBLOCK: Final = "token.pin.unblock"
_LABEL: Final = "Custode"  # of a token that nobody has given a name


class InitParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `token.init`; with a `label` the token is initialised anew under it.

    So is one that never was.
    """

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
    before = token.id
    begins = wanted.label is not None or not token.initialized
    if begins:
        token = await _begun(ctx, token, wanted.label or token.label or _LABEL)
    async with (
        pin.asked(ctx, token, PinRole.SO, "token.init") as so_pin,
        pin.asked_new(ctx, token, "token.init") as new_pin,
    ):
        # tpm2-pkcs11 says of a token without a PIN, as soon as it is initialised, that it has one.
        await pin.as_so(ctx, token, "init_pin", {"force": begins}, (*so_pin, *new_pin))
    await ctx.post(TokenInitialised(token.id, token.label, ctx.clock.now()))
    await ctx.tokens_read(token.module)
    if token.id != before:
        await ctx.post(TokenForgotten(before, ctx.clock.now()))  # it is this one now
    return {"serial": token.id.serial, "label": token.label}


async def _begun(ctx: Context, token: TokenSeen, label: str) -> TokenSeen:
    """Initialise the token; gives who it is then: some go by their label (`TokenIdentity`)."""
    async with pin.asked(ctx, token, PinRole.SO, "token.init") as so_pin:
        made = await pin.as_so(ctx, token, "init_token", {"label": label}, so_pin)
    return replace(token, id=replace(token.id, serial=made["serial"]), label=made["label"])


class ChangeParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `token.pin.change`; `so`: the SO PIN (PUK) instead of the user's."""

    token: str | None = None
    so: bool = False


async def change(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Change a PIN, with the one it has now (C_SetPIN, PKCS #11 v3.1 §5.5.8).

    :raises CustodeError: PIN_NOT_SET, PIN_INCORRECT, PIN_LENGTH, PIN_UNCHANGED, NOT_SUPPORTED …
    """
    wanted = msgspec.convert(params, ChangeParams)
    token = await find_token(ctx, wanted.token)
    role = PinRole.SO if wanted.so else PinRole.USER
    if role is PinRole.USER:
        token = await with_pin_set(ctx, token)
    elif not token.has_so_pin:
        raise _otherwise(CustodeError(ErrorCode.NOT_SUPPORTED, capability="change_pin"), token)
    async with (
        pin.asked(ctx, token, role, CHANGE, to_change=True) as old,
        pin.asked_new(ctx, token, CHANGE) as new,
        pin.turn(ctx, token),
    ):
        try:
            await pin.try_once(ctx, token, role, "change_pin", {"role": role.value}, (*old, *new))
        except CustodeError as error:
            raise _otherwise(error, token) from error
    return await _done(ctx, token, role, "pin_changed")


class UnblockParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `token.pin.unblock`."""

    token: str | None = None


async def unblock(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Set a new user PIN with the SO PIN (PUK): C_InitPIN, PKCS #11 v3.1 §5.5.7.

    :raises CustodeError: PIN_NOT_SET, PIN_INCORRECT (the SO PIN's), PIN_LENGTH, NOT_SUPPORTED …
    """
    wanted = msgspec.convert(params, UnblockParams)
    token = await with_pin_set(ctx, await find_token(ctx, wanted.token))
    if not token.has_so_pin:
        raise _otherwise(CustodeError(ErrorCode.NOT_SUPPORTED, capability="unblock_pin"), token)
    async with (
        pin.asked(ctx, token, PinRole.SO, UNBLOCK) as so_pin,
        pin.asked_new(ctx, token, UNBLOCK) as new,
    ):
        try:
            await pin.as_so(ctx, token, "unblock_pin", {}, (*so_pin, *new))
        except CustodeError as error:
            raise _otherwise(error, token) from error
    # The PIN was set anew: what was spent of the old one's tries is given back.
    await ctx.post(PinAccepted(token.id, PinRole.USER, ctx.clock.now()))
    return await _done(ctx, token, PinRole.USER, "pin_unblocked")


def _otherwise(error: CustodeError, token: TokenSeen) -> CustodeError:
    """Where the module cannot, say what can be done instead."""
    if error.code is ErrorCode.NOT_SUPPORTED:
        error.data["maker"] = token.id.manufacturer or token.id.model
    return error


async def _done(ctx: Context, token: TokenSeen, role: PinRole, what: str) -> dict[str, Any]:
    """Note it, and look at the token again: its counters and flags are others now."""
    serial = token.id.serial
    ctx.audit.append(what, {"serial": serial, "role": role})
    await ctx.tokens_read(token.module)
    return {"serial": serial, "label": token.label, "role": role.value}
