"""The public half of a backup PIN: which keys are taken, which signatures count."""

from __future__ import annotations

from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from custode_authority.escrow.pin_key import _SMALL_ORDER, acceptable, signed_with_pin

P: Final = 2**255 - 19
D: Final = -121665 * pow(121666, P - 2, P) % P
L: Final = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int]


def _add(a: Point, b: Point) -> Point:
    """RFC 8032 §5.1.4, affine."""
    k = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, P - 2, P)
    return x % P, y % P


def _times(point: Point, n: int) -> Point:
    total = (0, 1)
    for bit in f"{n:b}":
        total = _add(total, total)
        if bit == "1":
            total = _add(total, point)
    return total


def _point(y: int) -> Point | None:
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    for root in (x, x * pow(2, (P - 1) // 4, P) % P):
        if root * root % P == xx:
            return root, y
    return None


def test_small_order_table_is_the_torsion_subgroup() -> None:
    found: set[int] = set()
    y = 2
    while len(found) < 5:  # order 8: five distinct y
        if (point := _point(y)) is not None:
            torsion = _times(point, L)
            found |= {_times(torsion, n)[1] for n in range(8)}
        y += 1
    assert found == _SMALL_ORDER


@pytest.mark.parametrize("sign_bit", [0, 1 << 255])
@pytest.mark.parametrize("y", [*sorted(_SMALL_ORDER), P, P + 1, 2**255 - 1])
def test_weak_and_non_canonical_keys_are_refused(y: int, sign_bit: int) -> None:
    assert not acceptable((y | sign_bit).to_bytes(32, "little"))


@pytest.mark.parametrize("raw", [b"", b"k" * 31, b"k" * 33, b"k" * 64])
def test_other_lengths_are_refused(raw: bytes) -> None:
    assert not acceptable(raw)
    assert not signed_with_pin(raw, b"s" * 64, b"body")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_signature_counts_only_for_its_key_and_body(seed: bytes, body: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    signature = key.sign(body)
    assert acceptable(public)
    assert signed_with_pin(public, signature, body)
    assert not signed_with_pin(public, signature, body + b"x")
    assert not signed_with_pin(public, signature[:-1], body)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not signed_with_pin(other, signature, body)
