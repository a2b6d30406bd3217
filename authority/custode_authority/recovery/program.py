"""`backup` and `restore` of the program: a PIN from a descriptor, one JSON document as the answer.

{"made": {…}}, {"restored": {…}}       done, exit 0
{"error": CODE, "data": {…}}           not done, exit 5; CODE is one of `RecoveryCode`
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from custode_authority.clock import SystemClock
from custode_authority.recovery.closing import Ended
from custode_authority.recovery.errors import RecoveryCode, RecoveryFailed
from custode_authority.recovery.exporting import export
from custode_authority.recovery.restoring import restore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from custode_authority.ca.home import Home

EXIT_RECOVERY: Final = 5
_PIN_BUFFER: Final = 1024
_MAX_ENDED: Final = 4 * 1024 * 1024


def run(home: Home, options: argparse.Namespace) -> int:
    """Do what was asked; give the exit code."""
    now = SystemClock().now()
    try:
        with _pin_from(options.pin_fd) as pin:
            if options.command == "backup":
                answer: dict[str, object] = {"made": export(home, options.to, pin, now=now)}
            else:
                ended = _ended_from(options.ended_fd)
                restored = restore(
                    home,
                    options.source,
                    pin,
                    ended,
                    ca_sha256=options.ca_sha256,
                    replace=options.replace,
                    now=now,
                )
                answer = {"restored": restored}
    except RecoveryFailed as exc:
        return fail(exc)
    _say(answer)
    return 0


def fail(failure: RecoveryFailed) -> int:
    """Say what went wrong; give the exit code."""
    _say({"error": failure.code, "data": failure.data})
    return EXIT_RECOVERY


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


@contextmanager
def _pin_from(descriptor: int) -> Iterator[bytearray]:
    """The bytes of a pipe up to its end, wiped afterwards; an over-long one is no PIN."""
    buffer, length = bytearray(_PIN_BUFFER), 0
    pin = bytearray()
    try:
        while length < _PIN_BUFFER:
            with memoryview(buffer)[length:] as rest:
                got = os.readv(descriptor, [rest])
            if not got:
                break
            length += got
        pin = buffer[:length]
        yield pin
    finally:
        for secret in (pin, buffer):
            secret[:] = bytes(len(secret))
        os.close(descriptor)


def _ended_from(descriptor: int | None) -> list[Ended]:
    if descriptor is None:
        return []
    with os.fdopen(descriptor, "rb") as stream:
        text = stream.read(_MAX_ENDED)
    try:
        return msgspec.json.decode(text, type=list[Ended])
    except msgspec.DecodeError as exc:
        raise RecoveryFailed(RecoveryCode.FILE_UNREADABLE, path="--ended-fd", why=str(exc)) from exc
