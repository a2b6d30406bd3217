"""What can go wrong at a driver. Every error has a stable code and carries data, never a sentence.

Of a call that brought PINs, `accepted` in the data names those that the token took (`user`, `so`)
before something else failed: no try of theirs was spent.

DriverError
 ├─ TokenGone                  token_gone           pulled out, or its module no longer sees it
 ├─ PinError
 │   ├─ PinIncorrect           pin_incorrect        {attempts_remaining: int | None}
 │   ├─ PinLocked              pin_locked
 │   ├─ PinLastAttempt         pin_last_attempt     not sent: it would have been the last try
 │   ├─ PinNotSet              pin_not_set          the token has no user PIN yet
 │   ├─ PinLength              pin_length           {min, max: int | None}; not sent
 │   ├─ PinEqual               pin_equal            the new secret is the token's own PIN
 │   ├─ PinOnlyDigits          pin_only_digits      it might be: that one was typed on the reader
 │   ├─ PinUnchanged           pin_unchanged        not sent: the new PIN is the old one
 │   ├─ PinToBeChanged         pin_to_be_changed    right, but it has to be changed before any use
 │   └─ SecretMissing          secret_missing       {why}: the pipe gave nothing usable; not sent
 ├─ AlreadyInitialized         already_initialized  the token carries a user PIN already
 ├─ NotSupported               not_supported        {capability}; {can_make} instead of a key
 ├─ NeedsSo                    needs_so             {capability}: only the SO may; nothing changed
 ├─ TokenBusy                  token_busy           {by: str | None} holds the card for itself
 ├─ NoSuchKey                  no_such_key
 ├─ KeyExists                  key_exists
 ├─ IntegrityError             integrity            {what}: a signature or a read-back is wrong
 ├─ TokenFull                  token_full
 ├─ ModuleFailed               module_failed        {why}: cannot be loaded or initialised
 ├─ SessionUnknown             session_unknown      closed, or of a worker that was started again
 └─ UnknownFailure             unknown              {ckr}: the number is kept (PKCS #11 v3.1 §3.6)
"""

from __future__ import annotations

from typing import Any, ClassVar, Final


class DriverError(Exception):
    """A driver could not do what it was asked to."""

    code: ClassVar[str] = "unknown"

    def __init__(self, **data: Any) -> None:
        super().__init__(self.code, data)
        self.data: Final[dict[str, Any]] = data

    def __str__(self) -> str:
        """Code and data, for logs: people read sentences made elsewhere."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.data.items())
        return f"{self.code} ({told})" if told else self.code


class TokenGone(DriverError):
    """The token was pulled out, or its module no longer sees it."""

    code = "token_gone"


class PinError(DriverError):
    """Something about a PIN."""


class PinIncorrect(PinError):
    """A wrong PIN was sent; `attempts_remaining` is None where the module does not tell."""

    code = "pin_incorrect"


class PinLocked(PinError):
    """No try is left."""

    code = "pin_locked"


class PinLastAttempt(PinError):
    """Not sent: this would have been the last try, and nobody accepted that."""

    code = "pin_last_attempt"


class PinNotSet(PinError):
    """The token has no user PIN yet."""

    code = "pin_not_set"


class PinLength(PinError):
    """Not sent: shorter than `min` or longer than `max` bytes."""

    code = "pin_length"


class PinEqual(PinError):
    """The new secret is the PIN of the token itself."""

    code = "pin_equal"


class PinOnlyDigits(PinError):
    """The new secret might be the token's own PIN, which was typed on the reader's keys."""

    code = "pin_only_digits"


class PinUnchanged(PinError):
    """Not sent: the new PIN is the one that the token has."""

    code = "pin_unchanged"


class PinToBeChanged(PinError):
    """The token took the PIN, and does nothing with it before it is changed."""

    code = "pin_to_be_changed"


class SecretMissing(PinError):
    """Not sent: the descriptor gave no secret, too long a one, or none in time."""

    code = "secret_missing"


class AlreadyInitialized(DriverError):
    """The token already carries a user PIN, and `force` was not given."""

    code = "already_initialized"


class NotSupported(DriverError):
    """The token or its module cannot do this; `capability` says what."""

    code = "not_supported"


class NeedsSo(DriverError):
    """The token lets only its security officer do this; nothing was changed."""

    code = "needs_so"


class TokenBusy(DriverError):
    """Another program holds the card for itself; `by` names who may be it."""

    code = "token_busy"


class NoSuchKey(DriverError):
    """No private key (or certificate) with this `key_id` on the token."""

    code = "no_such_key"


class KeyExists(DriverError):
    """The token already carries something with this `key_id`."""

    code = "key_exists"


class IntegrityError(DriverError):
    """A signature does not verify, or what was written reads back differently."""

    code = "integrity"


class TokenFull(DriverError):
    """No room is left on the token."""

    code = "token_full"


class ModuleFailed(DriverError):
    """The PKCS#11 module cannot be loaded or initialised; `why` is for the log and the doctor."""

    code = "module_failed"


class SessionUnknown(DriverError):
    """No such session: closed, died with its insertion, or of a worker since started again."""

    code = "session_unknown"


class UnknownFailure(DriverError):
    """An error nobody foresaw; `ckr` keeps the module's number."""

    code = "unknown"


BY_CODE: Final[dict[str, type[DriverError]]] = {
    error.code: error
    for error in (
        TokenGone,
        PinIncorrect,
        PinLocked,
        PinLastAttempt,
        PinNotSet,
        PinLength,
        PinEqual,
        PinOnlyDigits,
        PinUnchanged,
        PinToBeChanged,
        SecretMissing,
        AlreadyInitialized,
        NotSupported,
        NeedsSo,
        TokenBusy,
        NoSuchKey,
        KeyExists,
        IntegrityError,
        TokenFull,
        ModuleFailed,
        SessionUnknown,
        UnknownFailure,
    )
}


def from_code(code: str, data: dict[str, Any]) -> DriverError:
    """Rebuild an error that came over a channel; an unknown code keeps its name in the data."""
    known = BY_CODE.get(code)
    return known(**data) if known else UnknownFailure(code=code, **data)
