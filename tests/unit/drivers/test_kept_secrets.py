"""A secret that is kept for a while: locked, and gone when it is wiped."""

import os
import re
from pathlib import Path

import pytest

from custode_drivers.channel.kept import CannotLock, KeptSecret


def locked_kb() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmLck:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.parametrize("secret", [b"123456", b"", os.urandom(5000)], ids=["pin", "empty", "key"])
def test_a_kept_secret_is_locked_until_it_is_wiped(secret: bytes) -> None:
    before = locked_kb()
    given = bytearray(secret)
    keeping = KeptSecret(given)
    given[:] = bytes(len(given))  # its owner wipes the original
    assert bytes(keeping.view) == secret
    assert keeping.matches(bytearray(secret))
    assert not keeping.matches(bytearray(secret + b"x"))
    assert locked_kb() > before
    keeping.wipe()
    assert locked_kb() == before
    keeping.wipe()  # again does nothing
    with pytest.raises(ValueError, match="closed"):
        _ = keeping.view


def test_who_still_looks_sees_zeros() -> None:
    keeping = KeptSecret(bytearray(b"123456"))
    view = keeping.view
    keeping.wipe()
    assert bytes(view) == bytes(6)


def test_what_cannot_be_locked_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def mlock(self, *_: object) -> int:
            return -1

    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: Refusing())
    with pytest.raises(CannotLock):
        KeptSecret(bytearray(b"123456"))


def test_no_child_has_it() -> None:
    keeping = KeptSecret(bytearray(b"123456"))
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, bytes(keeping.view))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        assert told.read() == bytes(6)
    os.waitpid(child, 0)
    keeping.wipe()
