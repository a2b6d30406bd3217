"""The port `Client`: the program that began a procedure, or nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from custode.daemon.context import Client, SecretWanted
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from custode.daemon.config_file import LiveConfig
    from custode.daemon.rpc_connection import Connection
    from custode.daemon.secrets import SecretsServer

T = TypeVar("T")


class ConnectedClient(Client):
    """A program at the other end of a connection; `on_progress` is for everybody else."""

    def __init__(
        self,
        connection: Connection,
        secrets: SecretsServer,
        config: LiveConfig,
        on_progress: Callable[[str, str], None],
        *,
        use_last_attempt: bool = False,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._config = config
        self._on_progress = on_progress
        self._use_last_attempt = use_last_attempt

    @property
    def gone(self) -> bool:
        return self._connection.gone

    @property
    def use_last_attempt(self) -> bool:
        return self._use_last_attempt

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        told = {"operation": operation, "step": step, "text": text}
        self._connection.notify("progress", told)
        self._on_progress(step, text)

    async def want_secret(self, wanted: SecretWanted) -> int:
        prompts = self._config.current().prompts
        return await self._secrets.want(self._connection, wanted, prompts)

    async def unless_gone(self, work: Awaitable[T]) -> T:
        return await self._connection.unless_gone(work)


class NoClient(Client):
    """Nobody began this: a resumed operation, a hook. There is no one to ask."""

    @property
    def gone(self) -> bool:
        return False

    @property
    def use_last_attempt(self) -> bool:
        return False

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        """Tell nobody."""

    async def want_secret(self, wanted: SecretWanted) -> int:
        raise CustodeError(ErrorCode.CANCELLED)

    async def unless_gone(self, work: Awaitable[T]) -> T:
        return await work
