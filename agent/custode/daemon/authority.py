"""The embedded authority's process; or the name of one elsewhere.

`authority.autostart` is read from the configuration at every use: set to false, the next use stops
an authority that still runs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.daemon import authority_recovery
from custode.daemon.audit import Anchor
from custode.daemon.context import AuthorityAddress
from custode.daemon.orphan import end_orphan, process_mark
from custode.domain.events import AuthorityDescribed
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from datetime import datetime

    from custode.daemon.config_file import LiveConfig
    from custode.daemon.context import Authority
    from custode.daemon.store import Store
    from custode.paths import Paths

INIT_DEADLINE_S: Final = 60.0
READY_DEADLINE_S: Final = 30.0
STOP_DEADLINE_S: Final = 5.0
ORPHAN_S: Final = 600.0
_READY: Final = b"ready\n"
_PIN: Final = "authority.pin_sha256"
_PROCESS: Final = "authority.process"
_ARGV: Final = (sys.executable, "-m", "custode_authority.main")

_log = logging.getLogger(__name__)


class _Settings(msgspec.Struct, frozen=True):
    """What the agent needs of `authority.json`."""

    https_port: int


class ConfiguredAuthority:
    """Port `Authority`."""

    def __init__(
        self, paths: Paths, config: LiveConfig, store: Store, argv: Sequence[str] = _ARGV
    ) -> None:
        self._home = paths.authority_home
        self._log_file = paths.authority_log
        self._config = config
        self._store = store
        self._argv = tuple(argv)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._uses = 0
        self._idle: asyncio.TimerHandle | None = None
        self._idle_s = 0.0
        self._ending: asyncio.Task[None] | None = None  # the loop keeps only a weak reference

    @property
    def running(self) -> bool:
        process = self._process
        return process is not None and process.returncode is None and _lives(process.pid)

    async def ensure_running(self) -> AuthorityAddress:
        settings = self._config.current().authority
        if settings.url:
            return AuthorityAddress(settings.url, settings.pin_sha256)
        async with self._turn:
            if not settings.autostart:
                await self._end()
                raise CustodeError(ErrorCode.AUTHORITY_STOPPED)
            if not self._there():
                if self._store.meta(_PIN) is not None:
                    # There was one, and certificates name it: another in its place would only
                    # hide that it is lost.
                    raise CustodeError(ErrorCode.AUTHORITY_LOST, path=str(self._home))
                await self._init(settings.generation_s)
            address = self._address()
            if not self.running:
                await self._serve(settings.idle_s)
            return address

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[AuthorityAddress]:
        self._uses += 1
        self._stop_idle()
        try:
            yield await self.ensure_running()
        finally:
            self._uses -= 1
            if not self._uses and self.running:
                loop = asyncio.get_running_loop()
                self._stop_idle()
                self._idle = loop.call_later(self._idle_s, self._idle_out)

    def _idle_out(self) -> None:
        self._ending = asyncio.ensure_future(self._end_idle())

    async def _end_idle(self) -> None:
        """End it, unless somebody uses it again; who begins to meanwhile waits for the turn."""
        async with self._turn:
            if not self._uses:
                await self._end()

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def stop(self) -> None:
        self._stop_idle()
        async with self._turn:
            await self._end()

    async def export(self, to: str, pin_fd: int) -> dict[str, Any]:
        self._require_embedded()
        if not self._there():
            raise CustodeError(ErrorCode.AUTHORITY_LOST, path=str(self._home))
        argv = self._recovery_argv("backup", pin_fd, "--to", to)
        answer = await authority_recovery.ask(argv, (pin_fd,), self._log_file)
        made: dict[str, Any] = answer["made"]
        return made

    async def restore(
        self, source: str, pin_fd: int, ended: Sequence[Mapping[str, Any]], *, replace: bool
    ) -> dict[str, Any]:
        self._require_embedded()
        async with self._turn:
            await self._end()
            told = authority_recovery.in_memory(msgspec.json.encode(ended))
            argv = self._recovery_argv("restore", pin_fd, "--from", source)
            argv += ["--ended-fd", str(told)]
            pinned = self._store.meta(_PIN)
            argv += ["--ca-sha256", pinned] if pinned else []
            argv += ["--replace"] if replace else []
            try:
                answer = await authority_recovery.ask(argv, (pin_fd, told), self._log_file)
            finally:
                os.close(told)
            restored: dict[str, Any] = answer["restored"]
            self._store.set_meta(_PIN, restored["ca_sha256"])
            # The person put it back: its log may end before what it signed for us.
            Anchor(self._store.meta, self._store.set_meta).save_authority_head("")
        return restored

    def described(self, now: datetime) -> AuthorityDescribed:
        if self._config.current().authority.url:
            return AuthorityDescribed(embedded=False, recovery_export_at=None, at=now)
        at = authority_recovery.exported_at(self._home)
        return AuthorityDescribed(embedded=True, recovery_export_at=at, at=now)

    def missing(self) -> str | None:
        if self._config.current().authority.url or self._there():
            return None
        return "none" if self._store.meta(_PIN) is None else "lost"

    def _there(self) -> bool:
        return (self._home / "authority.json").is_file()

    def _require_embedded(self) -> None:
        address = self._config.current().authority.url
        if address:
            raise CustodeError(ErrorCode.AUTHORITY_ELSEWHERE, address=address)

    def _recovery_argv(self, command: str, pin_fd: int, *more: str) -> list[str]:
        argv = [*self._argv, command, "--home", str(self._home), "--pin-fd", str(pin_fd)]
        return [*argv, *more]

    def report(self) -> dict[str, Any]:
        settings = self._config.current().authority
        if settings.url:
            return {"mode": "remote", "url": settings.url, "running": None, "autostart": False}
        url = None
        with contextlib.suppress(CustodeError):
            url = self._url()
        return {
            "mode": "embedded",
            "url": url,
            "running": self.running,
            "autostart": settings.autostart,
        }

    async def _init(self, generation_s: int | None) -> None:
        argv = [*self._argv, "init", "--home", str(self._home)]
        if generation_s is not None:
            argv += ["--generation-s", str(generation_s)]
        process = await self._start(argv, ())
        try:
            async with asyncio.timeout(INIT_DEADLINE_S):
                status = await process.wait()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if status:
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why=f"init ended with {status}")
        # Handed over by init, on this disk; from now on whoever shows another one is not believed.
        self._store.set_meta(_PIN, self._fingerprint())

    def _address(self) -> AuthorityAddress:
        found, pinned = self._fingerprint(), self._store.meta(_PIN)
        if pinned is None:
            # init ended, and the agent was killed before it could note the pin.
            self._store.set_meta(_PIN, found)
        elif found != pinned:
            raise CustodeError(ErrorCode.AUTHORITY_UNTRUSTED, address=self._url())
        return AuthorityAddress(self._url(), found, str(self._home))

    def _url(self) -> str:
        try:
            text = (self._home / "authority.json").read_bytes()
            port = msgspec.json.decode(text, type=_Settings).https_port
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why=str(exc)) from exc
        return f"https://127.0.0.1:{port}"

    def _fingerprint(self) -> str:
        """SHA-256 of the CA certificate's DER, out of its PEM (RFC 7468 §5)."""
        try:
            lines = (self._home / "ca.pem").read_text("ascii").splitlines()
            begin = lines.index("-----BEGIN CERTIFICATE-----")
            end = lines.index("-----END CERTIFICATE-----")
            der = base64.b64decode("".join(lines[begin + 1 : end]), validate=True)
        except (OSError, ValueError) as exc:
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why=f"ca.pem: {exc}") from exc
        return hashlib.sha256(der).hexdigest()

    async def _serve(self, idle_s: float) -> None:
        await self._end()
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        # It ends by itself only if this agent should be gone: were it to end while we ask, the
        # request would fail. No single use of it takes as long as ORPHAN_S.
        alone_s = idle_s + ORPHAN_S
        argv = [*self._argv, "serve", "--home", str(self._home), "--idle-s", f"{alone_s:g}"]
        try:
            process = await self._start([*argv, "--ready-fd", str(write_end)], (write_end,))
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._process, self._idle_s = process, idle_s
        self._store.set_meta(_PROCESS, process_mark(process.pid))
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                said = await _read_all_until(read_end, _READY)
        except BaseException as exc:
            await self._end()
            if isinstance(exc, TimeoutError):
                raise CustodeError(
                    ErrorCode.AUTHORITY_UNAVAILABLE, why="not ready in time"
                ) from exc
            raise
        if not said.endswith(_READY):
            await self._end()
            why = f"it ended at its start; see {self._log_file}"
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why=why)

    async def _start(
        self, argv: Sequence[str], pass_fds: Sequence[int]
    ) -> asyncio.subprocess.Process:
        log = os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
                start_new_session=True,  # Ctrl-C is for the agent, which then stops it
            )
        except OSError as exc:
            raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why=str(exc)) from exc
        finally:
            os.close(log)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            # One that an agent left when it was killed; nobody else would ever stop it for us.
            if await asyncio.to_thread(end_orphan, self._store.meta(_PROCESS) or ""):
                _log.info("an authority left by an agent that was killed was stopped")
            return
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _lives(pid: int) -> bool:
    """Whether a child of ours lives; the loop is told of its end only a moment later."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False  # it ended, and was waited for


async def _read_all_until(fd: int, end: bytes) -> bytes:
    """Read a pipe until `end` or its end; closes it."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    try:
        return await reader.readuntil(end)
    except asyncio.IncompleteReadError as exc:
        return exc.partial
    finally:
        transport.close()


if TYPE_CHECKING:
    _: type[Authority] = ConfiguredAuthority
