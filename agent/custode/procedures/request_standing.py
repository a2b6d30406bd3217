"""Where a person stands on the way to a certificate; asks nobody, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.domain.token_uri import uri_of
from custode.errors import CustodeError
from custode.procedures import csr, request
from custode.procedures.session import refuse_retired, refuse_spare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.daemon.context import Context
    from custode.domain.model import TokenSeen


async def standing(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Answer which token here can make which key, and what was begun and is not finished.

    `begun`: keys whose making broke off; `csr.create` with the same token, kind and `copyable`
    takes one up again. `unsent`: the request made last, if the authority has not got it (null:
    it has). `looks`: when the portal is asked again for each request under way, by its key.
    """
    del params
    here = {insertion.token.id: insertion.token for insertion in ctx.state.insertions}
    return {
        "tokens": [_row(ctx, token) for token in here.values()],
        "begun": [_begun(operation.data) for operation in ctx.journal.pending(csr.KIND)],
        "unsent": _unsent(ctx),
        "looks": request.looks(),
    }


def _row(ctx: Context, token: TokenSeen) -> dict[str, Any]:
    """One token: what a new key on it can be, and why none can be made (`refusal`; null: nothing).

    Without a PIN it is not refused: it has to be given one first.
    """
    refusal = None
    try:
        refuse_retired(ctx, token)
        refuse_spare(ctx, token)
    except CustodeError as error:
        refusal = {"code": error.code.value, "data": error.data}
    return {
        "serial": token.id.serial,
        "uri": uri_of(token),
        "label": token.label,
        "model": token.id.model,
        "pin_set": token.user_pin_initialized,
        "keys": list(token.key_specs),
        "copyable": token.can_wrap,
        "refusal": refusal,
    }


def _begun(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "serial": data["serial"],
        "key": data["key"],
        "copyable": data.get("copyable", False),
    }


def _unsent(ctx: Context) -> dict[str, Any] | None:
    for operation in ctx.journal.ended(csr.KIND):
        made = operation.result
        known = {record.key_sha256 for record in ctx.state.certificates.values()}
        pem = csr.kept(ctx, made["file_name"])
        if made.get("key_sha256") in known or pem is None:
            return None
        return {
            "csr": pem,
            "file_name": made["file_name"],
            "serial": made["serial"],
            "key": operation.data["key"],
            "made_at": operation.record.changed_at,
        }
    return None
