"""Memory lent to a module for one call, wiped afterwards where it is a copy of ours."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from custode_drivers.pkcs11.layout import CkAttribute

Secret = bytearray | memoryview
"""A PIN in memory that is wiped by whoever owns it."""
Value = bytes | bytearray | memoryview
"""What an attribute holds: a secret one stays the caller's to wipe."""


class Lent:
    """A secret lent to C without a copy: wiping it wipes the only one we had."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._lent: ctypes.Array[ctypes.c_char] | None = None

    def __enter__(self) -> ctypes.Array[ctypes.c_char]:
        self._lent = (ctypes.c_char * len(self._secret)).from_buffer(self._secret)
        return self._lent

    def __exit__(self, *_: object) -> None:
        self._lent = None  # gives the buffer back, so that it can be resized again


@contextmanager
def lent_template(
    attributes: Mapping[int, Value], given_away: int | None = None
) -> Iterator[ctypes.Array[CkAttribute]]:
    """Lay attributes out as C wants them; our copies of their values are wiped afterwards.

    `given_away`: the attribute whose value is the module's to free (`Cryptoki.create_object`).
    """
    template = (CkAttribute * len(attributes))()
    ours = []
    for slot, (name, value) in zip(template, attributes.items(), strict=True):
        if name == given_away:
            address = _malloc(max(len(value), 1))
            ctypes.memmove(address, bytes(value), len(value))
        else:
            ours.append((ctypes.c_ubyte * len(value)).from_buffer_copy(value))
            address = ctypes.addressof(ours[-1])
        slot.type, slot.value, slot.length = name, address, len(value)
    try:
        yield template
    finally:
        for memory in ours:
            ctypes.memset(memory, 0, len(memory))


def _malloc(size: int) -> int:
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    address: int | None = malloc(ctypes.c_size_t(size))
    if address is None:
        raise MemoryError
    return address
