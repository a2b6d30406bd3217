"""What the suite has to know of a stack: a module, what is behind it, and how to bring that up.

    class Ours(Stack):
        name, title = "ours", "Our module + our card"
        lacks = {Mean.FULL: "nobody has filled one yet"}
        quirks = (Quirk("label_is_fixed", "the card has no room for names", "its manual, §4"),)

        def missing(self): ...          # why it cannot run here
        def bench(self, folder): ...    # a context manager: the stack, up; gives a Bench

A test that needs a `Mean` which a stack lacks is skipped, and says the stack's own reason. Where a
stack does otherwise than the suite expects, the test says so by the quirk's name; a quirk that is
declared and no longer true fails, like one that is not declared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

NOTHING: Final[Mapping[Mean, str]] = MappingProxyType({})


class Mean(StrEnum):
    """What can be done with a stack's tokens, besides asking them."""

    REMOVAL = "removal"
    """They are pulled out and put in: `Token.insert`, `Token.remove`."""
    CUT = "removal during a call"
    """`Token.cut` pulls one out in the middle of what it is asked next."""
    CHANGE = "change"
    """Keys, certificates and PINs on them may be made, changed and destroyed."""
    SO = "security officer"
    """`Token.so_pin` is known."""
    LOCK = "lock"
    """Wrong PINs are counted (`Token.tries`), and lock a token that is not needed afterwards."""
    SECOND = "second token"
    """A bench has as many tokens at once as are asked for."""
    NAMES = "odd names"
    """`Bench.token` takes any label, and makes tokens with odd serial numbers."""
    FULL = "full token"
    """`Token.fill` leaves no room for a key or a certificate."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """What a stack does otherwise than others, by a name that a test knows."""

    name: str
    why: str
    source: str
    """Where that is written or was measured: an issue, a manual, a test of ours."""


class Story(StrEnum):
    """What the suite looks at: one row of the table in docs/tokens.md each."""

    LIST = "list"
    READ = "read a certificate"
    LOGIN = "log in with the right PIN"
    WRONG = "log in with a wrong PIN"
    LAST = "the last try"
    LOCKED = "a locked PIN"
    RSA2048 = "make an RSA 2048 key and its request"
    P256 = "make a P-256 key and its request"
    INSTALL = "install a certificate and read it back"
    SIGN = "sign, and prove a key by a challenge"
    IMPORT = "import a key"
    WRAP = "wrap and unwrap a key"
    REMOVED = "removed before, during and after a call"
    BACK = "put in again"
    CHANGE_PIN = "change the PIN"
    UNBLOCK = "unblock the PIN"
    TWO = "two tokens at once"
    NAMES = "labels and serial numbers with odd characters"
    FULL = "a token without room"


class Token(ABC):
    """A token that the suite holds in its hand; not plugged in until `insert`."""

    pin: bytes
    so_pin: bytes | None = None
    puk: bytes | None = None
    """What `unblock_pin` takes, where that is not the SO PIN."""
    pin_is_set: bool = True
    """False: the suite gives it `pin` with `init_pin`, as SO."""
    tries: int | None = None
    """How many wrong PINs lock it, with Mean.LOCK."""
    fresh: bool = True
    """Nobody needs it afterwards; False: what a test makes it takes away again."""
    serial: str | None = None
    """By which it is told from others; None: the only one that is there."""

    @abstractmethod
    def insert(self) -> None:
        """Plug it in; it has been noticed when this returns."""

    @abstractmethod
    def remove(self) -> None:
        """Pull it out, with Mean.REMOVAL; that has been noticed when this returns."""

    def cut(self, method: str, *, done: bool) -> None:
        """Have it pulled out in the middle of a worker's method, with Mean.CUT.

        `done`: just after it did its part, of which nobody hears then.
        """
        raise NotImplementedError  # nobody asks a stack that lacks Mean.CUT

    def wait_cut(self) -> bool:
        """Wait until `cut` was noticed; False, and pulled out now, when it did not come to it."""
        raise NotImplementedError  # nobody asks a stack that lacks Mean.CUT

    @property
    def pins_sent(self) -> int | None:
        """How many times a PIN came to it so far, in any role; None where nobody counts."""
        return None

    def fill(self) -> None:
        """Leave no room on it, with Mean.FULL."""
        raise NotImplementedError  # nobody asks a stack that lacks Mean.FULL


class Bench(ABC):
    """A stack that is up: its module, and tokens as they are asked for."""

    module: Path
    init_args: str | None = None
    environment: Mapping[str, str] = MappingProxyType({})
    """What the module's process needs besides ours."""
    uid: int | None = None
    """The user, by number, as whom its process has to run; None: as we do."""

    @abstractmethod
    def token(self, label: str = "prova") -> Token:
        """Return a fresh token, not plugged in; another one at each call (Mean.SECOND).

        Where the suite cannot make keys it carries one, with its certificate.
        """

    def odd_token(self) -> Token:
        """Return a token whose serial number has odd characters, with Mean.NAMES."""
        raise NotImplementedError


class Stack(ABC):
    """A module and what is behind it."""

    name: ClassVar[str]
    """Short, for the command line and the names of tests."""
    title: str
    lacks: Mapping[Mean, str] = NOTHING
    """What it cannot be made to do, each with the reason that a skipped test tells."""
    quirks: tuple[Quirk, ...] = ()

    @abstractmethod
    def missing(self) -> str | None:
        """Say what has to be installed for it to run here; None: nothing."""

    @abstractmethod
    def bench(self, folder: Path) -> AbstractContextManager[Bench]:
        """Bring it up; `folder` is empty, and goes away afterwards."""
