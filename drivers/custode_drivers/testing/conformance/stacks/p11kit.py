"""p11-kit-proxy over SoftHSM: one module that shows what several others show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from custode_drivers.testing.conformance.stack import Bench
from custode_drivers.testing.conformance.stacks.cards import installed
from custode_drivers.testing.conformance.stacks.softhsm import SoftHsm, SoftHsmBench

PROXY: Final = installed("p11-kit-proxy.so")
TRUST: Final = installed("pkcs11/p11-kit-trust.so")
# p11-kit 0.24 reads nobody's own configuration for root, so root has to be somebody else for it.
_NOBODY: Final = 65534


class P11KitBench(SoftHsmBench):
    """A configuration of one's own, with SoftHSM and the module of CA lists in it."""

    def __init__(self, folder: Path, proxy: Path) -> None:
        super().__init__(folder)
        configuration = folder / "config" / "pkcs11"
        modules = configuration / "modules"
        modules.mkdir(parents=True)
        (configuration / "pkcs11.conf").write_text("user-config: only\n")
        behind = {"softhsm": self.module, "trust": TRUST}
        for name, path in behind.items():
            (modules / f"{name}.module").write_text(f"module: {path}\ncritical: yes\n")
        self.module = proxy
        self.environment = {
            **self.environment,
            "XDG_CONFIG_HOME": str(configuration.parent),
        }
        if os.geteuid() == 0:
            self.uid = _NOBODY


class P11KitProxy(SoftHsm):
    """p11-kit-proxy over SoftHSM."""

    name = "p11-kit-proxy"
    title = "p11-kit-proxy + SoftHSM 2"

    def missing(self) -> str | None:
        if PROXY is None or TRUST is None:
            return "p11-kit-proxy is not installed (Debian: p11-kit-modules)"
        return super().missing()

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        assert PROXY is not None
        yield P11KitBench(folder, PROXY)
