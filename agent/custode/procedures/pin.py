"""A token's PINs: asked for, sent once, counted (domain.md, "PIN").

The PIN itself is never read here: its descriptor goes on to the token's worker.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from custode.domain.events import PinAccepted, PinNotSent, PinRejected, PinTryBegun
from custode.domain.model import PinRole
from custode.domain.pin import (
    Outcome,
    PinChance,
    attempts_left,
    chance_on,
    must_be_changed,
    outcome_of,
)
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from custode.daemon.context import Context, Tokens
    from custode.domain.model import TokenId, TokenSeen

CALL_DEADLINE_S: Final = 30.0
READER_DEADLINE_S: Final = 120.0  # a person types on the reader meanwhile; it has its own time-out
FRESH: Final = timedelta(seconds=3)  # how old a counter may be when a PIN is sent
ON_READER: Final = "pin.on_reader"
HELD: Final = "held"  # `unreadable` of a module whose card another program has for itself
LAST_ATTEMPT_OPTION: Final = "--use-last-attempt"

KIND: Final = {PinRole.USER: "token_pin", PinRole.SO: "so_pin"}
NAME: Final = {PinRole.USER: "PIN", PinRole.SO: "SO PIN (PUK)"}  # also keys of `words.PIN`
_NEW: Final = "new PIN"
_TOLD: Final = frozenset(
    {
        ErrorCode.PIN_INCORRECT,
        ErrorCode.PIN_LOCKED,
        ErrorCode.PIN_LAST_ATTEMPT,
        ErrorCode.PIN_LENGTH,
        ErrorCode.PIN_TO_BE_CHANGED,
        ErrorCode.PIN_UNCHANGED,
        ErrorCode.PIN_NOT_SET,
    }
)
_SPENT: Final = frozenset({ErrorCode.PIN_INCORRECT, ErrorCode.PIN_LOCKED})


# One procedure at a time works with a token: a second login would end the first one's session, and
# two PINs at once could spend two tries where only one was left to be spent.
@dataclass(slots=True)
class _Place:
    """Where one token is worked with; `read_at`: when its counters were read on purpose."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: datetime | None = None


_PLACES: WeakKeyDictionary[Tokens, dict[TokenId, _Place]] = WeakKeyDictionary()


def _place(ctx: Context, token: TokenSeen) -> _Place:
    return _PLACES.setdefault(ctx.tokens, {}).setdefault(token.id, _Place())


def turn(ctx: Context, token: TokenSeen) -> asyncio.Lock:
    """Held while somebody works with that token."""
    return _place(ctx, token).turn


def told(token: TokenSeen) -> dict[str, Any]:
    """What a person is told of the token whose PIN is asked for, and how long a PIN may be."""
    return {
        "serial": token.id.serial,
        "label": token.label,
        "min_pin": token.min_pin,
        "max_pin": token.max_pin,
    }


def refuse(ctx: Context, token: TokenSeen, role: PinRole, *, to_change: bool = False) -> None:
    """The counter decides before a PIN is even asked for; ours, where the module gives none.

    `to_change`: the PIN is wanted to be changed, so that it need not have been changed before.
    :raises CustodeError: PIN_LOCKED, PIN_LAST_ATTEMPT, PIN_TO_BE_CHANGED
    """
    token = _now(ctx, token)
    match chance_on(token, ctx.state.known.get(token.id), role):
        case PinChance.LOCKED:
            raise explained(CustodeError(ErrorCode.PIN_LOCKED), token, role)
        case PinChance.LAST_ATTEMPT if not ctx.client.use_last_attempt:
            raise explained(CustodeError(ErrorCode.PIN_LAST_ATTEMPT), token, role)
        case _:
            pass
    if must_be_changed(token, role) and not to_change:
        raise explained(CustodeError(ErrorCode.PIN_TO_BE_CHANGED), token, role)


def _now(ctx: Context, token: TokenSeen) -> TokenSeen:
    """The token as it was read last."""
    here = ctx.state.insertion(token.id)
    return token if here is None else here.token


async def read_counters(ctx: Context, token: TokenSeen) -> None:
    """Have the token's flags read from the token itself.

    Modules keep what they read when the card came (ykcs11 for good): other programs' tries, and
    those of a C_SetPIN, show only when everything is read anew.
    :raises CustodeError: TOKEN_GONE, TOKEN_BUSY, TIMED_OUT
    """
    await ctx.tokens_read(token.module)
    _place(ctx, token).read_at = ctx.clock.now()
    if ctx.state.insertion(token.id) is None:
        raise _out_of_sight(ctx, token)


def _out_of_sight(ctx: Context, token: TokenSeen) -> CustodeError:
    """A card that another program holds for itself is shown by no module: it is not gone."""
    for row in ctx.tokens.health():
        if row["module"] == token.module and row["unreadable"] == HELD:
            return CustodeError(ErrorCode.TOKEN_BUSY, by=row["held_by"])
    return CustodeError(ErrorCode.TOKEN_GONE, token=token.label or token.id.serial)


@asynccontextmanager
async def asked(
    ctx: Context,
    token: TokenSeen,
    role: PinRole,
    why: str,
    *,
    to_change: bool = False,
    kind: str | None = None,
) -> AsyncIterator[tuple[int, ...]]:
    """The PIN's descriptor, once it may be tried; none where it is typed on the reader.

    None either for the SO PIN of a token whose security officer has none (NSS). `kind`: what
    the client is asked for, where that is not the PIN of the one token at work.
    :raises CustodeError: what `refuse` raises, and what a client answers instead of a PIN
    """
    if not turn(ctx, token).locked():  # in a session, of ours or not, a module does not look anew
        # Before any refusal: a PIN may have been unblocked with another program meanwhile.
        await read_counters(ctx, token)
    refuse(ctx, token, role, to_change=to_change)
    token = _now(ctx, token)
    if token.protected_path or (role is PinRole.SO and not token.has_so_pin):
        yield ()
        return
    left = attempts_left(token, ctx.state.known.get(token.id), role)
    async with ctx.client.secret(kind or KIND[role], told(token), left, why) as fd:
        yield (fd,)


@asynccontextmanager
async def asked_new(ctx: Context, token: TokenSeen, why: str) -> AsyncIterator[tuple[int, ...]]:
    """The new PIN's descriptor; none where it is typed on the reader."""
    if token.protected_path:
        yield ()
        return
    async with ctx.client.secret("new_pin", told(token), why=why) as fd:
        yield (fd,)


async def try_once(
    ctx: Context,
    token: TokenSeen,
    role: PinRole,
    method: str,
    params: Mapping[str, Any],
    fds: tuple[int, ...],
    deadline_s: float = CALL_DEADLINE_S,
) -> Any:
    """Call a method of the token's worker that sends a PIN; whoever calls holds the `turn`.

    The try is on the disk before it is sent, and is taken back only when it surely cost nothing.
    :raises CustodeError: the worker's; TOKEN_GONE when it left while the PIN was typed; what
        `refuse` raises, because others may have spent tries meanwhile
    """
    to_change, in_session = method == "change_pin", "session" in params
    if not in_session and not _fresh(ctx, token):  # a person may take minutes over a PIN
        await read_counters(ctx, token)
    if ctx.state.insertion(token.id) is None:
        raise _out_of_sight(ctx, token)
    refuse(ctx, token, role, to_change=to_change)
    if token.protected_path:
        deadline_s = max(deadline_s, READER_DEADLINE_S)
        await ctx.client.progress(ON_READER)
    given = {**params, "use_last_attempt": ctx.client.use_last_attempt}
    await ctx.post(PinTryBegun(token.id, role, ctx.clock.now()))
    try:
        answer = await ctx.tokens.call(token, method, given, fds, deadline_s)
    except CustodeError as error:
        await _count(ctx, token, role, error)
        if error.code in _SPENT and not in_session:
            raise await _as_the_token_says(ctx, token, role, error) from error
        raise
    except BaseException:
        # Cancelled in the middle of it: the worker is killed, and nobody learns what it did.
        ctx.mailbox.put(PinRejected(token.id, role, ctx.clock.now()))
        raise
    try:
        await ctx.post(PinAccepted(token.id, role, ctx.clock.now()))
    except BaseException:
        if method == "login":  # nobody will learn of this session, and so nobody would end it
            with suppress(CustodeError):
                await ctx.tokens.call(token, "logout", {"session": answer["session"]})
        raise
    return answer


def _fresh(ctx: Context, token: TokenSeen) -> bool:
    read_at = _place(ctx, token).read_at
    return read_at is not None and abs(ctx.clock.now() - read_at) <= FRESH


async def as_so(
    ctx: Context, token: TokenSeen, method: str, params: dict[str, Any], fds: tuple[int, ...]
) -> Any:
    """Do one thing with the SO PIN, outside of a session."""
    async with turn(ctx, token):
        return await try_once(ctx, token, PinRole.SO, method, params, fds)


async def _count(ctx: Context, token: TokenSeen, role: PinRole, error: CustodeError) -> None:
    """Count a try that was, or may have been, spent; and say whose PIN it was."""
    now, others = ctx.clock.now(), _role(error, role)
    if role in error.data.pop("accepted", ()):  # it was right: something else failed after that
        await ctx.post(PinAccepted(token.id, role, now))
    elif outcome_of(error.code) is Outcome.NOT_SENT or others is not role:
        await ctx.post(PinNotSent(token.id, role, now))
    else:
        await ctx.post(PinRejected(token.id, role, now))
    if others is not role:  # after the SO's work the user is logged in again
        await count_later(ctx, token, error)
        return
    explained(error, token, role)


async def _as_the_token_says(
    ctx: Context, token: TokenSeen, role: PinRole, error: CustodeError
) -> CustodeError:
    """A spent try, told with what the counter says when it is read after that."""
    with suppress(CustodeError):
        await read_counters(ctx, token)
    left = attempts_left(_now(ctx, token), ctx.state.known.get(token.id), role)
    if left == 0 or error.code is ErrorCode.PIN_LOCKED:
        return explained(CustodeError(ErrorCode.PIN_LOCKED), token, role)
    error.data["attempts_remaining"] = left
    return explained(error, token, role)


async def count_later(ctx: Context, token: TokenSeen, error: CustodeError) -> None:
    """Count what a PIN cost that was sent within a session: for one signature, or once more."""
    role = _role(error, PinRole.USER)
    if error.code in _SPENT:
        await ctx.post(PinRejected(token.id, role, ctx.clock.now()))
    explained(error, token, role)


def _role(error: CustodeError, otherwise: PinRole) -> PinRole:
    """Whose PIN the worker says an error is about."""
    return next((role for role in PinRole if role == error.data.get("role")), otherwise)


def explained(error: CustodeError, token: TokenSeen, role: PinRole) -> CustodeError:
    """Complete an error about a PIN: which token, which PIN, what to do next."""
    data, serial = error.data, token.id.serial
    data.setdefault("token", token.label or serial)
    if error.code not in _TOLD:
        return error
    so = role is PinRole.SO
    data.update(serial=serial, role=role.value, pin=NAME[role])
    match error.code:
        case ErrorCode.PIN_LENGTH if data.get("which") == "new":
            data["pin"] = _NEW
        case ErrorCode.PIN_LOCKED if not so:
            data["unblock"] = f"custode token pin unblock --token {serial}"
        case ErrorCode.PIN_TO_BE_CHANGED:
            data["change"] = f"custode token pin change --token {serial}{' --so' if so else ''}"
        case ErrorCode.PIN_LAST_ATTEMPT:
            data["option"] = LAST_ATTEMPT_OPTION
        case ErrorCode.PIN_INCORRECT if data.get("attempts_remaining") == 1:
            data["option"] = LAST_ATTEMPT_OPTION
        case _:
            pass
    return error
