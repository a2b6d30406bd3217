"""The backup's PIN is not the token's: compared where the token's passes through this computer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from custode_drivers.api.errors import DriverError, NotSupported, PinEqual
from custode_drivers.pkcs11.pins import PinMark
from custode_drivers.pkcs11.session_work import SessionWork

PIN = b"4711471"
MARK = PinMark(bytearray(PIN))


def relayed(secret: bytes, *, mark: PinMark | None, on_reader: bool) -> bytes:
    """What comes out at the other end."""
    opened = SimpleNamespace(mark=mark, on_reader=on_reader)

    @contextmanager
    def use(_name: str) -> Iterator[Any]:
        yield opened

    sessions: Any = SimpleNamespace(use=use)
    module: Any = None
    secret_in, given = os.pipe()
    told, secret_out = os.pipe()
    try:
        os.write(given, secret)
        os.close(given)
        SessionWork(module, sessions).relay_distinct((secret_in, secret_out), session="s")
        return os.read(told, 100)
    finally:
        for end in (secret_in, told, secret_out):
            os.close(end)


def test_another_secret_passes() -> None:
    assert relayed(b"a long enough PIN", mark=MARK, on_reader=False) == b"a long enough PIN"


def test_one_typed_on_the_reader_cannot_be_compared_and_does_not_stop_the_backup() -> None:
    assert relayed(PIN, mark=None, on_reader=True) == PIN


@pytest.mark.parametrize(("mark", "refused"), [(MARK, PinEqual), (None, NotSupported)])
def test_the_same_or_an_unknown_one_does_not(
    mark: PinMark | None, refused: type[DriverError]
) -> None:
    with pytest.raises(refused):
        relayed(PIN, mark=mark, on_reader=False)
