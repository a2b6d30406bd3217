"""Virtual cards in virtual readers, behind a real pcscd: what the stacks with cards share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from custode_drivers.testing.conformance.stack import Bench, Token
from custode_drivers.testing.faults import Cut
from custode_drivers.testing.pcscd import PcscDaemon, PcscUnavailable, available_isolation
from custode_drivers.testing.readers import pull, put, shared_runtime, shows
from custode_drivers.testing.vpcd import VirtualCard, VirtualReader

# ykcs11 wants its maker's name in the reader's. Two slots each.
READERS: Final = ("Yubico YubiKey CCID", "Yubico YubiKey CCID 2")
_VERIFY, _CHANGE = 0x20, 0x24  # INS (ISO/IEC 7816-4 §11.5)
# What a method is about, by INS: of SP 800-73-4, Yubico's extensions, and OpenPGP card 3.4.
_USE: Final = (0x87, 0x88, 0x2A)
_WORK: Final = {
    "list": (0xA4,),
    "login": (_VERIFY,),
    "change_pin": (_CHANGE,),
    "unblock_pin": (0x2C,),
    "generate_key": (0x47,),
    "import_key": (0xFE, 0xDB),
    "install_certificate": (0xDB, 0xDA),
    "remove_certificate": (0xDB, 0xDA),
    "destroy_key": (0xDB, 0xDA),
}


class CardToken(Token):
    """A card, in the hand or in one of the readers."""

    pin = b"123456"
    tries = 3

    def __init__(self, card: VirtualCard, readers: tuple[VirtualReader, ...]) -> None:
        self.card: Final = card
        self._readers = readers
        self._reader: VirtualReader | None = None
        # pcscd 1.9.9 is blind on a reader in which a card that was cut off was reset.
        self._blind: set[VirtualReader] = set()

    def insert(self) -> None:
        free = (one for one in self._readers if one.card is None and one not in self._blind)
        self._reader = next(free)
        put(self._reader, self.card)

    def remove(self) -> None:
        assert self._reader is not None
        pull(self._reader)

    def cut(self, method: str, *, done: bool) -> None:
        for ins in _WORK.get(method, _USE):
            self.card.faults.remove_at(ins=ins, cut=Cut.AFTER if done else Cut.BEFORE)

    def wait_cut(self) -> bool:
        assert self._reader is not None
        self.card.faults.clear()
        was_cut = self._reader.card is None
        if was_cut:
            shows(self._reader.name, card=False)
            self._blind.add(self._reader)
        else:
            self.remove()
        return was_cut

    @property
    def pins_sent(self) -> int:
        # A VERIFY without data asks for the counter and is no try.
        sent = (*self.card.trace.exchanges(ins=_VERIFY), *self.card.trace.exchanges(ins=_CHANGE))
        return sum(len(one.data) > len("**") for one in sent)


class CardBench(Bench):
    """A pcscd with four slots; `make` makes a card, and says what token it is."""

    def __init__(
        self, module: Path, pcscd: PcscDaemon, make: Callable[[tuple[VirtualReader, ...]], Token]
    ) -> None:
        self.module = module
        self.environment = pcscd.environment
        self._readers = pcscd.readers
        self._make = make

    def token(self, label: str = "prova") -> Token:
        return self._make(self._readers)


@contextmanager
def card_bench(
    module: Path | None, make: Callable[[ExitStack, tuple[VirtualReader, ...]], Token]
) -> Iterator[CardBench]:
    """Bring up readers for a module; what `make` opens for its cards ends with them."""
    assert module is not None
    with PcscDaemon(READERS, runtime=shared_runtime()) as pcscd, ExitStack() as ending:
        ending.callback(pcscd.eject)
        yield CardBench(module, pcscd, lambda readers: make(ending, readers))


def missing_for(module: Path | None, package: str) -> str | None:
    """Say what a stack with cards misses here: its module, or readers."""
    if module is None:
        return f"its module is not installed (Debian: {package})"
    try:
        available_isolation()
    except PcscUnavailable as exc:
        return str(exc)
    return None


def installed(name: str) -> Path | None:
    """Return where a distribution puts a module of this name; None where it is not."""
    for pattern in (f"lib/*/{name}", f"lib64/{name}", f"lib/{name}", f"local/lib/{name}"):
        found = sorted(Path("/usr").glob(pattern))
        if found:
            return found[0]
    return None
