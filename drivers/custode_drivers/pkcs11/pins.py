"""The rules before a PIN is sent, and what to say after a wrong one (domain.md, "PIN")."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from custode_drivers.api import errors
from custode_drivers.pkcs11 import known
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki, SlotToken
from custode_drivers.pkcs11.known import SoPin
from custode_drivers.pkcs11.layout import TokenFlags, UserType
from custode_drivers.pkcs11.lent import Secret

_FINAL_TRY: Final = {"user": TokenFlags.USER_PIN_FINAL_TRY, "so": TokenFlags.SO_PIN_FINAL_TRY}
_LOCKED: Final = {"user": TokenFlags.USER_PIN_LOCKED, "so": TokenFlags.SO_PIN_LOCKED}
_MANAGEMENT_KEY_DIGITS: Final = (32, 48, 64)
_HEX: Final = b"0123456789abcdefABCDEF"
_PIV_LONGEST_PIN: Final = 8  # bytes, SP 800-73-4 part 2 §2.4.3


class PinMark:
    """Tells later whether a secret is the PIN, without keeping the PIN."""

    def __init__(self, pin: bytearray) -> None:
        self._key = secrets.token_bytes(32)
        self._tag = self._mark(pin)

    def matches(self, secret: bytearray) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._tag, self._mark(secret))

    def _mark(self, secret: bytearray) -> bytes:
        return hmac.digest(self._key, secret, "sha256")


def role_of(user: UserType) -> str:
    """Whose PIN it is: `user` or `so`; a key's own login (§5.6.8) takes the user's."""
    return "so" if user is UserType.SO else "user"


def has_so_pin(token: SlotToken) -> bool:
    """Whether the security officer has a PIN; where there is none, none is asked for or sent."""
    return known.so_pin_of(token.manufacturer) is not SoPin.NONE


def is_set(token: SlotToken) -> bool:
    """Whether the token has a user PIN; an empty one guards nothing, and is none."""
    if TokenFlags.USER_PIN_INITIALIZED not in token.flags:
        return False
    return has_so_pin(token) or TokenFlags.LOGIN_REQUIRED in token.flags


def check_length(token: SlotToken, pin: Secret, user: UserType, which: str | None = None) -> None:
    """Hold a PIN against the token's limits; `which`: "new" for one that is to be set.

    :raises PinLength: nothing was sent
    """
    longest = token.max_pin
    if _has_management_key(token) and user is not UserType.SO:
        # ykcs11 tells the length of its SO PIN, and answers CKR_ARGUMENTS_BAD to a longer PIN.
        longest = min(longest or _PIV_LONGEST_PIN, _PIV_LONGEST_PIN)
    if (token.min_pin or 1) <= len(pin) <= (longest or len(pin)):
        return
    told = {"which": which} if which else {}
    raise errors.PinLength(min=token.min_pin, max=longest, role=role_of(user), **told)


def may_try(
    token: SlotToken, user: UserType, pin: Secret | None, *, use_last_attempt: bool
) -> None:
    """Hold what is about to be sent against the token's own counter, as its flags tell it.

    :raises PinError: nothing was sent
    """
    role = role_of(user)
    if _LOCKED[role] in token.flags:
        raise errors.PinLocked(role=role)
    if _FINAL_TRY[role] in token.flags and not use_last_attempt:
        raise errors.PinLastAttempt(role=role)
    if pin is not None:
        check_length(token, pin, user)
        if user is UserType.SO:
            _check_management_key(token, pin)


def _check_management_key(token: SlotToken, pin: Secret) -> None:
    """Hold what is to be sent as SO PIN against `SoPin.MANAGEMENT_KEY`, where that is wanted.

    :raises PinLength: nothing was sent
    """
    if not _has_management_key(token):
        return
    if len(pin) not in _MANAGEMENT_KEY_DIGITS or not _is_hex(pin):
        low, high = min(_MANAGEMENT_KEY_DIGITS), max(_MANAGEMENT_KEY_DIGITS)
        raise errors.PinLength(min=low, max=high, role="so")


def _has_management_key(token: SlotToken) -> bool:
    return known.so_pin_of(token.manufacturer) is SoPin.MANAGEMENT_KEY


def _is_hex(pin: Secret) -> bool:
    return all(byte in _HEX for byte in pin)


def check_change(token: SlotToken, old: Secret, new: Secret, user: UserType) -> None:
    """Hold a new PIN against the token's limits and the old one. :raises PinError: nothing sent."""
    check_length(token, new, user, "new")
    # ykcs11 fills a shorter management key up with zeros, and the card is under a key that nobody
    # has chosen (measured with ykcs11 2.2): it has to be hex, and of its kind, as the old one is.
    is_key = _has_management_key(token) and user is UserType.SO
    if is_key and (len(new) != len(old) or not _is_hex(new)):
        raise errors.PinLength(min=len(old), max=len(old), role=role_of(user), which="new")
    if hmac.compare_digest(old, new):
        raise errors.PinUnchanged(role=role_of(user))


def wrong_pin(cryptoki: Cryptoki, token: SlotToken, user: UserType) -> errors.PinError:
    """Return what to say after a wrong PIN, from the token's flags as they are now.

    PKCS #11 tells only "the last one" and "none"; whoever has other tries left gets None.
    """
    role = role_of(user)
    try:
        flags = cryptoki.token(token.slot_id).flags
    except CkrError:
        return errors.PinIncorrect(attempts_remaining=None, role=role)
    if _LOCKED[role] in flags:
        return errors.PinLocked(role=role)
    left = 1 if _FINAL_TRY[role] in flags else None
    return errors.PinIncorrect(attempts_remaining=left, role=role)
