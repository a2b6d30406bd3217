"""One who speaks on a D-Bus: calls others, serves objects of its own, owns names.

    with Peer(address) as peer:
        peer.serve("/Counter", "org.example.Counter", {"Add": add}, {"Sum": lambda: ("i", 3)})
        peer.own("org.example.Counter")

A thread of its own receives; what serves runs in it and must not call. jeepney has no server.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.io.threading import DBusConnection, ReceiveStopped, open_dbus_connection

PATIENCE_S: Final = 40.0  # for one answer: programs under test may be on a very busy computer
_BUS: Final = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"

Variant = tuple[str, Any]
"""A signature and a value, as jeepney has it."""


class Call(NamedTuple):
    """A call that came in."""

    sender: str
    body: tuple[Any, ...]


class Signal(NamedTuple):
    """A signal that came in."""

    sender: str
    path: str
    member: str
    body: tuple[Any, ...]
    at: float
    """As `time.monotonic` tells it."""


Method = Callable[[Call], tuple[str, tuple[Any, ...]]]
"""Gives the signature and the values of its answer."""


class Refused(Exception):
    """The other side answered with an error, or a method of ours wants to."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Served(NamedTuple):
    """One interface at one path."""

    methods: Mapping[str, Method]
    properties: Mapping[str, Callable[[], Variant]]


class Peer:
    """A connection to one bus."""

    def __init__(self, address: str) -> None:
        self._connection: DBusConnection = open_dbus_connection(address, auth_timeout=PATIENCE_S)
        self.name: str = self._connection.unique_name
        self._served: dict[tuple[str, str], Served] = {}
        self._waiting: dict[int, Future[tuple[Any, ...]]] = {}
        self._watchers: list[tuple[MatchRule, Callable[[Signal], None]]] = []
        self._gone = False
        self._thread = threading.Thread(target=self._receive, name="dbus-peer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._gone = True
        self._connection.interrupt()
        self._thread.join(PATIENCE_S)
        self._connection.close()

    # --- calling ------------------------------------------------------------------------------

    def call(
        self,
        to: tuple[str, str],
        interface: str,
        member: str,
        signature: str = "",
        *values: Any,
        patience_s: float = PATIENCE_S,
    ) -> tuple[Any, ...]:
        """Call a method of `to`, a bus name and a path.

        :raises Refused: when the answer is an error
        :raises TimeoutError: when there is none in time
        """
        return self.ask(to, interface, member, signature, *values).result(patience_s)

    def ask(
        self, to: tuple[str, str], interface: str, member: str, signature: str = "", *values: Any
    ) -> Future[tuple[Any, ...]]:
        """Call, and wait for the answer later: many calls in flight cost one round trip."""
        name, path = to
        address = DBusAddress(path, bus_name=name, interface=interface)
        message = new_method_call(address, member, signature or None, values)
        serial: int = next(self._connection.outgoing_serial)
        answer: Future[tuple[Any, ...]] = Future()
        self._waiting[serial] = answer
        self._connection.send(message, serial=serial)
        return answer

    def get(self, to: tuple[str, str], interface: str, name: str) -> Any:
        """Read one property.

        :raises Refused: when there is none
        """
        return self.call(to, _PROPERTIES, "Get", "ss", interface, name)[0][1]

    def get_all(self, to: tuple[str, str], interface: str) -> dict[str, Any]:
        """Read all properties of one interface."""
        (found,) = self.call(to, _PROPERTIES, "GetAll", "s", interface)
        return {name: value for name, (_, value) in found.items()}

    def on_signal(
        self, callback: Callable[[Signal], None], *, interface: str, **wanted: str
    ) -> None:
        """Call back, in our thread, for each signal of that interface, and `sender`, `path`, …"""
        rule = MatchRule(type="signal", interface=interface, **wanted)
        self._watchers.append((rule, callback))
        self.call(_BUS, _BUS[0], "AddMatch", "s", rule.serialise())

    # --- serving ------------------------------------------------------------------------------

    def serve(
        self,
        path: str,
        interface: str,
        methods: Mapping[str, Method],
        properties: Mapping[str, Callable[[], Variant]] | None = None,
    ) -> None:
        """Answer calls of that interface at that path."""
        self._served[path, interface] = Served(methods, properties or {})

    def emit(
        self, path: str, interface: str, member: str, signature: str = "", *values: Any
    ) -> None:
        """Send a signal."""
        address = DBusAddress(path, interface=interface)
        self._connection.send(new_signal(address, member, signature or None, values))

    def own(self, name: str) -> None:
        """Take a well-known name.

        :raises Refused: when somebody else has it
        """
        do_not_queue = 4
        (answer,) = self._bus(message_bus.RequestName(name, do_not_queue))
        if answer != 1:
            raise Refused("NameTaken", name)

    def release(self, name: str) -> None:
        """Give a name back."""
        self._bus(message_bus.ReleaseName(name))

    def until_owned(self, name: str) -> None:
        """Wait until somebody has that name.

        :raises TimeoutError: when nobody has it in time
        """
        owned = threading.Event()

        def changed(heard: Signal) -> None:
            if heard.body[0] == name and heard.body[2]:
                owned.set()

        self.on_signal(changed, interface=_BUS[0], member="NameOwnerChanged")
        if not self._bus(message_bus.NameHasOwner(name))[0] and not owned.wait(PATIENCE_S):
            raise TimeoutError(f"nobody owns {name}")

    def _bus(self, message: Message) -> tuple[Any, ...]:
        fields = message.header.fields
        signature = fields.get(HeaderFields.signature, "")
        return self.call(_BUS, _BUS[0], fields[HeaderFields.member], signature, *message.body)

    # --- receiving ----------------------------------------------------------------------------

    def _receive(self) -> None:
        try:
            while not self._gone:
                self._take(self._connection.receive())
        except (ReceiveStopped, ConnectionError):
            pass
        for answer in list(self._waiting.values()):
            answer.set_exception(ConnectionError("the bus is gone"))

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        match message.header.message_type:
            case MessageType.method_return:
                self._waiting.pop(fields[HeaderFields.reply_serial]).set_result(message.body)
            case MessageType.error:
                text = str(message.body[0]) if message.body else ""
                refused = Refused(fields[HeaderFields.error_name], text)
                # The bus also says so of an answer of ours whose caller has gone: nobody waits.
                if (call := self._waiting.pop(fields[HeaderFields.reply_serial], None)) is not None:
                    call.set_exception(refused)
            case MessageType.signal:
                heard = Signal(
                    fields.get(HeaderFields.sender, ""),
                    fields[HeaderFields.path],
                    fields[HeaderFields.member],
                    message.body,
                    time.monotonic(),
                )
                for rule, callback in list(self._watchers):
                    if rule.matches(message):
                        callback(heard)
            case MessageType.method_call:
                self._connection.send(self._answer(message))

    def _answer(self, message: Message) -> Message:
        fields = message.header.fields
        interface, member = fields.get(HeaderFields.interface, ""), fields[HeaderFields.member]
        call = Call(fields.get(HeaderFields.sender, ""), message.body)
        try:
            if interface == _PROPERTIES:
                signature, values = self._property(fields[HeaderFields.path], member, call)
            else:
                served = self._served.get((fields[HeaderFields.path], interface))
                if served is None or member not in served.methods:
                    raise Refused("org.freedesktop.DBus.Error.UnknownMethod", f"no {member} here")
                signature, values = served.methods[member](call)
        except Refused as refused:
            return new_error(message, refused.name, "s", (refused.text,))
        return new_method_return(message, signature or None, values)

    def _property(self, path: str, member: str, call: Call) -> tuple[str, tuple[Any, ...]]:
        served = self._served.get((path, call.body[0]))
        if served is not None and member == "GetAll":
            return "a{sv}", ({name: read() for name, read in served.properties.items()},)
        if served is not None and member == "Get" and call.body[1] in served.properties:
            return "v", (served.properties[call.body[1]](),)
        raise Refused("org.freedesktop.DBus.Error.UnknownProperty", f"no {call.body} here")


class OnBus:
    """What a peer of its own plays on a bus; open while in `with`."""

    peer: Peer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.peer.close()


class News:
    """Lets one thread wait for what others note."""

    def __init__(self) -> None:
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def note(self) -> Iterator[None]:
        """Whatever is changed inside is news."""
        with self._changed:
            yield
            self._changed.notify_all()

    def pause(self, wanted: Callable[[], Any], longest_s: float) -> None:
        """Wait until `wanted()`, or for so long."""
        with self._changed:
            self._changed.wait_for(wanted, longest_s)

    def until(self, wanted: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait until `wanted()` is truthy, and give it.

        :raises AssertionError: when it is not in time
        """
        with self._changed:
            found = self._changed.wait_for(wanted, patience_s)
        if not found:
            raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}")
        return found
