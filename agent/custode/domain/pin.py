"""May a PIN be tried? The token's counter decides; where a module gives none, our own count."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from custode.domain.model import PinFlags, PinRole

if TYPE_CHECKING:
    from custode.domain.model import KnownToken, TokenSeen

USUAL_TRIES: Final = 3  # what most cards grant; only used where the module gives no flags


class PinChance(StrEnum):
    """What may be done with a PIN now."""

    MAY_TRY = "may_try"
    LAST_ATTEMPT = "last_attempt"  # refused unless the person accepts using it
    LOCKED = "locked"


def chance(flags: PinFlags, failures: int) -> PinChance:
    """Judge one PIN by the token's flags and our count of tries spent since it was accepted.

    After a failure a module that has flags raises CKF_…_PIN_COUNT_LOW (PKCS #11 v3.1 §3.2); if it
    has raised none, it gives none, and the usual number of tries is assumed. Our own count never
    says `LOCKED`: only the token knows.
    """
    if flags.locked:
        return PinChance.LOCKED
    if flags.final_try:
        return PinChance.LAST_ATTEMPT
    if not flags.count_low and failures >= USUAL_TRIES - 1:
        return PinChance.LAST_ATTEMPT
    return PinChance.MAY_TRY


def chance_on(token: TokenSeen, known: KnownToken | None, role: PinRole) -> PinChance:
    """Judge a token's user or SO PIN."""
    match role:
        case PinRole.USER:
            return chance(token.user_pin, known.user_pin_failures if known else 0)
        case PinRole.SO:
            return chance(token.so_pin, known.so_pin_failures if known else 0)
        case _:
            assert_never(role)


def rejected(known: KnownToken, role: PinRole) -> KnownToken:
    """Count a spent try."""
    match role:
        case PinRole.USER:
            return replace(known, user_pin_failures=known.user_pin_failures + 1)
        case PinRole.SO:
            return replace(known, so_pin_failures=known.so_pin_failures + 1)
        case _:
            assert_never(role)


def accepted(known: KnownToken, role: PinRole) -> KnownToken:
    """Forget the spent tries: the token gave them back."""
    match role:
        case PinRole.USER:
            return replace(known, user_pin_failures=0)
        case PinRole.SO:
            return replace(known, so_pin_failures=0)
        case _:
            assert_never(role)
