"""What a procedure is given: everything it may touch, each behind a narrow port.

A procedure is `async def name(ctx: Context, params: dict[str, Any]) -> Any`, registered in
`custode.procedures.registry.METHODS`. It runs on the daemon's event loop: every file bigger than a
few KiB, every cryptographic step and every request over HTTP belongs into `ctx.jobs`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from custode.daemon.audit import AuditLog
    from custode.daemon.clock import Clock
    from custode.daemon.config import Config, ModuleSettings
    from custode.daemon.config_file import LiveConfig
    from custode.daemon.journal import Journal, Operation
    from custode.daemon.mailbox import Mailbox
    from custode.daemon.running import Running
    from custode.daemon.store import Store
    from custode.domain.events import AuthorityDescribed, Event
    from custode.domain.model import State, TokenSeen
    from custode.paths import Paths

T = TypeVar("T")

Method = Callable[["Context", dict[str, Any]], Awaitable[Any]]
Resume = Callable[["Context", "Operation"], Awaitable[None]]
Callback = Callable[[dict[str, Any]], Awaitable[Any]]

CALL_DEADLINE_S = 30.0
READ_DEADLINE_S = 15.0


class Tokens(Protocol):
    """All token workers as one."""

    fixed: frozenset[str]
    """Names of the modules that were found here without a card: their tokens never move."""

    async def call(
        self,
        token: TokenSeen,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        """Call a method of the worker of the module that showed this token.

        Who the token is (maker, model, serial) is added to the params, and must be so there: no
        PIN goes to another token. The descriptors stay the caller's (a copy travels).
        :raises CustodeError: with the worker's code; TOKEN_GONE when it is not there any more,
            TIMED_OUT past the deadline (the worker was killed), MODULE_FAILED when it died
        """

    def offer(self, settings: ModuleSettings) -> str:
        """What the worker for that module is called; made if there is none, and not started.

        Two files of one name get different ones, and so does one file with other settings.
        """

    def health(self) -> list[dict[str, Any]]:
        """A row a module: {"module", "path", "ok", "why", "unreadable", "held_by"}."""

    async def examine(self, name: str, deadline_s: float) -> dict[str, Any]:
        """Load a module in a fresh process and list its tokens, for the doctor.

        Gives {"load_s", "list_s", "library", "tokens", "unreadable"}, how many tokens there are;
        {"in_use": True} for one with an open session, which is left alone.
        :raises CustodeError: MODULE_FAILED, TIMED_OUT (`doing`, `seconds`), or the worker's code
        """


class Jobs(Protocol):
    """The short-lived children that have cryptography and httpx; started on need."""

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        fds: Sequence[int] = (),
        callbacks: Mapping[str, Callback] | None = None,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Any:
        """Call a method of a job worker. `callbacks` serve what it asks for meanwhile.

        Calls of up to 60 s queue behind each other, and so do longer ones; queueing counts.
        :raises CustodeError: with the worker's code; TIMED_OUT, JOB_FAILED
        """


@dataclass(frozen=True, slots=True)
class AuthorityAddress:
    """Where the authority is and what proves that it is the one.

    `url` has no trailing slash; `pin_sha256` is the fingerprint of its CA certificate (lower-case
    hex), handed over by `init` or by the configuration, never by the network. `home` is set for
    the embedded one only: its folder holds `ca.pem` and the accounts' API keys.
    """

    url: str
    pin_sha256: str
    home: str | None = None


class Authority(Protocol):
    """The counter this agent is configured for: embedded, or one elsewhere."""

    async def ensure_running(self) -> AuthorityAddress:
        """Start the embedded authority when needed; any other is just named.

        Whoever asks it something wants `in_use`: without, it may end meanwhile.
        :raises CustodeError: AUTHORITY_STOPPED when `authority.autostart` is false (one that still
            ran is stopped), AUTHORITY_UNAVAILABLE when it does not come up
        """

    def in_use(self) -> AbstractAsyncContextManager[AuthorityAddress]:
        """`async with ctx.authority.in_use() as address:` keeps it running for the block.

        It ends `authority.idle_s` after the last one. Raises as `ensure_running`.
        """

    def missing(self) -> str | None:
        """Why there is no authority to ask: `none` (not made yet), `lost`; None when there is."""

    async def stop(self) -> None:
        """Stop the embedded authority, if it runs."""

    async def export(self, to: str, pin_fd: int) -> dict[str, Any]:
        """Make a recovery export of the embedded authority, which may be running.

        :raises CustodeError: AUTHORITY_ELSEWHERE, AUTHORITY_LOST, and those of the export
        """

    async def restore(
        self, source: str, pin_fd: int, ended: Sequence[Mapping[str, Any]], *, replace: bool
    ) -> dict[str, Any]:
        """Bring the embedded authority back from an export; it is stopped for that.

        `ended`: {"fingerprint_sha256", "crl_reason"} of certificates that must not live again.
        :raises CustodeError: AUTHORITY_ELSEWHERE, and those of the restoration
        """

    def described(self, now: datetime) -> AuthorityDescribed:
        """What the domain has to know of the authority that is used here."""

    def report(self) -> dict[str, Any]:
        """For `status`: {"mode": "embedded" | "remote", "url", "running", "autostart"}."""


@dataclass(frozen=True, slots=True)
class SecretWanted:
    """Which secret of the person, for what. How long one waits for it: `[prompts] secret_s`.

    `kind`: token_pin, spare_pin, new_pin, so_pin, backup_pin, backup_pin_new, account_password,
    account_password_new, export_pin, export_pin_new. `token`: {"serial", "label", "min_pin",
    "max_pin"}; the last two are how long its PINs are, 0 where it does not say.
    """

    kind: str
    token: Mapping[str, Any] | None
    attempts_remaining: int | None
    why: str


class Client(Protocol):
    """The program that began this procedure (command line, tray), or nobody."""

    @property
    def gone(self) -> bool:
        """Whether it hung up."""

    @property
    def use_last_attempt(self) -> bool:
        """Whether the person accepts, for this one call, that a PIN's last attempt is used."""

    async def progress(self, step: str, text: str = "", operation: str = "") -> None:
        """Tell the person how far it is; `text` is an English msgid. Never fails."""

    async def want_secret(self, wanted: SecretWanted) -> int:
        """Read end of a pipe that holds the secret, which the caller has to close.

        :raises CustodeError: CANCELLED by the person or because the client hung up or there is
            none; SECRET_UNANSWERED (exit 16) past the deadline
        """

    @asynccontextmanager
    async def secret(
        self,
        kind: str,
        token: Mapping[str, Any] | None = None,
        attempts_remaining: int | None = None,
        why: str = "",
    ) -> AsyncIterator[int]:
        """`async with ctx.client.secret("token_pin") as fd:` closes the descriptor in every case.

        Use this one; `want_secret` is for a descriptor that outlives a block. Raises as that does.
        """
        fd = await self.want_secret(SecretWanted(kind, token, attempts_remaining, why))
        try:
            yield fd
        finally:
            os.close(fd)

    async def unless_gone(self, work: Awaitable[T]) -> T:
        """Wait for `work`, but only while the client is there: for what merely waits (polling).

        :raises CustodeError: CANCELLED when the client hangs up; `work` is cancelled then
        """


@dataclass(frozen=True, slots=True)
class Context:
    """What a procedure may touch."""

    paths: Paths
    clock: Clock
    store: Store
    journal: Journal
    audit: AuditLog
    tokens: Tokens
    jobs: Jobs
    authority: Authority
    client: Client
    mailbox: Mailbox
    live_config: LiveConfig
    running: Running

    @property
    def state(self) -> State:
        """The domain's state as of now; frozen: read it again after each `await`."""
        return self.mailbox.state

    @property
    def config(self) -> Config:
        """Settings as the file is now (read again when it has changed).

        :raises CustodeError: CONFIG_INVALID when the file does not read any more
        """
        return self.live_config.current()

    async def post(self, event: Event) -> None:
        """Put an event into the mailbox; returns when it was stepped, saved and announced.

        What the event makes the agent look up (tokens, the authority's word) goes on behind.
        Not from inside a hook of the executor: there use `ctx.mailbox.put`.
        """
        await self.mailbox.post(event)

    async def tokens_read(self, module: str, deadline_s: float = READ_DEADLINE_S) -> None:
        """Have a module's tokens read again and wait until the state shows what is there now.

        For what a procedure changed on a token itself; a read that fails is in the state too.
        :raises CustodeError: TIMED_OUT
        """
        from custode.domain.events import PlugHinted

        await self.post(PlugHinted(module, self.clock.now()))
        await self.mailbox.until(
            lambda state: module not in state.modules or not state.modules[module].pending,
            deadline_s,
        )

    def for_client(self, client: Client) -> Context:
        """The same for another client."""
        return replace(self, client=client)
