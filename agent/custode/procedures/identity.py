"""Who the certificate is for: opens the account with the authority."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.codice_fiscale import is_valid
from custode.domain.events import IdentitySet
from custode.domain.model import Identity
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.counter import DEADLINE_S, job_params
from custode_authority.wire.messages import CodiceFiscale, IdentityCode

if TYPE_CHECKING:
    from custode.daemon.context import AuthorityAddress, Context


class SetParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `identity.set`."""

    code: IdentityCode
    codice_fiscale: CodiceFiscale
    name: str = ""
    mail: str = ""


async def set_(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Open the account, then remember the identity; the other order would leave one without.

    Naming the identity that is already set changes nothing and asks for nothing.
    :raises CustodeError: IDENTITY_EXISTS, CODICE_FISCALE_INVALID before anything is asked for
    """
    wanted = msgspec.convert(params, SetParams)
    known = ctx.state.identity
    if known is not None and (known.code, known.codice_fiscale) != (
        wanted.code,
        wanted.codice_fiscale,
    ):
        raise CustodeError(
            ErrorCode.IDENTITY_EXISTS, code=known.code, codice_fiscale=known.codice_fiscale
        )
    if known is None:
        if not is_valid(wanted.codice_fiscale):
            raise CustodeError(
                ErrorCode.CODICE_FISCALE_INVALID, codice_fiscale=wanted.codice_fiscale
            )
        await _open_account(ctx, wanted)
    primary = known.primary if known else None
    identity = Identity(
        code=wanted.code,
        codice_fiscale=wanted.codice_fiscale,
        name=wanted.name,
        mail=wanted.mail,
        primary=primary,
        ceased=known.ceased if known else False,
    )
    await ctx.post(IdentitySet(identity, ctx.clock.now()))
    return {
        "code": identity.code,
        "codice_fiscale": identity.codice_fiscale,
        "name": identity.name,
        "mail": identity.mail,
    }


async def _open_account(ctx: Context, wanted: SetParams) -> None:
    async with ctx.authority.in_use() as address:
        await _open_account_at(ctx, wanted, address)


async def _open_account_at(ctx: Context, wanted: SetParams, address: AuthorityAddress) -> None:
    if address.home is None:
        # An office's or a provider's authority gives out its accounts itself.
        raise CustodeError(ErrorCode.NOT_SUPPORTED, capability="account at a remote authority")
    where = job_params(address, ctx.paths.home, wanted.code)
    params = {
        "authority": where,
        "bootstrap_key_file": f"{address.home}/bootstrap.key",
        "code": wanted.code,
        "codice_fiscale": wanted.codice_fiscale,
        "name": wanted.name,
        "mail": wanted.mail,
    }
    if Path(where["api_key_file"]).is_file():
        # Mostly the account is there already: a restored authority, or a crash after its opening.
        try:
            await ctx.jobs.call("account.check", params, (), None, DEADLINE_S)
        except CustodeError as error:
            if error.code is not ErrorCode.WRONG_CREDENTIALS:
                raise  # else the key was kept, and its account never came to be
        else:
            return
    async with ctx.client.secret("account_password_new", why="identity.set") as fd:
        await ctx.jobs.call("account.create", params, (fd,), None, DEADLINE_S)
