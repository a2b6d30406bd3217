"""Copies of the original's own key: what their tokens are asked for, and when they are refused.

The key-encryption key goes from the job to the token's worker by a pipe, like every secret. What it
wraps is in the clear on tokens only.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures.session import find_token, identified
from custode_authority.wire.states import BackupKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from custode.daemon.context import Callback, Context
    from custode.domain.model import TokenSeen
    from custode.procedures.folder import Folder
    from custode.procedures.session import TokenSession

Saving = tuple[tuple[int, ...], "dict[str, Callback]"]
"""Descriptors that the job takes behind the PIN, and what it may ask the token for."""


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe from the job to the token's worker."""

    read_end: int
    write_end: FileIO

    def out(self) -> tuple[int]:
        """Give the worker its end, once the job has written.

        Without our own copy of the other end the worker sees where the secret ends.
        """
        self.write_end.close()
        return (self.read_end,)


@contextmanager
def pipe() -> Iterator[Pipe]:
    """Make a pipe that is closed in every case."""
    read_end, write_fd = os.pipe2(os.O_CLOEXEC)
    write_end = os.fdopen(write_fd, "wb", buffering=0)
    try:
        yield Pipe(read_end, write_end)
    finally:
        write_end.close()
        os.close(read_end)


def require_copyable(session: TokenSession, key_id: str) -> None:
    """Go on only with a key that was made to leave its token, wrapped.

    :raises CustodeError: NOT_SUPPORTED, with the capability; nothing was begun
    """
    if not session.key(key_id)["extractable"]:
        other = BackupKind.SUCCESSOR
        raise CustodeError(ErrorCode.NOT_SUPPORTED, capability="copyable_key", other_kind=other)
    if not session.token.can_wrap:
        raise CustodeError(ErrorCode.NOT_SUPPORTED, capability="wrap_key")


@contextmanager
def saving(session: TokenSession, key_id: str) -> Iterator[Saving]:
    """What the making of a copy needs of the original's token: wrap, try it out, sign a request."""
    with pipe() as for_wrapping, pipe() as for_trial:

        async def wrap(_params: dict[str, Any]) -> Any:
            return await session.call("wrap_key", {"key_id": key_id}, for_wrapping.out())

        async def trial(params: dict[str, Any]) -> Any:
            # Into a session of the original's own token: it proves itself there and is gone.
            told = {**params, "key_id": key_id, "label": session.token.label, "stay": False}
            return await session.call("unwrap_key", told, for_trial.out())

        async def csr(params: dict[str, Any]) -> Any:
            return await session.call("csr", {"key_id": key_id, **params})

        writing = (for_wrapping.write_end.fileno(), for_trial.write_end.fileno())
        yield writing, {"token.wrap": wrap, "token.try": trial, "token.csr": csr}


def is_copy(folder: Folder) -> bool:
    """Whether the backup in this folder is a copy of its original's own key."""
    return bool(folder.seen["kind"] == BackupKind.COPY)


def refuse_reason(folder: Folder, reason: str) -> None:
    """Refuse a copy for anything but a fault; the authority does so too.

    Whoever has a lost or stolen token has the very key that the copy holds.

    :raises CustodeError: COPY_REFUSED
    """
    if is_copy(folder) and reason != "malfunction":
        raise CustodeError(ErrorCode.COPY_REFUSED)


async def require_taker(ctx: Context, folder: Folder) -> None:
    """Go on with what ends the original only while a token is here that could take the copy.

    :raises CustodeError: NO_TAKER
    """
    await identified(ctx)
    if is_copy(folder) and not _takers(ctx, folder):
        raise CustodeError(ErrorCode.NO_TAKER)


async def taker(ctx: Context, folder: Folder, named: str | None) -> TokenSeen:
    """The token a person named to take a copy; unnamed: the only one here that can.

    :raises CustodeError: NO_TAKER, NOT_SUPPORTED when the one named cannot, and what `find_token`
        raises
    """
    await identified(ctx)
    found = _takers(ctx, folder)
    if named is None:
        if not found:
            raise CustodeError(ErrorCode.NO_TAKER)
        if found[:1] == found:
            return found[0]
    token = await find_token(ctx, named)
    require_unwrapping(token)
    return token


def require_unwrapping(token: TokenSeen) -> None:
    """Go on only with a token that says that it unwraps keys.

    :raises CustodeError: NOT_SUPPORTED
    """
    if not token.can_wrap:
        raise CustodeError(ErrorCode.NOT_SUPPORTED, capability="wrap_key")


async def rehearsed(session: TokenSession, params: dict[str, Any]) -> Any:
    """Have the token unwrap a throw-away key like the one that is to come."""
    return await session.call("rehearse_unwrap", {"public_key": params["public_key"]})


async def unwrapped(
    session: TokenSession, params: dict[str, Any], through: Pipe, *, stay: bool
) -> str:
    """Have the token unwrap a copy and prove it; gives the id of the key.

    One error for whatever keeps it closed, as for a successor.

    :raises CustodeError: CONTAINER_NOT_OPENED, NOT_SUPPORTED, KEY_EXISTS
    """
    told = {**params, "label": session.token.label, "stay": stay}
    try:
        key_id: str = (await session.call("unwrap_key", told, through.out()))["key_id"]
    except CustodeError as error:
        if error.code is ErrorCode.INTEGRITY:
            raise CustodeError(ErrorCode.CONTAINER_NOT_OPENED) from error
        raise
    return key_id


def _takers(ctx: Context, folder: Folder) -> list[TokenSeen]:
    tokens = (insertion.token for insertion in ctx.state.insertions)
    return [one for one in tokens if one.can_wrap and not one.holds(folder.original_sha256)]
