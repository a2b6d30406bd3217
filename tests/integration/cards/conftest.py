"""A real pcscd with virtual readers, one socket path a test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custode_drivers.testing.openpgp import OpenPgpCard
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.readers import shared_runtime


@pytest.fixture(scope="session")
def pcsc_runtime() -> Path:
    """The folder of pcscd's socket; PCSCLITE_CSOCK_NAME leads to it, here and in children."""
    return shared_runtime()


@pytest.fixture
def pcscd(pcsc_runtime: Path) -> Iterator[PcscDaemon]:
    """A pcscd with a reader of two slots that ykcs11 takes for its own. It is up in 0.1 s."""
    with PcscDaemon(("Yubico YubiKey CCID",), runtime=pcsc_runtime) as daemon:
        yield daemon


@pytest.fixture
def openpgp_card() -> Iterator[OpenPgpCard]:
    """A new OpenPGP card, in its own process."""
    with OpenPgpCard(serial=0x07C0FFEE) as card:
        yield card
