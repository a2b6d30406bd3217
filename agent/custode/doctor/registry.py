"""Every check there is, in the order in which people read them: a driver is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.doctor import agent_checks, desktop_checks, keeping_checks
from custode_drivers.api.checks import Registry
from custode_drivers.logind import checks as logind
from custode_drivers.pcsc import checks as pcsc
from custode_drivers.pkcs11 import checks as pkcs11
from custode_drivers.portals import checks as portals
from custode_drivers.softhsm import checks as softhsm
from custode_drivers.volumes import checks as volumes

if TYPE_CHECKING:
    from custode.doctor.patient import Patient

REGISTRY: Final[Registry[Patient]] = Registry(
    *agent_checks.checks(),
    *keeping_checks.checks(),
    *volumes.CHECKS,
    *pcsc.CHECKS,
    *softhsm.CHECKS,
    *pkcs11.CHECKS,
    *portals.CHECKS,
    *logind.CHECKS,
    *desktop_checks.checks(),
)
