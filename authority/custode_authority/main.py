"""The authority as a program: `init` makes one in a folder, `serve` runs it; `backup`, `restore`.

Exit codes: 0 done, 1 the folder cannot be used, 2 usage, 3 served by another process already,
4 one of the ports is taken, 5 a recovery export was not made or not brought back,
6 a newer version wrote the database.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from custode_authority.ca.home import Home
from custode_authority.ca.lock import only_one
from custode_authority.errors import DatabaseNewer, HomeUnusable, PortTaken, ServedAlready
from custode_authority.wiping import forbid_core_dumps, start_again_wiping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_HOME: Final = 1
EXIT_SERVED_ALREADY: Final = 3
EXIT_PORT_TAKEN: Final = 4
EXIT_DATABASE_NEWER: Final = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    os.umask(0o077)
    options = _parser().parse_args(arguments)
    forbid_core_dumps()
    home = Home(Path(options.home).absolute())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    try:
        if options.command == "init":
            _init(home, options.generation_s, options.validity_days)
        elif options.command == "serve":
            _serve(home, options.idle_s, options.ready_fd)
        else:
            return _recover(home, options)
    except ServedAlready as exc:
        return _fail(exc, EXIT_SERVED_ALREADY)
    except PortTaken as exc:
        return _fail(exc, EXIT_PORT_TAKEN)
    except DatabaseNewer as exc:
        return _fail(exc, EXIT_DATABASE_NEWER)
    except HomeUnusable as exc:
        return _fail(exc, EXIT_HOME)
    return 0


def program(arguments: Sequence[str]) -> int:
    """Run it as all that this process is for; one that serves wipes what it frees."""
    if "serve" in arguments[:1]:
        start_again_wiping(["-m", "custode_authority.main", *arguments])
    return main(arguments)


def _init(home: Home, generation_s: int, validity_days: int) -> None:
    from custode_authority.ca.setup import initialise

    made = initialise(home, generation_s=generation_s, validity_days=validity_days)
    sys.stdout.write(msgspec.json.encode(made).decode() + "\n")


def _serve(home: Home, idle_s: float | None, ready_fd: int | None) -> None:
    from custode_authority.ca.authority import open_authority
    from custode_authority.ca.keys import renew_tls
    from custode_authority.web.serving import serve

    if not home.ready:
        raise HomeUnusable(f"there is no authority in {home.folder}: run init")
    with only_one(home):
        authority = open_authority(home)
        now = authority.clock.now().replace(microsecond=0)
        renew_tls(home, authority.keys, now=now)
        try:
            asyncio.run(serve(authority, idle_s=idle_s, ready_fd=ready_fd))
        finally:
            authority.db.close()


def _recover(home: Home, options: argparse.Namespace) -> int:
    from custode_authority.recovery import program
    from custode_authority.recovery.errors import RecoveryCode, RecoveryFailed

    if options.command == "backup" or not home.ready:
        return program.run(home, options)
    try:
        with only_one(home):
            return program.run(home, options)
    except ServedAlready:
        path = str(home.folder)
        return program.fail(RecoveryFailed(RecoveryCode.AUTHORITY_SERVED, path=path))


def _fail(exc: Exception, code: int) -> int:
    sys.stderr.write(f"custode-authority: error: {exc}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m custode_authority.main")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="make an authority in a folder, once")
    init.add_argument("--generation-s", type=_between(0, 86_400), default=2)
    init.add_argument("--validity-days", type=_between(1, 3650), default=1095)
    serve = commands.add_parser("serve", help="serve it on its two ports of 127.0.0.1")
    serve.add_argument("--idle-s", type=float, help="end by itself after so long without a request")
    serve.add_argument("--ready-fd", type=int, help='"ready" is written there once it listens')
    backup = commands.add_parser("backup", help="make a recovery export, under a PIN")
    backup.add_argument("--to", type=Path, required=True, help="a folder, or a new file")
    restore = commands.add_parser("restore", help="bring an authority back from its export")
    restore.add_argument("--from", dest="source", type=Path, required=True)
    restore.add_argument("--replace", action="store_true", help="also over one that is there")
    restore.add_argument("--ca-sha256", help="fingerprint of the CA that is expected")
    restore.add_argument("--ended-fd", type=int, help="certificates known to have ended, as JSON")
    for command in (backup, restore):
        command.add_argument("--pin-fd", type=int, required=True, help="the PIN is read there")
    for command in (init, serve, backup, restore):
        command.add_argument("--home", required=True)
    return parser


def _between(least: int, most: int) -> Callable[[str], int]:
    def bounded(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return bounded


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))
