"""SoftHSM tokens as things one can hold: made in a drawer, plugged into a reader, pulled out.

A token is one directory of SoftHSM's token directory, and a rename carries it whole. The caller's
process never loads the module and never gets SOFTHSM2_CONF: a short child process does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from custode_drivers.api.errors import ModuleFailed
from custode_drivers.api.types import TokenIdentity

MODULE_PLACES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
_DEADLINE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class TokenFiles:
    """A token's directory, wherever it lies now."""

    directory: Path
    serial: str
    label: str

    @property
    def identity(self) -> TokenIdentity:
        """Who SoftHSM 2 says that it is."""
        return TokenIdentity("SoftHSM project", "SoftHSM v2", self.serial)


def find_module() -> str:
    """Return the path of SoftHSM's PKCS#11 module.

    :raises ModuleFailed: when it lies nowhere where distributions put it.
    """
    for place in MODULE_PLACES:
        if Path(place).is_file():
            return place
    raise ModuleFailed(why="SoftHSM is not installed")


def write_configuration(path: Path, token_directory: Path) -> Path:
    """Write a softhsm2.conf for this token directory, make the directory (0700), return `path`."""
    token_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(
        f"directories.tokendir = {token_directory}\n"
        "objectstore.backend = file\n"
        "log.level = ERROR\n"
        "slots.removable = true\n"
    )
    return path


def make_factory_token(
    drawer: Path, label: str, so_pin: bytes | bytearray, *, module: str
) -> TokenFiles:
    """Make a token as it comes from its maker: C_InitToken done, no user PIN. It lies in `drawer`.

    :raises ModuleFailed: when the module cannot be used, or does not answer in 30 s.
    """
    with tempfile.TemporaryDirectory(prefix="custode-softhsm-") as folder:
        configuration = write_configuration(Path(folder) / "softhsm2.conf", drawer)
        before = set(drawer.iterdir())
        serial = _initialise(module, configuration, label, so_pin)
    made = [path for path in set(drawer.iterdir()) - before if path.is_dir()]
    if len(made) != 1:
        raise ModuleFailed(why=f"{len(made)} new token directories")
    return TokenFiles(made[0], serial, label)


def move(token: TokenFiles, into: Path) -> TokenFiles:
    """Plug a token in or pull it out: one rename, whole for all who watch.

    `into` is a reader (the token directory of some softhsm2.conf) or a drawer.

    :raises OSError: when it lies on another file system, or does not exist.
    """
    place = into / token.directory.name
    token.directory.rename(place)
    return TokenFiles(place, token.serial, token.label)


def _initialise(module: str, configuration: Path, label: str, so_pin: bytes | bytearray) -> str:
    program = [sys.executable, "-m", "custode_drivers.softhsm.initialise"]
    try:
        done = subprocess.run(
            [*program, "--module", module, "--label", label],
            env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
            input=so_pin,
            capture_output=True,
            timeout=_DEADLINE_S,
            check=True,
        )
    except subprocess.CalledProcessError as exc:
        raise ModuleFailed(why=exc.stderr.decode(errors="replace").strip()) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ModuleFailed(why=str(exc)) from exc
    return done.stdout.decode()
