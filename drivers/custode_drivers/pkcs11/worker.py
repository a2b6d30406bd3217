"""The token worker: loads one vendor's module and runs one call at a time, told by frames.

A process of its own, because modules crash, hang and freeze their slot list. It decides nothing.
It ends when its channel does. On stderr goes what a log may keep: never a PIN, never a key.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import Any, Final

import pkcs11

from custode_drivers.api.errors import DriverError, UnknownFailure
from custode_drivers.channel.confinement import confine
from custode_drivers.channel.frames import ChannelBroken, ChildChannel, Request, close_all
from custode_drivers.pkcs11.ckr import CkrError, translate
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.operations import Operations

log = logging.getLogger("custode_drivers.pkcs11.worker")

EX_SOFTWARE: Final = 70
"""sysexits(3): the channel spoke nonsense."""


def run(operations: Operations, request: Request, fds: tuple[int, ...]) -> Any:
    """Run one method. :raises DriverError: for everything that may be told to the caller."""
    try:
        return operations.run(request.method, fds, request.params)
    except DriverError:
        raise
    except (CkrError, pkcs11.PKCS11Error) as exc:
        raise translate(exc) from exc  # outside of any session: nothing else to look after
    except Exception as exc:
        # Whatever else a module makes python-pkcs11 stumble over: the caller gets an answer.
        log.exception("%s", request.method)
        raise UnknownFailure(ckr=type(exc).__name__) from exc


def serve(channel: ChildChannel, operations: Operations) -> None:
    """Answer requests until the channel ends. :raises ChannelBroken: when it makes no sense."""
    while (received := channel.receive()) is not None:
        request, fds = received
        try:
            result = run(operations, request, fds)
        except DriverError as exc:
            log.info("%s: %s", request.method, exc)
            failure: DriverError | None = exc
            result = None
        else:
            failure = None
        finally:
            close_all(fds)  # before the answer: whoever reads a relayed secret waits for its end
        if failure is None:
            channel.answer(request.id, result)
        else:
            channel.fail(request.id, failure.code, failure.data)


def main(arguments: list[str] | None = None) -> int:
    """Run a worker until its channel ends."""
    parser = argparse.ArgumentParser(prog="custode_drivers.pkcs11.worker", description=__doc__)
    parser.add_argument("--channel-fd", type=int, required=True)
    parser.add_argument("--module", required=True, help="the vendor's PKCS#11 module")
    parser.add_argument("--init-args", help="what the module wants at C_Initialize (NSS)")
    options = parser.parse_args(arguments)
    confine()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # vendors print where they like
    channel = ChildChannel.from_fd(options.channel_fd)
    operations = Operations(Module(options.module, options.init_args))
    try:
        serve(channel, operations)
    except ChannelBroken:
        log.exception("channel")
        return EX_SOFTWARE
    finally:
        operations.close()
        channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
