"""The RPC methods of the daemon itself; the procedures bring the others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from custode.daemon import rollback, status_modules
from custode.daemon.context import Context, Method
from custode.daemon.status import (
    backups,
    certificates,
    gate,
    identity,
    needs,
    not_under_way,
    readers,
    tokens,
)
from custode.domain.events import TokenForgotten
from custode.domain.tokens import carries_the_original
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import choice
from custode.naming import one_of
from custode.release import VERSION

LOOK_S: Final = 3.0


class ForgetParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `token.forget`: serial, unique label or URI; `in_use`: even the primary."""

    serial: str
    in_use: bool = False


class AuditShowParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `audit.show`."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] = 50


class StatusParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `status`; `look`: read a card anew that did not answer before."""

    look: bool = True


async def status(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Answer what the agent knows; asks nobody but a card that did not answer before."""
    if msgspec.convert(params, StatusParams).look:
        await _look_where_none_answered(ctx)
    state = ctx.state
    return {
        "agent": {
            "version": VERSION,
            "pid": os.getpid(),
            "language": choice.chosen(ctx.paths.language),
            "rolled_back_at": ctx.store.meta(rollback.NOTED),
        },
        "identity": identity(state),
        "tokens": tokens(state),
        "certificates": certificates(state, ctx.clock.now()),
        "backups": backups(state),
        "gate": gate(state),
        "needs": not_under_way(needs(state, ctx.clock.now()), ctx.running.rows()),
        "running": ctx.running.rows(),
        "tray": msgspec.to_builtins(ctx.config.tray),
        **_modules(ctx),
        "authority": {
            **ctx.authority.report(),
            "reachable": state.authority.reachable,
            "why": state.authority.why,
            "since": state.authority.since,
        },
    }


def _modules(ctx: Context) -> dict[str, Any]:
    """What tokens are seen through: modules, readers, cards, and where all that is configured."""
    state, health = ctx.state, ctx.tokens.health()
    return {
        "drivers": status_modules.drivers(state, health),
        "modules": status_modules.modules(state, health, ctx.tokens.fixed),
        "cards": status_modules.cards(state),
        "readers": readers(state),
        "config": _config(ctx),
    }


async def _look_where_none_answered(ctx: Context) -> None:
    """Read those modules anew: no event tells that another program has let go of a card."""
    for module in ctx.state.modules.values():
        if module.unreadable:
            with suppress(CustodeError):
                await ctx.tokens_read(module.name, LOOK_S)


def _config(ctx: Context) -> dict[str, Any]:
    """Where settings are, whether other modules are named by now, and whom to write to."""
    return {
        "file": ctx.config.file,
        "modules_changed": ctx.live_config.modules_changed,
        "discover": ctx.state.discover,
        "support": ctx.config.support.address,
    }


async def token_list(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Answer the tokens that are here or are remembered."""
    await _look_where_none_answered(ctx)
    return {"tokens": tokens(ctx.state), **_modules(ctx)}


async def token_forget(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Remove the record of a token, and our count of its wrong PINs with it.

    :raises CustodeError: NO_SUCH_TOKEN, TOKEN_AMBIGUOUS, TOKEN_URI_INVALID; TOKEN_IN_USE for the
        primary while it carries an active certificate, unless `in_use`
    """
    wanted = msgspec.convert(params, ForgetParams)
    token = one_of(wanted.serial, ctx.state.known.values())
    if token is None:
        raise CustodeError(ErrorCode.NO_SUCH_TOKEN, token=wanted.serial)
    if not wanted.in_use and carries_the_original(ctx.state, token.id):
        raise CustodeError(
            ErrorCode.TOKEN_IN_USE, token=token.label or token.id.serial, serial=token.id.serial
        )
    await ctx.post(TokenForgotten(token.id, ctx.clock.now()))
    return {
        "serial": token.id.serial,
        "label": token.label,
        "pin_failures": token.user_pin_failures,
        "so_pin_failures": token.so_pin_failures,
    }


async def identity_show(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Answer who the certificate is for.

    :raises CustodeError: NO_IDENTITY
    """
    shown = identity(ctx.state)
    if shown is None:
        raise CustodeError(ErrorCode.NO_IDENTITY)
    return shown


async def config_show(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Answer every setting with its source."""
    config = ctx.config
    return {"file": config.file, "settings": msgspec.to_builtins(config.settings())}


async def audit_show(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Answer the newest entries."""
    limit = msgspec.convert(params, AuditShowParams).limit
    return {"entries": msgspec.to_builtins(ctx.audit.tail(limit))}


async def audit_verify(ctx: Context, _params: dict[str, Any]) -> dict[str, Any]:
    """Check the whole log.

    :raises CustodeError: AUDIT_BROKEN with `seq`, the first entry that does not hold; AUDIT_CUT
        when entries were taken away once
    """
    verdict, path = ctx.audit.verify(), str(ctx.audit.path)
    if verdict.first_bad is not None:
        raise CustodeError(
            ErrorCode.AUDIT_BROKEN, path=path, seq=verdict.first_bad, why=verdict.why
        )
    if (cut := verdict.cut) is not None:
        raise CustodeError(
            ErrorCode.AUDIT_CUT,
            path=path,
            expected=cut.expected.seq,
            at=cut.at.isoformat("T", "seconds"),
        )
    return {"ok": True, "entries": verdict.entries, "head": verdict.head}


METHODS: Final[Mapping[str, Method]] = {
    "status": status,
    "token.list": token_list,
    "token.forget": token_forget,
    "identity.show": identity_show,
    "config.show": config_show,
    "audit.show": audit_show,
    "audit.verify": audit_verify,
}
