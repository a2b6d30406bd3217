"""`python -m bench.inside MODULE SERIAL KEY_ID`, PIN on stdin: times a worker's own work.

Prints the median milliseconds of `csr` and of a bare C_Sign over 32 bytes on the same key.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict

import pkcs11

from bench.figures import medians
from custode_drivers.api.types import TokenInfo
from custode_drivers.pkcs11 import objects
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.operations import Operations

RUNS = 200


def main() -> None:
    """Log in as the worker does, then measure."""
    path, serial, key_id = sys.argv[1:]
    operations = Operations(Module(path))
    pin_end, write_end = os.pipe()
    os.write(write_end, sys.stdin.buffer.read())
    os.close(write_end)
    rows = (row for row in operations.run("list", (), {}) if isinstance(row, TokenInfo))
    (identity,) = (row.identity for row in rows if row.serial == serial)
    session = operations.run("login", (pin_end,), {"token": asdict(identity)}).session
    os.close(pin_end)
    # The session that the method under measurement uses, for the bare call beside it.
    with operations.sessions.use(session) as live:
        key = objects.private_key(live.p11, bytes.fromhex(key_id))
        if not isinstance(key, pkcs11.SignMixin):
            raise TypeError("the key does not sign")
        signing = key

        def csr() -> None:
            told = {"session": session, "key_id": key_id, "common_name": "RSSMRA80A01H501U"}
            operations.run("csr", (), told)

        def sign() -> None:
            signing.sign(bytes(32), mechanism=pkcs11.Mechanism.ECDSA)

        print(*medians(RUNS, csr, sign))  # noqa: T201 - its answer
    operations.close()


if __name__ == "__main__":
    main()
