"""A short child process: which version a module is (C_GetInfo)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from custode_drivers.pkcs11.cryptoki import Cryptoki
from custode_drivers.testing.conformance.stack import Bench

_DEADLINE_S = 60.0


def module_of(bench: Bench) -> str:
    """Return a module's file name, and what it calls itself, with its version."""
    args = ("--init-args", bench.init_args) if bench.init_args else ()
    told = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--module", str(bench.module), *args],
        env={**os.environ, **bench.environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=_DEADLINE_S,
    )
    version = told.stdout.splitlines()[-1]  # modules print where they like
    name = bench.module.name.split(".so", maxsplit=1)[0]
    return f"{name} {version}"


def main() -> int:
    """Load the module, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", required=True)
    parser.add_argument("--init-args")
    options = parser.parse_args()
    cryptoki = Cryptoki(os.path.realpath(options.module), options.init_args)
    version = cryptoki.info().library_version
    sys.stdout.write(f"{version.major}.{version.minor}\n")
    cryptoki.finalize()
    return 0


if __name__ == "__main__":
    sys.exit(main())
