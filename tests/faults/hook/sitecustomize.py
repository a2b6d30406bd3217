"""Fault points for the programs of a campaign; Python imports this by itself (site, PYTHONPATH).

The product knows nothing of it. In the processes of an agent that was started with CUSTODE_FAULTS
(the path of the referee's socket) every function named below reports before it begins and after it
ended, and goes on when the referee answers. A process that is killed meanwhile never does.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

Label = Callable[..., str]
Patch = Callable[[ModuleType], None]

_LONG = 16  # characters: an identifier
_ROLES = {
    "custode_drivers.pkcs11.worker": "token",
    "custode.jobs.main": "job",
    "custode_authority.main": "authority",
    "custode.daemon": "agent",
    "custode": "authority",  # `custode authority init`
}


class _Line:
    """The connection to the referee; where there is none, nothing waits."""

    def __init__(self, role: str, path: str) -> None:
        self._role = role
        self._turn = threading.Lock()
        self._socket: socket.socket | None = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket = None

    def report(self, name: str) -> None:
        with self._turn:
            if self._socket is None:
                return
            try:
                self._socket.sendall(f"{self._role}\t{os.getpid()}\t{name}\n".encode())
                if self._socket.recv(1):
                    return
            except OSError:
                pass
            self._socket = None


def _role() -> str | None:
    words = sys.orig_argv
    if "-m" not in words:
        return None
    place = words.index("-m") + 1
    role = _ROLES.get(words[place])
    rest = words[place + 1 :]
    if words[place] == "custode":
        # Every other command is somebody's who waits for its answer, whom nobody kills here.
        return role if rest[:2] == ["authority", "init"] else None
    if role == "authority" and rest[:1] not in (["serve"], ["init"]):
        return None
    return role


def _install(patches: dict[str, Patch]) -> None:
    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(
            self,
            fullname: str,
            path: Sequence[str] | None,
            target: ModuleType | None = None,
        ) -> importlib.machinery.ModuleSpec | None:
            patch = patches.pop(fullname, None)
            if patch is None:
                return None
            spec = importlib.machinery.PathFinder.find_spec(fullname, path)
            if spec is None or spec.loader is None:
                raise ImportError(fullname)
            load = spec.loader.exec_module

            def execute(module: ModuleType) -> None:
                load(module)
                patch(module)

            spec.loader.exec_module = execute  # type: ignore[method-assign] # this one loader
            return spec

    sys.meta_path.insert(0, Finder())


class _Points:
    """Ways to put points around functions."""

    def __init__(self, line: _Line) -> None:
        self._report = line.report

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        self._report(f"{name} before")
        yield
        self._report(f"{name} after")

    def function(self, owner: Any, name: str, label: Label) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            name = label(*args, **kwargs)
            with self.around(name) if name else nullcontext():
                return inner(*args, **kwargs)

        setattr(owner, name, wrapped)

    def coroutine(self, owner: Any, name: str, label: Label) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.around(label(*args, **kwargs)):
                return await inner(*args, **kwargs)

        setattr(owner, name, wrapped)

    def received(self, owner: Any, name: str, label: Label) -> None:
        """A function whose result names the point, after it."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = inner(*args, **kwargs)
            if result is not None:
                self._report(label(result))
            return result

        setattr(owner, name, wrapped)


def _frame(frame: Any) -> str:
    return str(getattr(frame, "method", None) or getattr(frame, "call", None) or "answer")


def _agent(points: _Points) -> dict[str, Patch]:
    def journal(module: ModuleType) -> None:
        def changed(journal: Any, operation_id: str, **changes: Any) -> str:
            step = changes.get("step")
            what = f"step:{step.name}" if step else changes["state"]
            return f"journal {journal.read(operation_id).kind} {what}"

        points.function(module.Journal, "change", changed)
        points.function(module.Journal, "begin", lambda _, kind, *__: f"journal {kind} begin")

    def child_process(module: ModuleType) -> None:
        points.coroutine(
            module.ChildProcess, "send", lambda _, frame, *__: f"frame {_frame(frame)}"
        )

    def connection(module: ModuleType) -> None:
        def said(_: Any, message: Any) -> str:
            params = message.get("params") or {}
            which = params.get("step") or params.get("kind") or params.get("name") or ""
            return f"rpc {message.get('method', 'answer')} {which}".rstrip()

        points.function(module.Connection, "send", said)

    def store(module: ModuleType) -> None:
        points.function(module.Store, "put", lambda _, kind, *__: f"store {kind}")
        points.function(
            module.Store,
            "set_meta",
            lambda _, key, __: f"meta {key}" if key.startswith("authority.") else "",
        )

    def audit(module: ModuleType) -> None:
        points.function(module.AuditLog, "append", lambda _, name, *__: f"audit {name}")

    return {
        "custode.daemon.journal": journal,
        "custode.daemon.child_process": child_process,
        "custode.daemon.rpc_connection": connection,
        "custode.daemon.store": store,
        "custode.daemon.audit": audit,
    }


def _frames(points: _Points) -> Patch:
    def frames(module: ModuleType) -> None:
        channel = module.ChildChannel
        points.received(channel, "receive", lambda got: f"call {got[0].method} before")
        points.function(channel, "_send", lambda _, frame, *__: f"frame {_frame(frame)}")

    return frames


def _token(points: _Points) -> dict[str, Patch]:
    def functions(*names: str) -> Patch:
        def patch(module: ModuleType) -> None:
            for name in names:
                points.function(module, name, lambda *_, _name=name, **__: f"object {_name}")

        return patch

    def cryptoki(module: ModuleType) -> None:
        for name in (
            *("login", "logout", "open_session", "close_session", "init_token", "init_pin"),
            *("wrap_key", "unwrap_key", "destroy_object"),
        ):
            points.function(module.Cryptoki, name, lambda *_, _name=name, **__: f"C {_name}")

    return {
        "custode_drivers.channel.frames": _frames(points),
        "custode_drivers.pkcs11.generating": functions("generate", "settle", "rename"),
        "custode_drivers.pkcs11.objects": functions(
            *("import_key", "write_certificate", "remove_certificates", "destroy_all"),
        ),
        "custode_drivers.pkcs11.cryptoki": cryptoki,
    }


def _job(points: _Points) -> dict[str, Patch]:
    def transport(module: ModuleType) -> None:
        points.function(
            module.Transport, "send", lambda _, method, path, **__: f"http {method} {_place(path)}"
        )

    def account(module: ModuleType) -> None:
        points.function(module, "_write_private", lambda path, _: f"file {path.suffix}")

    def volume(module: ModuleType) -> None:
        for name in ("make_folder", "write", "sync", "read", "rename", "remove"):
            points.function(
                module.Volume,
                name,
                lambda _, path, *__, _name=name: f"volume {_name} {_file(path)}",
            )

    return {
        "custode_drivers.channel.frames": _frames(points),
        "custode_drivers.portals.transport": transport,
        "custode.container.volume": volume,
        "custode.jobs.account": account,
    }


def _file(path: Any) -> str:
    """A name without what differs from run to run."""
    return ".custode-*.tmp" if path.name.startswith(".custode-") else str(path.name)


def _place(path: str) -> str:
    """A path of the API without what differs from run to run."""
    parts = path.partition("?")[0].split("/")
    return "/".join("*" if len(part) >= _LONG else part for part in parts)


def _authority(points: _Points) -> dict[str, Patch]:
    def serving(module: ModuleType) -> None:
        watch = module._Activity.watch

        def watched(self: Any, app: Any) -> Any:
            async def reporting(scope: Any, receive: Any, send: Any) -> None:
                name = f"answer {scope['method']} {_place(scope['path'])}"
                with points.around(name):
                    await app(scope, receive, send)

            return watch(self, reporting)

        module._Activity.watch = watched

    def database(module: ModuleType) -> None:
        transaction = module.Database.transaction

        @contextmanager
        def reported(self: Any) -> Iterator[Any]:
            with points.around("commit"), transaction(self) as tx:
                yield tx
                tx.flush()
                points._report("commit flushed")

        module.Database.transaction = reported
        points.function(module.Database, "create", lambda _: "database create")

    def files(module: ModuleType) -> None:
        points.function(module, "write_private", lambda path, _: f"file {path.name}")

    return {
        "custode_authority.web.serving": serving,
        "custode_authority.storage.database": database,
        "custode_authority.ca.files": files,
    }


_PATCHES = {"agent": _agent, "token": _token, "job": _job, "authority": _authority}

if (_path := os.environ.get("CUSTODE_FAULTS")) and (_who := _role()) is not None:
    _line = _Line(_who, _path)
    _install(_PATCHES[_who](_Points(_line)))
