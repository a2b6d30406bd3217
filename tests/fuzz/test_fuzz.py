"""The fuzz targets, shortly: whatever bytes hypothesis thinks of, and seeds that it damages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from .seeds import FOLDER, seeds_of
from .targets import TARGETS

EXAMPLES = 150

_quick = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,  # the same examples on every machine; the long run is `make fuzz`
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    """A seed that was cut, flipped, doubled or stuffed, as files and lines come to be."""
    data = bytearray(draw(st.sampled_from(seeds_of(target))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["cut", "flip", "stuff", "drop", "double"])):
            case "cut":
                del data[at:]
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "stuff":
                data[at:at] = draw(st.binary(max_size=8))
            case "drop":
                del data[at : at + draw(st.integers(1, 16))]
            case "double":
                data += data[at:]
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_comes_is_refused_or_right(target: str) -> None:
    @_quick
    @example(b"")
    @given(st.one_of(st.binary(max_size=400), damaged(target)))
    def run(data: bytes) -> None:
        TARGETS[target](data)

    run()


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_seeds_and_takes_them(target: str) -> None:
    assert seeds_of(target)
    for seed in seeds_of(target):
        TARGETS[target](seed)


def test_no_seed_is_of_a_target_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TARGETS)


def test_a_target_that_finds_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The net has no hole: an error that nobody promised comes through."""
    from custode.container import iwk

    def broken(data: bytes) -> Any:
        raise IndexError(data)

    monkeypatch.setattr(iwk, "parse", broken)
    with pytest.raises(IndexError):
        TARGETS["container"](b"")


def test_the_folder_of_seeds_is_small() -> None:
    assert sum(path.stat().st_size for path in Path(FOLDER).rglob("*")) < 256 * 1024
