"""When a PIN may be tried."""

from dataclasses import replace

import pytest

from custode.domain.model import KnownToken, PinFlags, PinRole, TokenId, TokenSeen
from custode.domain.pin import PinChance, accepted, chance, chance_on, rejected

LOW, FINAL, LOCKED = PinFlags(True), PinFlags(True, True), PinFlags(True, True, True)
KNOWN = KnownToken(TokenId("Acme", "T1", "0001"), "My token")

ROWS = [
    (PinFlags(), 0, "may_try"),
    (PinFlags(), 1, "may_try"),
    # No flag although tries were spent: the module has none, and our own count decides.
    (PinFlags(), 2, "last_attempt"),
    (PinFlags(), 9, "last_attempt"),
    # The token's word goes before our count: SoftHSM says "low" for ever and never locks.
    (LOW, 0, "may_try"),
    (LOW, 9, "may_try"),
    (FINAL, 0, "last_attempt"),
    (PinFlags(final_try=True), 0, "last_attempt"),
    (LOCKED, 0, "locked"),
    (PinFlags(locked=True), 0, "locked"),
]


@pytest.mark.parametrize(("flags", "failures", "expected"), ROWS)
def test_chance(flags: PinFlags, failures: int, expected: str) -> None:
    assert chance(flags, failures) is PinChance(expected)


@pytest.mark.parametrize("role", PinRole)
def test_user_and_so_are_counted_apart(role: PinRole, token: TokenSeen) -> None:
    spent = rejected(rejected(KNOWN, role), role)
    other = next(r for r in PinRole if r is not role)
    assert chance_on(token, spent, role) is PinChance.LAST_ATTEMPT
    assert chance_on(token, spent, other) is PinChance.MAY_TRY
    assert chance_on(token, None, role) is PinChance.MAY_TRY
    assert accepted(spent, role) == KNOWN
    assert accepted(spent, other) == spent


@pytest.mark.parametrize("role", PinRole)
def test_each_role_has_its_own_flags(role: PinRole, token: TokenSeen) -> None:
    seen = replace(token, user_pin=LOCKED, so_pin=FINAL)
    expected = {PinRole.USER: PinChance.LOCKED, PinRole.SO: PinChance.LAST_ATTEMPT}
    assert chance_on(seen, KNOWN, role) is expected[role]
