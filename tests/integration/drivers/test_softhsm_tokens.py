"""Factory-fresh tokens, and a watch that notices them move."""

import os
import queue
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from custode_drivers.api.errors import ModuleFailed
from custode_drivers.api.events import PlugHint
from custode_drivers.softhsm import tokens
from custode_drivers.softhsm.watch import SoftHsmWatch


def test_tokens_of_one_drawer_differ(
    fresh: Callable[[str], tokens.TokenFiles], drawer: Path
) -> None:
    first, second = fresh("uno"), fresh("due")
    assert first.serial != second.serial
    assert {first.directory, second.directory} == set(drawer.iterdir())
    assert "SOFTHSM2_CONF" not in os.environ  # nothing of it stays in this process
    maps = Path("/proc/self/maps").read_text()
    assert "softhsm" not in maps


def test_a_move_is_whole_and_is_noticed(
    fresh: Callable[[str], tokens.TokenFiles], reader: Path, drawer: Path
) -> None:
    token = fresh("uno")
    reader.mkdir()
    seen: queue.SimpleQueue[PlugHint] = queue.SimpleQueue()
    watch = SoftHsmWatch("soft", reader, seen.put)
    watch.start()
    try:
        seen.get(timeout=10)
        began = time.monotonic()
        plugged = tokens.move(token, reader)
        seen.get(timeout=10)
        assert time.monotonic() - began < 0.4
        assert plugged.directory == reader / token.directory.name
        assert (plugged.serial, plugged.label) == (token.serial, token.label)
        assert tokens.move(plugged, drawer) == token
        seen.get(timeout=10)
    finally:
        watch.stop()


@pytest.mark.parametrize("so_pin", [b"", b"123", b"1" * 2000])
def test_a_token_needs_a_proper_so_pin(module: str, drawer: Path, so_pin: bytes) -> None:
    with pytest.raises(ModuleFailed):
        tokens.make_factory_token(drawer, "uno", so_pin, module=module)


def test_what_is_no_module_makes_no_token(drawer: Path, tmp_path: Path) -> None:
    (tmp_path / "no.so").write_text("no library")
    with pytest.raises(ModuleFailed):
        tokens.make_factory_token(drawer, "uno", b"87654321", module=str(tmp_path / "no.so"))


def test_without_softhsm_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MODULE_PLACES", ("/does/not/exist",))
    with pytest.raises(ModuleFailed, match="not installed"):
        tokens.find_module()
