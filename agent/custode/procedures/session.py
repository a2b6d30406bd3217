"""A token while a procedure works with it: named, unlocked once, let go in every case."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custode.domain.cards import Phase
from custode.domain.certificates import cancellable, state_at
from custode.domain.gate import not_identified
from custode.domain.model import PinRole, TokenState
from custode.domain.spares import carried_by
from custode.domain.tokens import recognise
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.naming import one_of
from custode.procedures import pin
from custode.procedures.pin import HELD
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from custode.daemon.context import Callback, Context
    from custode.daemon.journal import Operation
    from custode.domain.model import CertificateRecord, HeldCertificate, TokenSeen

KEY_DEADLINE_S: Final = 120.0  # RSA 4096 on a card takes up to a minute [tokens.md]
CALL_DEADLINE_S: Final = 30.0
IDENTIFIED_S: Final = 5.0

# Methods whose session may be the user's or need the SO; a refusal changed nothing.
_SIGNING: Final = frozenset({"sign", "csr", "challenge", "import_key"})


@dataclass(frozen=True, slots=True)
class TokenSession:
    """One login. `keys` are the worker's rows: key_id, label, type, bits, public_key (SPKI)."""

    ctx: Context
    token: TokenSeen
    handle: str
    keys: tuple[dict[str, Any], ...]
    why: str

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: tuple[int, ...] = (),
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        """Call the token's worker within this session.

        What the token lets only its SO do is done with the SO PIN, asked for when the token says
        so. A key that came with the refused call is with the worker already.

        :raises CustodeError: TOKEN_GONE also when the worker saw it go before this call
        """
        told = {**(params or {}), "session": self.handle}
        if method in _SIGNING and self.token.protected_path and self._asks_each_time(told):
            deadline_s = max(deadline_s, pin.READER_DEADLINE_S)
            await self.ctx.client.progress(pin.ON_READER)
        try:
            return await self.ctx.tokens.call(self.token, method, told, fds, deadline_s)
        except CustodeError as error:
            if error.code is ErrorCode.SESSION_UNKNOWN and await self._is_gone():
                named = self.token.label or self.token.id.serial
                raise CustodeError(ErrorCode.TOKEN_GONE, token=named) from error
            if error.code is not ErrorCode.NEEDS_SO:
                await pin.count_later(self.ctx, self.token, error)
                raise
        told["as_so"] = True
        ctx, token = self.ctx, self.token
        await ctx.client.progress("pin.so_wanted")
        async with pin.asked(ctx, token, PinRole.SO, self.why) as so_pin:
            return await pin.try_once(ctx, token, PinRole.SO, method, told, so_pin, deadline_s)

    def _asks_each_time(self, told: Mapping[str, Any]) -> bool:
        """Whether the key wants the PIN before each signature (CKA_ALWAYS_AUTHENTICATE)."""
        rows = [row for row in self.keys if row["key_id"] == told.get("key_id")]
        return any(row.get("always_authenticate") for row in rows)

    async def _is_gone(self) -> bool:
        with suppress(CustodeError):
            await self.ctx.tokens_read(self.token.module)
        return self.ctx.state.insertion(self.token.id) is None

    def key(self, key_id: str) -> dict[str, Any]:
        """The row of one private key.

        :raises CustodeError: NO_SUCH_KEY when the token does not carry it
        """
        for row in self.keys:
            if row["key_id"] == key_id:
                return row
        raise CustodeError(ErrorCode.NO_SUCH_KEY, key_id=key_id, token=self.token.label)

    async def prove_certified(self, key_id: str, record: CertificateRecord) -> bytes:
        """Prove the key of one of our certificates; gives its SPKI.

        The token shows the key itself, so it is believed only when the certificate names it.

        :raises CustodeError: NO_SUCH_KEY, INTEGRITY
        """
        spki: bytes = self.key(key_id)["public_key"] or b""
        if hashlib.sha256(spki).hexdigest() != record.key_sha256:
            raise CustodeError(ErrorCode.INTEGRITY, what=self.token.label or self.token.id.serial)
        await self.prove(key_id, spki)
        return spki

    async def prove(self, key_id: str, public_key: bytes) -> dict[str, Any]:
        """Have the token sign a fresh challenge, verified with `public_key` (SPKI).

        Done after every login, before anything on the token is trusted (domain.md, "Token").
        """
        answer: dict[str, Any] = await self.call(
            "challenge", {"key_id": key_id, "public_key": public_key}
        )
        return answer

    def callbacks(self, key_id: str, operation: Operation | None = None) -> dict[str, Callback]:
        """What a job may ask for meanwhile: the token's signature, progress, journal."""

        async def sign(params: dict[str, Any]) -> Any:
            return await self.call(
                "sign", {"key_id": key_id, "data": params["data"], "hash": "sha256"}
            )

        return {"token.sign": sign, **job_callbacks(self.ctx, operation)}


def job_callbacks(ctx: Context, operation: Operation | None = None) -> dict[str, Callback]:
    """The callbacks of a job that needs no token."""

    async def progress(params: dict[str, Any]) -> Any:
        await ctx.client.progress(
            params["step"], params.get("text", ""), operation.id if operation else ""
        )
        return {}

    async def journal(params: dict[str, Any]) -> Any:
        if operation is not None:
            operation.step(params["step"], **params["data"])
        return {}

    return {"progress": progress, "journal": journal}


def while_wanted(ctx: Context, callbacks: dict[str, Callback]) -> dict[str, Callback]:
    """The callbacks of a job that ends at its next step once the person has given it up.

    For what can be taken back up to its last step; whoever resumes the operation does so.
    """
    tell = callbacks["progress"]

    async def progress(params: dict[str, Any]) -> Any:
        if ctx.client.gone:
            raise CustodeError(ErrorCode.CANCELLED)
        return await tell(params)

    return {**callbacks, "progress": progress}


async def identified(ctx: Context) -> None:
    """Wait until every token that arrived is identified; one that takes too long stays pending."""
    with suppress(CustodeError):
        await ctx.mailbox.until(lambda state: not not_identified(state), IDENTIFIED_S)


async def look_again(ctx: Context) -> None:
    """Read every module anew: before somebody is told that a token is not there."""
    for module in ctx.state.modules:
        with suppress(CustodeError):
            await ctx.tokens_read(module)


async def find_token(ctx: Context, named: str | None) -> TokenSeen:
    """The token a person named by serial, unique label or URI; unnamed: the only one here.

    :raises CustodeError: TOKEN_AMBIGUOUS, TOKEN_URI_INVALID; NO_SUCH_TOKEN, or NO_MODULE,
        MODULES_CHANGED, MODULE_FAILED, CARD_UNKNOWN or READERS_UNAVAILABLE where that is the reason
    """
    await identified(ctx)
    if (found := _matching(ctx, named)) is None:
        await look_again(ctx)
        found = _matching(ctx, named)
    if found is None:
        raise _nowhere(ctx, named)
    return found


def _nowhere(ctx: Context, named: str | None) -> CustodeError:
    """Why no token is there: often not the token but the modules are to blame."""
    if ctx.live_config.modules_changed:
        return CustodeError(ErrorCode.MODULES_CHANGED, file=ctx.config.file)
    state = ctx.state
    modules = state.modules.values()
    if not modules and not state.discover:
        return CustodeError(ErrorCode.NO_MODULE, file=ctx.config.file)
    failed = [module for module in modules if module.failure is not None]
    readers = state.readers
    # Some modules fail when the reader service does not run: then it is not they who are to blame,
    # but for one that is not even there.
    if readers is not None and readers.why is not None:
        gone = os.strerror(errno.ENOENT)
        failed = [one for one in failed if one.failure == gone or not state.blind(one.name)]
        if len(failed) < len(modules) or not modules:
            return CustodeError(ErrorCode.READERS_UNAVAILABLE, why=readers.why)
    if failed and len(failed) == len(modules):
        return CustodeError(ErrorCode.MODULE_FAILED, module=failed[0].name, why=failed[0].failure)
    held = next((row for row in ctx.tokens.health() if row["unreadable"] == HELD), None)
    if held is not None:
        return CustodeError(ErrorCode.TOKEN_BUSY, by=held["held_by"])
    unknown = next((c for c in state.cards.values() if c.phase is Phase.UNKNOWN), None)
    if unknown is not None:
        return CustodeError(ErrorCode.CARD_UNKNOWN, reader=unknown.reader, atr=unknown.atr)
    return CustodeError(ErrorCode.NO_SUCH_TOKEN, token=named)


def _matching(ctx: Context, named: str | None) -> TokenSeen | None:
    return one_of(named, (insertion.token for insertion in ctx.state.insertions))


def refuse_retired(ctx: Context, token: TokenSeen) -> None:
    """A token that came back after its certificate was cancelled serves for nothing new.

    :raises CustodeError: TOKEN_RETIRED
    """
    if recognise(token, ctx.state) is TokenState.RETIRED:
        raise CustodeError(ErrorCode.TOKEN_RETIRED, token=token.label or token.id.serial)


def refuse_spare(ctx: Context, token: TokenSeen) -> None:
    """A token that carries the key of a backup serves for nothing else while that may be needed.

    :raises CustodeError: SPARE_TAKEN
    """
    if (backup := carried_by(ctx.state, token.id)) is not None:
        name = token.label or token.id.serial
        raise CustodeError(ErrorCode.SPARE_TAKEN, token=name, backup=backup.backup_id)


async def holder_of(ctx: Context, fingerprint_sha256: str) -> tuple[TokenSeen, HeldCertificate]:
    """The token here that carries a certificate, and under which key id.

    :raises CustodeError: TOKEN_GONE when none does
    """
    await identified(ctx)
    if (held := _holder(ctx, fingerprint_sha256)) is None:
        await look_again(ctx)
        held = _holder(ctx, fingerprint_sha256)
    if held is None:
        raise CustodeError(ErrorCode.TOKEN_GONE, token=_where(ctx, fingerprint_sha256))
    return held


def _where(ctx: Context, fingerprint_sha256: str) -> str | None:
    """What the token is called on which a certificate was put."""
    record = ctx.state.certificate(fingerprint_sha256)
    if record is None or record.token is None:
        return None
    known = ctx.state.known.get(record.token)
    return (known.label if known is not None else "") or record.token.serial


def _holder(ctx: Context, fingerprint_sha256: str) -> tuple[TokenSeen, HeldCertificate] | None:
    for insertion in ctx.state.insertions:
        for held in insertion.token.certificates:
            if held.fingerprint_sha256 == fingerprint_sha256:
                return insertion.token, held
    return None


@asynccontextmanager
async def login(
    ctx: Context, token: TokenSeen, why: str, *, kind: str | None = None
) -> AsyncIterator[TokenSession]:
    """Ask for the token's PIN once and open a session; logs out however the block ends.

    `kind` as in `pin.asked`.
    :raises CustodeError: PIN_NOT_SET, PIN_INCORRECT, PIN_LOCKED, PIN_LAST_ATTEMPT, PIN_LENGTH …
    """
    token = await with_pin_set(ctx, token)
    async with pin.asked(ctx, token, PinRole.USER, why, kind=kind) as fds, pin.turn(ctx, token):
        answer = await pin.try_once(ctx, token, PinRole.USER, "login", {}, fds)
        session = TokenSession(ctx, token, answer["session"], tuple(answer["keys"]), why)
        try:
            yield session
        finally:
            # The token may be gone, and its session with it: nothing is left to log out of then.
            with suppress(CustodeError):
                await session.call("logout")


async def with_pin_set(ctx: Context, token: TokenSeen) -> TokenSeen:
    """The token as it is now, which has a user PIN.

    :raises CustodeError: PIN_NOT_SET
    """
    if not token.user_pin_initialized:
        # It may have been initialised by another program since it was read.
        await ctx.tokens_read(token.module)
        now = ctx.state.insertion(token.id)
        token = now.token if now is not None else token
    if not token.user_pin_initialized:
        raise CustodeError(ErrorCode.PIN_NOT_SET, token=token.label or token.id.serial)
    return token


@dataclass(frozen=True, slots=True)
class Signer:
    """An active certificate's key, unlocked and proved; `spki` is its public half."""

    session: TokenSession
    key_id: str
    spki: bytes

    def callbacks(self, operation: Operation | None = None) -> dict[str, Callback]:
        """What a job may ask for meanwhile."""
        return self.session.callbacks(self.key_id, operation)


@asynccontextmanager
async def signed_by_active(ctx: Context, why: str) -> AsyncIterator[Signer]:
    """Unlock a token here that carries an active certificate of this identity.

    :raises CustodeError: TOKEN_GONE when none is here, and what `login` raises
    """
    missing: str | None = None
    for record in cancellable(ctx.state):
        if state_at(record, ctx.state.now) is not CertificateState.ACTIVE:
            continue
        try:
            token, held = await holder_of(ctx, record.fingerprint_sha256 or "")
        except CustodeError as error:
            missing = missing or error.data.get("token")
            continue
        async with login(ctx, token, why) as session:
            yield Signer(session, held.key_id, await session.prove_certified(held.key_id, record))
        return
    raise CustodeError(ErrorCode.TOKEN_GONE, token=missing)
