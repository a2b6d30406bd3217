"""Serve both applications on their two sockets, until told to stop or idle for long enough."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from custode_authority.ca.home import HOST
from custode_authority.errors import PortTaken
from custode_authority.web.app import counter_app
from custode_authority.web.revocation import revocation_app

if TYPE_CHECKING:
    from collections.abc import Generator

    from custode_authority.ca.authority import Authority

GRACE_S: Final = 5
MAX_CONNECTIONS: Final = 200


class _Server(uvicorn.Server):
    """One of two servers in a process: signals are the process's affair."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Activity:
    """Wraps an application and knows since when nobody has asked for anything."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._running = 0

    def watch(self, app: Any) -> Any:
        """Return the application, watched."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            self._running += 1
            try:
                await app(scope, receive, send)
            finally:
                self._running -= 1
                self._last = time.monotonic()

        return watched

    async def idle_for(self, seconds: float) -> None:
        """Return once nothing was asked for that long."""
        # Not polling: it sleeps until the moment that was the end when it fell asleep.
        while (left := self._left(seconds)) > 0:  # noqa: ASYNC110 - a deadline that moves, no event
            await asyncio.sleep(left)

    def _left(self, seconds: float) -> float:
        return seconds if self._running else self._last + seconds - time.monotonic()


def listen(port: int) -> socket.socket:
    """Bind one of the authority's fixed ports on the loopback address.

    :raises PortTaken: when another program has it.
    """
    # IPPROTO_TCP named: asyncio sets TCP_NODELAY only on sockets that say so (else 40 ms a call).
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen()
    except OSError as exc:
        bound.close()
        raise PortTaken(port) from exc
    return bound


async def serve(authority: Authority, *, idle_s: float | None, ready_fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT, or until nobody asked for `idle_s`.

    Writes "ready" to `ready_fd` once both ports answer, and closes it.

    :raises PortTaken: when one of the ports is another program's.
    """
    settings = authority.settings
    sockets = [listen(settings.https_port), listen(settings.http_port)]
    activity = _Activity()
    servers = [
        _server(activity.watch(counter_app(authority)), tls=_tls(authority)),
        _server(activity.watch(revocation_app(authority)), tls=None),
    ]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[bound]))
        for server, bound in zip(servers, sockets, strict=True)
    ]
    # The sockets listen since `listen`: whoever connects from now on is answered.
    if ready_fd is not None:
        _tell_ready(ready_fd)
    if idle_s is not None:
        tasks.append(asyncio.create_task(_stop_when_idle(activity, idle_s, stop)))
    await asyncio.gather(*tasks[:2])
    for task in tasks[2:]:
        task.cancel()


async def _stop_when_idle(activity: _Activity, idle_s: float, stop: Any) -> None:
    await activity.idle_for(idle_s)
    stop()


def _tell_ready(descriptor: int) -> None:
    # Whoever started us may be gone meanwhile; that is no reason not to serve.
    with contextlib.suppress(OSError):
        os.write(descriptor, b"ready\n")
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _server(app: Any, *, tls: ssl.SSLContext | None) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
    )


def _tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    keys = authority.home.keys
    context.load_cert_chain(keys / "tls.pem", keys / "tls.key", authority.keys.passphrase)
    return context
