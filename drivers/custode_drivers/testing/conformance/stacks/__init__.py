"""The stacks that the suite runs on, one file each."""

from __future__ import annotations

from typing import Final

from custode_drivers.testing.conformance.stack import Stack
from custode_drivers.testing.conformance.stacks.nss import Nss
from custode_drivers.testing.conformance.stacks.openpgp import OpenScOpenPgp
from custode_drivers.testing.conformance.stacks.p11kit import P11KitProxy
from custode_drivers.testing.conformance.stacks.piv import OpenScPiv, Ykcs11
from custode_drivers.testing.conformance.stacks.softhsm import SoftHsm
from custode_drivers.testing.conformance.stacks.tpm import Tpm

STACKS: Final[tuple[Stack, ...]] = (
    SoftHsm(),
    OpenScOpenPgp(),
    Ykcs11(),
    OpenScPiv(),
    Nss(),
    P11KitProxy(),
    Tpm(),
)
"""In the order of the table in docs/tokens.md."""
