"""A module and a token of whoever runs the suite: only what was allowed is done to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from custode_drivers.testing.conformance.stack import Bench, Mean, Stack, Token
from custode_drivers.testing.conformance.worker import Refused, Worker

# Path attributes of RFC 7512 §2.3 and what `list` calls them. Drivers do not import the agent,
# which reads whole URIs; here they are for one token that is plugged in.
_FIELDS: Final = {
    "token": "label",
    "serial": "serial",
    "model": "model",
    "manufacturer": "manufacturer",
}


class Secret(bytes):
    """A PIN of somebody's: it does not show where values are shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


class NotNamed(Exception):
    """No token, or more than one, is what was named; the text says which there are."""


class NotLetIn(Exception):
    """The token did not take the PIN that was given for it; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line said."""

    module: Path
    pin: Secret
    init_args: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    so_pin: Secret | None = None
    puk: Secret | None = None
    destructive: bool = False
    tries: int | None = None
    """Wrong PINs that lock it, when the PIN may be locked."""
    by_hand: bool = False


class VendorToken(Token):
    """One token, always the same: the suite tidies up on it, and somebody moves it."""

    fresh = False

    def __init__(self, choice: Choice, who: Mapping[str, str]) -> None:
        self._by_hand = choice.by_hand
        self._is_in = True
        self.pin = choice.pin
        self.so_pin = choice.so_pin
        self.puk = choice.puk
        self.tries = choice.tries
        self.who = who
        self.serial = who["serial"]

    def insert(self) -> None:
        if not self._is_in:
            _ask_person("Plug the token in")
        self._is_in = True

    def remove(self) -> None:
        _ask_person("Pull the token out")
        self._is_in = False


class VendorBench(Bench):
    """The module as it is."""

    def __init__(self, choice: Choice, token: VendorToken | None = None) -> None:
        self.module = choice.module
        self.init_args = choice.init_args
        self.environment = choice.environment
        self._token = token

    def token(self, label: str = "prova") -> VendorToken:
        assert self._token is not None
        return self._token


class Vendor(Stack):
    """A module, named by its path."""

    name = "module"

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self.title = choice.module.name
        self.lacks = _lacks(choice)
        self._token: VendorToken | None = None

    def missing(self) -> str | None:
        return None if self._choice.module.exists() else f"there is no {self._choice.module}"

    def named(self) -> VendorToken:
        """Return the token that is meant. :raises NotNamed: when none or several are it."""
        if self._token is None:
            self._token = VendorToken(self._choice, _chosen(self._choice))
        return self._token

    def let_in(self) -> None:
        """Log in once, before the suite does so again and again: a wrong PIN costs one try only.

        :raises NotLetIn: when the PIN is not the token's
        """
        who = dict(self.named().who)
        with _worker(self._choice) as worker:
            try:
                worker.call("login", {"token": who}, self._choice.pin)
            except Refused as exc:
                raise NotLetIn(f"the PIN was not taken: {exc.code} {exc.data}") from exc

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        yield VendorBench(self._choice, self.named())


def is_named(row: Mapping[str, object], name: str) -> bool:
    """Tell whether a row of `list` is meant: by serial, label, or URI (RFC 7512 §2.3).

    :raises NotNamed: for a URI with anything else in it than who the token is
    """
    if not name.startswith("pkcs11:"):
        return name in {row["serial"], row["label"]}
    for part in filter(None, name.removeprefix("pkcs11:").split(";")):
        attribute, _, value = part.partition("=")
        if attribute not in _FIELDS:
            raise NotNamed(f"{attribute} says nothing of which token it is")
        if row[_FIELDS[attribute]] != unquote(value):
            return False
    return True


def _lacks(choice: Choice) -> Mapping[Mean, str]:
    lacks = {
        Mean.SECOND: "one token was named",
        Mean.NAMES: "somebody's token is not given other names",
        Mean.FULL: "somebody's token is not filled up",
        Mean.CUT: "no hand pulls a token out at the right moment",
    }
    if not choice.by_hand:
        lacks[Mean.REMOVAL] = "--by-hand was not given"
    if not choice.destructive:
        lacks[Mean.CHANGE] = "--destructive was not given"
    if not choice.tries:
        lacks[Mean.LOCK] = "--lock-after was not given"
    if choice.so_pin is None:
        lacks[Mean.SO] = "--so-pin-source was not given"
    return lacks


@contextmanager
def _worker(choice: Choice) -> Iterator[Worker]:
    with tempfile.TemporaryDirectory(prefix="custode-conformance-") as folder:
        worker = Worker(VendorBench(choice), Path(folder) / "worker.log")
        try:
            yield worker
        finally:
            worker.close()


def _chosen(choice: Choice) -> Mapping[str, str]:
    """Ask the module which tokens there are, and choose one: who it is."""
    with _worker(choice) as worker:
        try:
            rows = [row for row in worker.call("list") if "unreadable" not in row]
        except Refused as exc:
            raise NotNamed(f"the module does not work: {exc.code} {exc.data}") from exc
    found = [row for row in rows if choice.token is None or is_named(row, choice.token)]
    if len(found) == 1:
        return {name: str(found[0][name]) for name in ("manufacturer", "model", "serial")}
    there = "; ".join(f"serial {row['serial']}, label {row['label']}" for row in rows) or "none"
    if not found:
        raise NotNamed(f"no token is {choice.token or 'there'}. There are: {there}")
    raise NotNamed(f"more than one token: name one with --token. There are: {there}")


def _ask_person(what: str) -> None:
    """Wait until somebody did it. :raises OSError: where there is no terminal."""
    with Path("/dev/tty").open("r+", encoding="utf-8") as terminal:
        terminal.write(f"{what}, then press Enter. ")
        terminal.flush()
        terminal.readline()
