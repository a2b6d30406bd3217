"""Re-issue: the token's PIN is gone for good (domain.md, rule 5).

Old certificate superseded, token initialised with a new PIN, new key, new request. The token cannot
sign, so the account's password stands in for it, and the authority's policy approves the request.
Where the token is gone as well (reported, and its backup dead), the new key goes onto another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.domain.certificates import LIVE
from custode.domain.events import CertificateInstalled, TokenInitialised, TokenPromoted
from custode.domain.model import KnownToken, PinRole
from custode.domain.tokens import carried
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.naming import one_of
from custode.procedures import pin, renew, request, succession
from custode.procedures.counter import ask, refresh
from custode.procedures.install import promote
from custode.procedures.request import row
from custode.procedures.session import (
    KEY_DEADLINE_S,
    find_token,
    login,
    refuse_retired,
)
from custode.taking_up import taken_up
from custode_authority.wire.messages import ReissueView
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custode.daemon.context import Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord, TokenSeen

KIND: Final = "reissue"
_OVER: Final = frozenset({BackupState.RETIRED, BackupState.RESTORED})


class PreviewParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `reissue.preview`."""

    token: str | None = None


class RunParams(PreviewParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `reissue.run`; `given_up`: the fingerprints the person was shown."""

    given_up: list[str]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a re-issue would do: on which token, whether it is erased, what is given up."""

    token: TokenSeen
    resets: bool
    records: tuple[CertificateRecord, ...]
    begun: Operation | None = None


async def preview(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Say what would be lost; changes nothing.

    :raises CustodeError: NO_CERTIFICATE when there is nothing to be issued again, NO_SUCH_TOKEN …
    """
    wanted = msgspec.convert(params, PreviewParams)
    await refresh(ctx)
    plan = await _plan(ctx, wanted.token)
    return {
        "token": plan.token.id.serial,
        "label": plan.token.label,
        "resets": plan.resets and not _has(plan.begun, "reset"),
        "goes_on": plan.begun is not None,
        "keys": len(plan.token.public_keys),
        "certificates": [row(record, ctx) for record in plan.records],
        "given_up": [record.fingerprint_sha256 for record in plan.records],
        "backups": [
            {"backup_id": b.backup_id, "folder_name": b.folder_name, "state": b.state}
            for b in ctx.state.backups.values()
            if b.state not in _OVER
            and b.original_sha256 in {record.fingerprint_sha256 for record in plan.records}
        ],
    }


async def run(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Give up what the person was shown, and issue anew; one that broke off goes on.

    :raises CustodeError: COVERED_CHANGED when it is no longer what was shown, WRONG_PASSWORD,
        PIN_INCORRECT (the SO PIN's, before anything is given up) …
    """
    wanted = msgspec.convert(params, RunParams)
    with succession.alone(ctx, KIND):
        await refresh(ctx)
        plan = await _plan(ctx, wanted.token)
        if set(wanted.given_up) != {record.fingerprint_sha256 for record in plan.records}:
            raise CustodeError(ErrorCode.COVERED_CHANGED)
        if plan.resets and not _has(plan.begun, "reset"):
            pin.refuse(ctx, plan.token, PinRole.SO)
        if plan.resets and plan.begun is None:
            await _check_so_pin(ctx, plan.token)
        if not plan.resets and not plan.token.user_pin_initialized:
            raise CustodeError(ErrorCode.PIN_NOT_SET, token=plan.token.label)
        operation = plan.begun or _begin(ctx, plan, wanted)
        async with taken_up(ctx, operation, resume):
            return await _reissue(ctx, plan.token, operation)


async def _plan(ctx: Context, named: str | None) -> _Plan:
    begun = _begun(ctx, named)
    if begun is not None:
        token = await succession.its_token(ctx, begun.data["serial"])
        records = [ctx.state.certificate(one) for one in begun.data["given_up"]]
        kept = tuple(record for record in records if record is not None)
        return _Plan(token=token, resets=begun.data["resets"], records=kept, begun=begun)
    token = await find_token(ctx, named)
    if ours := carried(token, ctx.state):
        refuse_retired(ctx, token)
        return _Plan(token=token, resets=True, records=ours)
    return _Plan(token=token, resets=False, records=_undecided(ctx))


def _begun(ctx: Context, named: str | None) -> Operation | None:
    """The re-issue that broke off, on that token."""
    for operation in ctx.journal.pending(KIND):
        token = operation.token
        if token is not None and one_of(named, [KnownToken(token, operation.data["label"])]):
            return operation
    return None


def _undecided(ctx: Context) -> tuple[CertificateRecord, ...]:
    """Certificates whose token was reported and whose fate is open: they bar every new key."""
    records = ctx.state.certificates.values()
    found = tuple(c for c in records if c.state is CertificateState.SUSPENDED)
    if found:
        return found
    if any(c.state is CertificateState.ACTIVE for c in records):
        raise CustodeError(ErrorCode.TOKEN_GONE)
    raise CustodeError(ErrorCode.NO_CERTIFICATE)


def _has(operation: Operation | None, step: str) -> bool:
    return operation is not None and operation.step_data(step) is not None


async def _check_so_pin(ctx: Context, token: TokenSeen) -> None:
    """A wrong SO PIN is found out while nothing is lost yet."""
    async with pin.asked(ctx, token, PinRole.SO, "reissue.check") as so_pin:
        await pin.as_so(ctx, token, "check_so_pin", {}, so_pin)


def _begin(ctx: Context, plan: _Plan, wanted: RunParams) -> Operation:
    token = plan.token
    key_id = plan.records[0].key_id if plan.resets else None
    return ctx.journal.begin(
        KIND,
        {
            **succession.on_token(token),
            "label": token.label,
            "resets": plan.resets,
            "given_up": [record.fingerprint_sha256 for record in plan.records],
            "key": wanted.key or succession.key_like(token, key_id),
        },
    )


async def _reissue(ctx: Context, token: TokenSeen, operation: Operation) -> dict[str, Any]:
    superseded = await _give_up(ctx, operation)
    if operation.data["resets"] and not _has(operation, "reset"):
        token = await _reset(ctx, token, operation)
    async with login(ctx, token, why=KIND) as session:
        made = await succession.signed(session, operation)
        async with request.signer(ctx, made["key_sha256"]) as (extra, callbacks):
            record = await succession.obtain(session, operation, made, extra, callbacks)
        done = await succession.install(session, operation, made, record)
    await promote(ctx, token)
    operation.done(id_operazione=record.id_operazione)
    return {**succession.told(record, token, done), **superseded}


async def _give_up(ctx: Context, operation: Operation) -> dict[str, Any]:
    """End the certificates at the authority, with every backup of them; asked for once."""
    if (before := operation.step_data("superseded")) is not None:
        return before
    asked = {"fingerprints": operation.data["given_up"]}
    async with ctx.client.secret("account_password", why=KIND) as password:
        answer = await ask(ctx, "reissue", asked, (password,))
    view = msgspec.convert(answer, ReissueView)
    given_up = {
        "given_up": [covered.id_operazione for covered in view.covered],
        "retired_backups": list(view.retired_backups),
    }
    operation.step("superseded", **given_up)
    ctx.audit.append("token_given_up", {"serial": operation.data["serial"], **given_up})
    for other in ctx.journal.pending(renew.KIND):
        if other.data["serial"] == operation.data["serial"]:
            other.undone(why="the token was given up")
    await refresh(ctx)
    return given_up


async def _reset(ctx: Context, token: TokenSeen, operation: Operation) -> TokenSeen:
    """Erase the token and set its new PIN; never one that carries a living certificate of ours.

    :raises CustodeError: STATE_NOT_ALLOWED when something was put onto it meanwhile
    """
    living = [c for c in carried(token, ctx.state) if c.state in LIVE]
    if living:
        operation.undone(why="the token carries a living certificate")
        raise CustodeError(
            ErrorCode.STATE_NOT_ALLOWED,
            what=living[0].id_operazione,
            state=living[0].state.value,
        )
    label = operation.data["label"]
    async with (
        pin.asked(ctx, token, PinRole.SO, KIND) as so_pin,
        pin.asked_new(ctx, token, KIND) as new_pin,
    ):
        await pin.as_so(ctx, token, "reset_token", {"label": label}, (*so_pin, *new_pin))
    operation.step("reset")
    await ctx.post(TokenInitialised(token.id, label, ctx.clock.now()))
    await ctx.tokens_read(token.module, KEY_DEADLINE_S)
    return await succession.its_token(ctx, token.id.serial)


async def resume(ctx: Context, operation: Operation) -> None:
    """After a restart: begun again by the person; before anything was given up it is undone."""
    installed = operation.step_data("installed")
    await refresh(ctx)
    ended = [ctx.state.certificate(one) for one in operation.data["given_up"]]
    untouched = any(record is not None and record.state in LIVE for record in ended)
    if untouched and not _has(operation, "superseded"):
        operation.undone(why="nothing was given up")
        return
    token = operation.token
    if installed is None or token is None:
        return
    if (record := _new(ctx, ended, installed["key_sha256"])) is not None:
        # The step may be on the disk without what follows from it.
        now, key_id = ctx.clock.now(), installed["key_id"]
        await ctx.post(CertificateInstalled(record.id_operazione, token, key_id, now))
        await ctx.post(TokenPromoted(token, now))
        operation.done(id_operazione=record.id_operazione)


def _new(
    ctx: Context, ended: Sequence[CertificateRecord | None], key_sha256: str
) -> CertificateRecord | None:
    """The active certificate for that key, which is none of those that were given up."""
    for record in ctx.state.certificates.values():
        active = record.state is CertificateState.ACTIVE
        if record.key_sha256 == key_sha256 and active and record not in ended:
            return record
    return None
