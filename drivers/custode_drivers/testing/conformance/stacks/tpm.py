"""tpm2-pkcs11 over a software TPM, without a resource manager."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from custode_drivers.testing import swtpm
from custode_drivers.testing.conformance.stack import Bench, Mean, Quirk, Stack, Token
from custode_drivers.testing.conformance.stacks.cards import installed

TPM2_PKCS11: Final = installed("libtpm2_pkcs11.so.1")
_TCTI: Final = installed("libtss2-tcti-swtpm.so.0")
PIN: Final = b"123456"
SO_PIN: Final = b"87654321"
_DEADLINE_S: Final = 30.0


class TpmToken(Token):
    """A token in the store; it is there from the moment it is made."""

    pin = PIN
    so_pin = SO_PIN

    def __init__(self, label: str) -> None:
        self.serial = label  # its number is zero, so it goes by its label

    def insert(self) -> None:
        """It is part of the computer."""

    def remove(self) -> None:
        raise NotImplementedError  # Mean.REMOVAL is lacking


class TpmBench(Bench):
    """A TPM and a store in which tokens are made."""

    def __init__(self, module: Path, tpm: swtpm.SwTpm) -> None:
        self.module = module
        self.environment = tpm.environment
        self._made = 0

    def token(self, label: str = "prova") -> TpmToken:
        slot = ("--slot-index", str(self._made))
        self._tool("--init-token", *slot, "--label", label)
        self._tool("--init-pin", *slot, "--login", "--login-type", "so", "--pin", "env:PIN")
        self._made += 1
        return TpmToken(label)

    def odd_token(self) -> TpmToken:
        return self.token("n° 1/«2»; 3")

    def _tool(self, *words: str) -> None:
        pins = {"PIN": PIN.decode(), "SO_PIN": SO_PIN.decode()}
        subprocess.run(
            ["pkcs11-tool", "--module", self.module, "--so-pin", "env:SO_PIN", *words],
            env={**os.environ, **self.environment, **pins},
            capture_output=True,
            timeout=_DEADLINE_S,
            check=True,
        )


class Tpm(Stack):
    """tpm2-pkcs11 over swtpm."""

    name = "tpm2"
    title = "tpm2-pkcs11 + swtpm"
    lacks = MappingProxyType(
        {
            Mean.REMOVAL: "a TPM is part of the computer",
            Mean.CUT: "a TPM is part of the computer",
            Mean.LOCK: "a TPM locks everything in it at once, for a time, and tells no counter",
            Mean.SECOND: "without a resource manager a TPM has no room for two logins",
            Mean.FULL: "its keys lie, encrypted, in a file on a disk",
        }
    )

    quirks = (
        Quirk(
            "no_serial",
            "every token has the serial number 0: it is told from others by its label",
            "tpm2-pkcs11 1.9.0: C_GetTokenInfo",
        ),
    )

    def missing(self) -> str | None:
        if TPM2_PKCS11 is None or _TCTI is None:
            return "tpm2-pkcs11 is not installed (Debian: libtpm2-pkcs11-1 libtss2-tcti-swtpm0)"
        if shutil.which("pkcs11-tool") is None:
            return "pkcs11-tool is not installed (Debian: opensc)"
        return swtpm.missing()

    @contextmanager
    def bench(self, folder: Path) -> Iterator[Bench]:
        assert TPM2_PKCS11 is not None
        with swtpm.SwTpm(folder) as tpm:
            yield TpmBench(TPM2_PKCS11, tpm)
