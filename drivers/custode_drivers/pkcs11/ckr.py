"""Return values of PKCS#11 calls (PKCS #11 v3.1 §3.6), and what each means to us.

One table. `gone`: what a removed token looks like; it differs from module to module and was
measured: OpenSC DEVICE_REMOVED, then SESSION_HANDLE_INVALID; ykcs11 DEVICE_ERROR, then
USER_NOT_LOGGED_IN; SoftHSM with its directory moved away OBJECT_HANDLE_INVALID or GENERAL_ERROR;
a killed p11-kit server DEVICE_ERROR. The ambiguous ones mean it only if the token is really gone.
"""

from __future__ import annotations

import re
import struct
from enum import Enum, IntEnum, auto
from typing import Final

import pkcs11.exceptions as p11

from custode_drivers.api import errors


class Ckr(IntEnum):
    """CKR_* as far as we tell them apart; every other number is kept as a number."""

    OK = 0x000
    HOST_MEMORY = 0x002
    SLOT_ID_INVALID = 0x003
    GENERAL_ERROR = 0x005
    FUNCTION_FAILED = 0x006
    ARGUMENTS_BAD = 0x007
    ATTRIBUTE_READ_ONLY = 0x010
    ACTION_PROHIBITED = 0x01B
    ATTRIBUTE_TYPE_INVALID = 0x012
    ATTRIBUTE_VALUE_INVALID = 0x013
    DEVICE_ERROR = 0x030
    DEVICE_MEMORY = 0x031
    DEVICE_REMOVED = 0x032
    FUNCTION_CANCELED = 0x050
    FUNCTION_NOT_SUPPORTED = 0x054
    KEY_HANDLE_INVALID = 0x060
    KEY_SIZE_RANGE = 0x062
    MECHANISM_INVALID = 0x070
    MECHANISM_PARAM_INVALID = 0x071
    OBJECT_HANDLE_INVALID = 0x082
    PIN_INCORRECT = 0x0A0
    PIN_INVALID = 0x0A1
    PIN_LEN_RANGE = 0x0A2
    PIN_EXPIRED = 0x0A3
    PIN_LOCKED = 0x0A4
    SESSION_CLOSED = 0x0B0
    SESSION_HANDLE_INVALID = 0x0B3
    SESSION_EXISTS = 0x0B6
    TEMPLATE_INCOMPLETE = 0x0D0
    TEMPLATE_INCONSISTENT = 0x0D1
    TOKEN_NOT_PRESENT = 0x0E0
    TOKEN_NOT_RECOGNIZED = 0x0E1
    TOKEN_WRITE_PROTECTED = 0x0E2
    USER_NOT_LOGGED_IN = 0x101
    USER_PIN_NOT_INITIALIZED = 0x102
    USER_TYPE_INVALID = 0x103
    USER_ANOTHER_ALREADY_LOGGED_IN = 0x104
    BUFFER_TOO_SMALL = 0x150
    CRYPTOKI_NOT_INITIALIZED = 0x190
    CRYPTOKI_ALREADY_INITIALIZED = 0x191
    PIN_TOO_WEAK = 0x1B9


NONSENSE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)
"""What python-pkcs11 stumbles over when a module answers what no module may."""


class CkrError(Exception):
    """A call of the companion did not return CKR_OK."""

    def __init__(self, ckr: int, function: str) -> None:
        super().__init__(f"{function}: {name_of(ckr)}")
        self.ckr: Final = ckr
        self.function: Final = function


class Gone(Enum):
    """Whether a return value may mean that the token was removed."""

    NO = auto()
    IF_ABSENT = auto()
    ALWAYS = auto()


_ALWAYS: Final = frozenset({Ckr.DEVICE_REMOVED, Ckr.TOKEN_NOT_PRESENT})
_IF_ABSENT: Final = frozenset(
    {
        Ckr.SLOT_ID_INVALID,
        Ckr.GENERAL_ERROR,
        Ckr.FUNCTION_FAILED,
        Ckr.DEVICE_ERROR,
        Ckr.KEY_HANDLE_INVALID,
        Ckr.OBJECT_HANDLE_INVALID,
        Ckr.SESSION_CLOSED,
        Ckr.SESSION_HANDLE_INVALID,
        Ckr.TOKEN_NOT_RECOGNIZED,
        Ckr.USER_NOT_LOGGED_IN,
        Ckr.CRYPTOKI_NOT_INITIALIZED,
    }
)
_SESSION_LOST: Final = frozenset(
    {Ckr.SESSION_CLOSED, Ckr.SESSION_HANDLE_INVALID, Ckr.USER_NOT_LOGGED_IN}
)
_NOT_SUPPORTED: Final = {
    Ckr.FUNCTION_NOT_SUPPORTED: "function",
    Ckr.KEY_SIZE_RANGE: "key_size",
    Ckr.MECHANISM_INVALID: "mechanism",
    Ckr.MECHANISM_PARAM_INVALID: "mechanism",
    Ckr.TOKEN_WRITE_PROTECTED: "write",
}
_NOT_INITIALIZED: Final = frozenset(
    {Ckr.CRYPTOKI_NOT_INITIALIZED, Ckr.CRYPTOKI_ALREADY_INITIALIZED}
)

# What a user is told by a token that lets only its SO do something. Measured: OpenSC's OpenPGP card
# USER_NOT_LOGGED_IN (key) and PIN_LEN_RANGE (certificate: it tries an empty SO PIN, which it does
# not send), ykcs11 USER_NOT_LOGGED_IN (key) and USER_TYPE_INVALID (certificate).
_ONLY_THE_SO: Final = frozenset(
    {
        Ckr.ACTION_PROHIBITED,
        Ckr.PIN_LEN_RANGE,
        Ckr.USER_NOT_LOGGED_IN,
        Ckr.USER_TYPE_INVALID,
        Ckr.USER_ANOTHER_ALREADY_LOGGED_IN,
    }
)

_MAY_BE_BUSY: Final = frozenset(
    {
        Ckr.GENERAL_ERROR,
        Ckr.FUNCTION_FAILED,
        Ckr.DEVICE_ERROR,
        Ckr.TOKEN_NOT_RECOGNIZED,
    }
)

_MAY_BE_BROKEN_OFF: Final = frozenset({Ckr.GENERAL_ERROR, Ckr.FUNCTION_FAILED, Ckr.DEVICE_ERROR})

# python-pkcs11 turns numbers into classes; this turns them back.
_BY_CLASS: Final[dict[type[p11.PKCS11Error], Ckr]] = {
    p11.ArgumentsBad: Ckr.ARGUMENTS_BAD,
    p11.AttributeReadOnly: Ckr.ATTRIBUTE_READ_ONLY,
    p11.AttributeTypeInvalid: Ckr.ATTRIBUTE_TYPE_INVALID,
    p11.AttributeValueInvalid: Ckr.ATTRIBUTE_VALUE_INVALID,
    p11.AnotherUserAlreadyLoggedIn: Ckr.USER_ANOTHER_ALREADY_LOGGED_IN,
    p11.DeviceError: Ckr.DEVICE_ERROR,
    p11.DeviceMemory: Ckr.DEVICE_MEMORY,
    p11.DeviceRemoved: Ckr.DEVICE_REMOVED,
    p11.FunctionFailed: Ckr.FUNCTION_FAILED,
    p11.FunctionNotSupported: Ckr.FUNCTION_NOT_SUPPORTED,
    p11.GeneralError: Ckr.GENERAL_ERROR,
    p11.HostMemory: Ckr.HOST_MEMORY,
    p11.KeyHandleInvalid: Ckr.KEY_HANDLE_INVALID,
    p11.KeySizeRange: Ckr.KEY_SIZE_RANGE,
    p11.MechanismInvalid: Ckr.MECHANISM_INVALID,
    p11.MechanismParamInvalid: Ckr.MECHANISM_PARAM_INVALID,
    p11.ObjectHandleInvalid: Ckr.OBJECT_HANDLE_INVALID,
    p11.PinExpired: Ckr.PIN_EXPIRED,
    p11.PinIncorrect: Ckr.PIN_INCORRECT,
    p11.PinInvalid: Ckr.PIN_INVALID,
    p11.PinLenRange: Ckr.PIN_LEN_RANGE,
    p11.PinLocked: Ckr.PIN_LOCKED,
    p11.PinTooWeak: Ckr.PIN_TOO_WEAK,
    p11.SessionClosed: Ckr.SESSION_CLOSED,
    p11.SessionExists: Ckr.SESSION_EXISTS,
    p11.SessionHandleInvalid: Ckr.SESSION_HANDLE_INVALID,
    p11.SlotIDInvalid: Ckr.SLOT_ID_INVALID,
    p11.TemplateIncomplete: Ckr.TEMPLATE_INCOMPLETE,
    p11.TemplateInconsistent: Ckr.TEMPLATE_INCONSISTENT,
    p11.TokenNotPresent: Ckr.TOKEN_NOT_PRESENT,
    p11.TokenNotRecognised: Ckr.TOKEN_NOT_RECOGNIZED,
    p11.TokenWriteProtected: Ckr.TOKEN_WRITE_PROTECTED,
    p11.UserNotLoggedIn: Ckr.USER_NOT_LOGGED_IN,
    p11.UserPinNotInitialized: Ckr.USER_PIN_NOT_INITIALIZED,
}
# Of these, and of all it has no class for, it keeps the number only in its text.
_BY_TEXT: Final = {
    "Buffer was too small.": Ckr.BUFFER_TOO_SMALL,
    "Initialisation error (already initialized).": Ckr.CRYPTOKI_ALREADY_INITIALIZED,
    "Initialisation error (not initialized).": Ckr.CRYPTOKI_NOT_INITIALIZED,
    "User type invalid.": Ckr.USER_TYPE_INVALID,
}
_UNMAPPED: Final = re.compile(r"Unmapped error code (0x[0-9a-f]+)")


def name_of(ckr: int) -> str:
    """Return the standard's name, or the number in hex."""
    try:
        return f"CKR_{Ckr(ckr).name}"
    except ValueError:
        return f"{ckr:#x}"


def ckr_of(exc: CkrError | p11.PKCS11Error) -> int | None:
    """Return the number behind an exception; None where python-pkcs11 has lost it."""
    if isinstance(exc, CkrError):
        return exc.ckr
    known = next((ckr for kind, ckr in _BY_CLASS.items() if isinstance(exc, kind)), None)
    if known is not None:
        return known
    text = str(exc)
    if unmapped := _UNMAPPED.fullmatch(text):
        return int(unmapped[1], 16)
    return next((ckr for begins, ckr in _BY_TEXT.items() if text.startswith(begins)), None)


def only_the_so(exc: CkrError | p11.PKCS11Error) -> bool:
    """Tell whether this may mean: not as the user, but as the security officer (SO).

    Of a call that takes no PIN; the token has to be there still.
    """
    return ckr_of(exc) in _ONLY_THE_SO


def may_be_busy(exc: CkrError | p11.PKCS11Error) -> bool:
    """Tell whether another program may hold the card (SCARD_E_SHARING_VIOLATION underneath).

    PKCS #11 has no word for it; whoever asks then looks whether somebody does.
    """
    return ckr_of(exc) in _MAY_BE_BUSY


def may_be_broken_off(exc: CkrError | p11.PKCS11Error) -> bool:
    """Tell whether a command to the card itself may have been cut off, by its being pulled out."""
    return ckr_of(exc) in _MAY_BE_BROKEN_OFF


def may_mean_gone(exc: CkrError | p11.PKCS11Error) -> Gone:
    """Tell whether the token may have been removed; who asks then looks whether it is there."""
    ckr = ckr_of(exc)
    if ckr in _ALWAYS:
        return Gone.ALWAYS
    # A number that python-pkcs11 lost may be anything.
    return Gone.IF_ABSENT if ckr is None or ckr in _IF_ABSENT else Gone.NO


def translate(exc: CkrError | p11.PKCS11Error) -> errors.DriverError:
    """Return our error for a failure at a token that is still there.

    Wrong PINs are told here without their counter: the session reads it afterwards.
    """
    ckr = ckr_of(exc)
    match ckr:
        case Ckr.PIN_INCORRECT:
            return errors.PinIncorrect(attempts_remaining=None)
        case Ckr.PIN_LOCKED:
            return errors.PinLocked()
        case Ckr.PIN_LEN_RANGE | Ckr.PIN_INVALID:
            return errors.PinLength(min=None, max=None)
        case Ckr.PIN_TOO_WEAK:
            return errors.PinLength(min=None, max=None, which="new")
        case Ckr.PIN_EXPIRED:
            return errors.PinToBeChanged()
        case Ckr.USER_PIN_NOT_INITIALIZED:
            return errors.PinNotSet()
        case Ckr.DEVICE_MEMORY:
            return errors.TokenFull()
    if ckr in _ALWAYS:
        return errors.TokenGone()
    if ckr in _SESSION_LOST:
        return errors.SessionUnknown()
    if ckr in _NOT_INITIALIZED:
        return errors.ModuleFailed(why=name_of(ckr))
    if ckr in _NOT_SUPPORTED:
        return errors.NotSupported(capability=_NOT_SUPPORTED[Ckr(ckr)])
    return errors.UnknownFailure(ckr=name_of(ckr) if ckr is not None else str(exc) or repr(exc))
