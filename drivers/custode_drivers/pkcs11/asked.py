"""What a request to the worker says, made into values, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from custode_drivers.api import errors
from custode_drivers.api.types import KeySpec, TokenIdentity
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11.cryptoki import SlotToken
from custode_drivers.pkcs11.layout import TokenFlags
from custode_drivers.pkcs11.pins import has_so_pin

Fds = Sequence[int]
"""The descriptors of a request, in its order; whoever dispatches closes them afterwards."""


class BadRequest(errors.DriverError):
    """The daemon asked for what does not exist, or with parameters that do not fit."""

    code = "bad_request"


def identity(told: object) -> TokenIdentity:
    """Read the map of a TokenIdentity. :raises BadRequest: when it is none."""
    try:
        return msgspec.convert(told, TokenIdentity)
    except msgspec.ValidationError as exc:
        raise BadRequest(why=f"token: {exc}") from exc


def cka_id(key_id: str) -> bytes:
    """Read a CKA_ID in hex. :raises NoSuchKey: when it is none."""
    try:
        return bytes.fromhex(key_id)
    except ValueError as exc:
        raise errors.NoSuchKey(key_id=key_id) from exc


def key_spec(name: str) -> KeySpec:
    """Read the name of a kind of key. :raises NotSupported: for one that nobody makes here."""
    try:
        return KeySpec(name)
    except ValueError as exc:
        raise errors.NotSupported(capability=f"key {name}") from exc


def descriptor(fds: Fds, index: int) -> int:
    """Return one of the descriptors. :raises SecretMissing: when it was not sent."""
    if index >= len(fds):
        raise errors.SecretMissing(why="no_descriptor")
    return fds[index]


@contextmanager
def pin_from(fds: Fds, index: int, token: SlotToken) -> Iterator[bytearray | None]:
    """Read a PIN; None where it is typed on the reader: then none is sent here.

    :raises SecretMissing: when there should be one and is not
    """
    if not fds and TokenFlags.PROTECTED_AUTHENTICATION_PATH in token.flags:
        yield None
        return
    with secret_from(descriptor(fds, index)) as pin:
        yield pin


@contextmanager
def so_pin_from(fds: Fds, token: SlotToken) -> Iterator[tuple[bytearray | None, Fds]]:
    """Read the SO PIN, which comes first, as `pin_from`; gives also the descriptors behind it.

    A token whose security officer has no PIN is sent none, and no descriptor comes for it.
    """
    if not has_so_pin(token):
        yield None, fds
        return
    with pin_from(fds, 0, token) as so_pin:
        yield so_pin, fds[1:]
