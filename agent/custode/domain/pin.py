"""May a PIN be tried, and what did a try cost? See domain.md, "PIN".

The token's counter decides; where a module gives none, our own count. A try is written down before
it is sent and taken back only for what is known to have cost none, so that neither a crash of ours
nor one of the module's ever hides a spent try.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from custode.domain.model import PinFlags, PinRole

if TYPE_CHECKING:
    from custode.domain.model import KnownToken, TokenSeen

USUAL_TRIES: Final = 3  # what most cards grant; only used where the module gives no flags


# --- may it be tried? -------------------------------------------------------------------------


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
    return chance(flags_of(token, role), tries_of(known, role).failures)


_LEFT: Final = {PinChance.LOCKED: 0, PinChance.LAST_ATTEMPT: 1, PinChance.MAY_TRY: None}


def attempts_left(token: TokenSeen, known: KnownToken | None, role: PinRole) -> int | None:
    """How many tries are left, as far as that is known: PKCS #11 tells only "none" and "one"."""
    return _LEFT[chance_on(token, known, role)]


def flags_of(token: TokenSeen, role: PinRole) -> PinFlags:
    """What the token says of that PIN."""
    match role:
        case PinRole.USER:
            return token.user_pin
        case PinRole.SO:
            return token.so_pin
        case _:
            assert_never(role)


def must_be_changed(token: TokenSeen, role: PinRole) -> bool:
    """Whether the PIN serves for nothing but being changed (CKF_…_PIN_TO_BE_CHANGED)."""
    there = role is PinRole.SO or token.user_pin_initialized
    return there and flags_of(token, role).to_be_changed


# --- our own count ----------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of a try."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # or it cannot be ruled out
    NOT_SENT = "not_sent"  # surely no try was spent


# Codes of errors after which no try can have been spent: the PIN was not sent, or the token refused
# something else than the PIN. Every other error may have cost one.
COST_NOTHING: Final = frozenset(
    {
        "already_initialized",
        "bad_request",
        "integrity",
        "key_exists",
        "needs_so",
        "no_such_key",
        "not_supported",
        "pin_equal",
        "pin_last_attempt",
        "pin_length",
        "pin_not_set",
        "pin_only_digits",
        "pin_to_be_changed",
        "pin_unchanged",
        "secret_missing",
        "session_unknown",
        "token_busy",
        "token_full",
    }
)


def outcome_of(code: str) -> Outcome:
    """Tell by an error's code whether a try may have been spent."""
    return Outcome.NOT_SENT if code in COST_NOTHING else Outcome.REJECTED


@dataclass(frozen=True, slots=True)
class Tries:
    """Spent since the PIN was accepted last; `unanswered`: one more is on its way."""

    failures: int = 0
    unanswered: bool = False


def settled(tries: Tries) -> Tries:
    """Count a try whose answer nobody waits for any more: it may have been spent."""
    return Tries(tries.failures + tries.unanswered)


def begun(tries: Tries) -> Tries:
    """Note that a PIN is about to be sent."""
    return replace(settled(tries), unanswered=True)


def answered(tries: Tries, outcome: Outcome) -> Tries:
    """Note what came of it."""
    match outcome:
        case Outcome.ACCEPTED:
            return Tries()  # the token gave them back
        case Outcome.REJECTED:
            return Tries(tries.failures + 1)
        case Outcome.NOT_SENT:
            return Tries(tries.failures)
        case _:
            assert_never(outcome)


def told_by_token(known: KnownToken, token: TokenSeen) -> KnownToken:
    """The record once the token has told how many tries are left: its word replaces our count.

    When it tells of one or none, it tells of more as well: once it says neither any more, the tries
    are back, whichever program brought that about.
    """
    for role in PinRole:
        flags, tries = flags_of(token, role), tries_of(known, role)
        if tries.failures and (flags.final_try or flags.locked):
            known = with_tries(known, role, replace(tries, failures=0))
    return known


def tries_of(known: KnownToken | None, role: PinRole) -> Tries:
    """Our count for one PIN of a token."""
    if known is None:
        return Tries()
    match role:
        case PinRole.USER:
            return Tries(known.user_pin_failures, known.user_pin_unanswered)
        case PinRole.SO:
            return Tries(known.so_pin_failures, known.so_pin_unanswered)
        case _:
            assert_never(role)


def with_tries(known: KnownToken, role: PinRole, tries: Tries) -> KnownToken:
    """The token's record with another count."""
    match role:
        case PinRole.USER:
            return replace(
                known, user_pin_failures=tries.failures, user_pin_unanswered=tries.unanswered
            )
        case PinRole.SO:
            return replace(
                known, so_pin_failures=tries.failures, so_pin_unanswered=tries.unanswered
            )
        case _:
            assert_never(role)
