"""Run the conformance suite over a PKCS #11 module, with a token that is plugged in.

    python -m custode_drivers.testing.conformance --module vendor.so --pin-source fd:3 3<pin

Without --destructive nothing on the token is changed, and no wrong PIN is sent. Exit codes: 0 the
module does what it offers as Custode needs it; 1 something failed; 2 the command is not right, the
module cannot be used, no token is the one named, or it does not take the PIN (sent once then).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from custode_drivers.testing.conformance.stacks.vendor import (
    Choice,
    NotLetIn,
    NotNamed,
    Secret,
    Vendor,
)

EX_WRONG: Final = 2
_MOST_BYTES: Final = 1024


class NoSecret(Exception):
    """A source of a PIN gives none; the text says why."""


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(
        prog="python -m custode_drivers.testing.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--module", type=Path, required=True, help="the PKCS #11 module to try")
    made.add_argument("--init-args", help="what it wants at C_Initialize (NSS)")
    made.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="for its process"
    )
    made.add_argument("--token", metavar="TOKEN", help="serial, label or pkcs11: URI")
    source = "fd:N or file:PATH"
    made.add_argument("--pin-source", required=True, metavar="SOURCE", help=source)
    made.add_argument("--so-pin-source", metavar="SOURCE", help=f"{source}; security officer")
    made.add_argument("--puk-source", metavar="SOURCE", help=f"{source}; unblocks the PIN")
    made.add_argument(
        "--destructive",
        action="store_true",
        help="make and destroy keys, send wrong PINs, change the PIN (and back): needs --token",
    )
    made.add_argument(
        "--lock-after",
        type=int,
        metavar="TRIES",
        help="how many wrong PINs lock the token: LOCK IT, and unblock it. Needs --destructive",
    )
    made.add_argument(
        "--by-hand", action="store_true", help="ask me to pull the token out and plug it in"
    )
    return made


def secret(source: str | None) -> Secret | None:
    """Read a secret; one line end at its end is not part of it. :raises NoSecret: see above."""
    if source is None:
        return None
    kind, _, rest = source.partition(":")
    try:
        if kind == "fd":
            with os.fdopen(int(rest), "rb") as given:
                read = given.read(_MOST_BYTES)
        elif kind == "file":
            with Path(rest).open("rb") as given:
                read = given.read(_MOST_BYTES)
        else:
            raise NoSecret("a PIN comes from fd:N or file:PATH")
    except (OSError, ValueError) as exc:
        raise NoSecret(f"{source} cannot be read: {exc}") from exc
    if not read.strip():
        raise NoSecret(f"{source} gives no PIN")
    return Secret(read.removesuffix(b"\n"))


def choice(options: argparse.Namespace) -> Choice:
    """Return what was chosen. :raises NoSecret: when a PIN cannot be read."""
    pin = secret(options.pin_source)
    assert pin is not None  # the option is required
    return Choice(
        module=options.module,
        pin=pin,
        init_args=options.init_args,
        environment=dict(entry.split("=", 1) for entry in options.env),
        token=options.token,
        so_pin=secret(options.so_pin_source),
        puk=secret(options.puk_source),
        destructive=options.destructive,
        tries=options.lock_after,
        by_hand=options.by_hand,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite."""
    reading = parser()
    options = reading.parse_args(arguments)
    if options.destructive and not options.token:
        reading.error("--destructive needs --token: which token may be changed")
    if options.lock_after and not options.destructive:
        reading.error("--lock-after needs --destructive")
    if any("=" not in entry for entry in options.env):
        reading.error("--env takes NAME=VALUE")
    try:
        import pytest  # noqa: F401 - is it there?
    except ImportError:
        reading.error("pytest is not installed: in a checkout: pip install '.[conformance]'")
    from custode_drivers.testing.conformance.running import run_on

    try:
        stack = Vendor(choice(options))
        missing = stack.missing()
        if missing is not None:
            raise NotNamed(missing)
        token = stack.named()
        stack.let_in()
    except (NoSecret, NotNamed, NotLetIn) as exc:
        sys.stderr.write(f"{exc}\n")
        return EX_WRONG
    sys.stdout.write(f"{options.module}, the token with serial {token.serial}\n\n")
    with tempfile.TemporaryDirectory(prefix="custode-conformance-") as folder:
        return run_on(stack, Path(folder), sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
