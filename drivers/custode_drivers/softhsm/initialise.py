"""A short child process: makes a factory-fresh token with whatever SOFTHSM2_CONF it was started.

The security officer's PIN comes on stdin until its end; the token's serial goes to stdout.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from custode_drivers.api.errors import DriverError, ModuleFailed
from custode_drivers.channel.confinement import confine
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki, SlotToken
from custode_drivers.pkcs11.layout import TokenFlags

_STDIN: Final = 0


def main(arguments: list[str] | None = None) -> int:
    """Initialise the free slot's token and tell its serial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", required=True)
    parser.add_argument("--label", required=True)
    options = parser.parse_args(arguments)
    confine()
    try:
        with secret_from(_STDIN) as so_pin:
            serial = make_fresh(os.path.realpath(options.module), options.label, so_pin)
    except (CkrError, DriverError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write(serial)
    return 0


def make_fresh(module: str, label: str, so_pin: bytearray) -> str:
    """C_InitToken on the free slot; returns the new token's serial. It has no user PIN.

    :raises ModuleFailed: when the module offers no free slot, or no new token afterwards.
    """
    cryptoki = Cryptoki(module)
    before = {token.serial for token in _tokens(cryptoki)}
    free = next((token for token in _tokens(cryptoki) if not _is_initialized(token)), None)
    if free is None:
        raise ModuleFailed(why="no free slot")
    cryptoki.init_token(free.slot_id, so_pin, label)
    # SoftHSM gives the slot its number, and the free slot its successor, only when it starts anew.
    cryptoki.finalize()
    cryptoki.initialize()
    made = [token for token in _tokens(cryptoki) if token.serial not in before]
    cryptoki.finalize()
    if len(made) != 1 or not _is_initialized(made[0]):
        raise ModuleFailed(why="no new token")
    return made[0].serial


def _tokens(cryptoki: Cryptoki) -> list[SlotToken]:
    return [cryptoki.token(slot_id) for slot_id in cryptoki.slot_ids()]


def _is_initialized(token: SlotToken) -> bool:
    return TokenFlags.TOKEN_INITIALIZED in token.flags


if __name__ == "__main__":
    sys.exit(main())
