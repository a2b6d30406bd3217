"""For all tests: names that are the same in every process, so that two can share the work."""

from __future__ import annotations

import pytest


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes get the argument's name: random ones would name a test anew in each process."""
    del config
    return argname if isinstance(val, bytes | bytearray) else None
