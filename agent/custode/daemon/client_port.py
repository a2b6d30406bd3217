"""The port `Client`: the program that began a procedure, or nobody."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from custode.daemon.context import SECRET_DEADLINE_S
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.context import Client
    from custode.daemon.rpc_connection import Connection
    from custode.daemon.secrets import SecretsServer

T = TypeVar("T")


class ConnectedClient:
    """A program at the other end of a connection."""

    def __init__(self, connection: Connection, secrets: SecretsServer) -> None:
        self._connection = connection
        self._secrets = secrets

    @property
    def gone(self) -> bool:
        return self._connection.gone

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        told = {"operation": operation, "step": step, "text": text}
        self._connection.notify("progress", told)

    async def want_secret(
        self,
        kind: str,
        token: Mapping[str, Any] | None = None,
        attempts_remaining: int | None = None,
        why: str = "",
        deadline_s: float = SECRET_DEADLINE_S,
    ) -> int:
        return await self._secrets.want(
            self._connection, kind, token, attempts_remaining, why, deadline_s
        )

    @contextlib.asynccontextmanager
    async def _lend(self, *wanted: Any) -> AsyncIterator[int]:
        fd = await self.want_secret(*wanted)
        try:
            yield fd
        finally:
            os.close(fd)

    def secret(
        self,
        kind: str,
        token: Mapping[str, Any] | None = None,
        attempts_remaining: int | None = None,
        why: str = "",
        deadline_s: float = SECRET_DEADLINE_S,
    ) -> AbstractAsyncContextManager[int]:
        return self._lend(kind, token, attempts_remaining, why, deadline_s)

    async def unless_gone(self, work: Awaitable[T]) -> T:
        return await self._connection.unless_gone(work)


class NoClient:
    """Nobody began this: a resumed operation, a hook. There is no one to ask."""

    @property
    def gone(self) -> bool:
        return False

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        """Tell nobody."""

    async def want_secret(
        self,
        kind: str,
        token: Mapping[str, Any] | None = None,
        attempts_remaining: int | None = None,
        why: str = "",
        deadline_s: float = SECRET_DEADLINE_S,
    ) -> int:
        raise CustodeError(ErrorCode.CANCELLED)

    @contextlib.asynccontextmanager
    async def _lend(self) -> AsyncIterator[int]:
        yield await self.want_secret("")

    def secret(
        self,
        kind: str,
        token: Mapping[str, Any] | None = None,
        attempts_remaining: int | None = None,
        why: str = "",
        deadline_s: float = SECRET_DEADLINE_S,
    ) -> AbstractAsyncContextManager[int]:
        return self._lend()

    async def unless_gone(self, work: Awaitable[T]) -> T:
        return await work


if TYPE_CHECKING:
    _connected: type[Client] = ConnectedClient
    _none: type[Client] = NoClient
