"""A small ctypes companion to python-pkcs11, for the calls it lacks or gets wrong.

python-pkcs11 0.10 initialises with C_Initialize(NULL), which promises a single thread and yet it
releases the GIL; it has no C_InitToken; it takes PINs as `str`, which cannot be wiped; and a failed
login leaks its session. So this companion initialises, logs in and closes; python-pkcs11 does the
rest on the same loaded module. Only C_GetFunctionList must be exported (PKCS #11 v3.1 §5.5.1).
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final

from pkcs11 import _pkcs11

from custode_drivers.api.errors import ModuleFailed
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11.ckr import Ckr, CkrError, name_of

CK_ULONG = ctypes.c_ulong
CK_UNAVAILABLE_INFORMATION: Final = CK_ULONG(-1).value
_EFFECTIVELY_INFINITE: Final = 0
# Cryptoki's structures are packed to one byte on Windows and aligned as usual elsewhere (§2.1).
_PACK: Final = 1 if sys.platform == "win32" else 0

# The order of CK_FUNCTION_LIST (pkcs11f.h); only the names are needed up to the last one we call.
_FUNCTIONS: Final = (
    "C_Initialize",
    "C_Finalize",
    "C_GetInfo",
    "C_GetFunctionList",
    "C_GetSlotList",
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_InitPIN",
    "C_SetPIN",
    "C_OpenSession",
    "C_CloseSession",
    "C_CloseAllSessions",
    "C_GetSessionInfo",
    "C_GetOperationState",
    "C_SetOperationState",
    "C_Login",
    "C_Logout",
)


class UserType(IntEnum):
    """CK_USER_TYPE (PKCS #11 v3.1 §3.3)."""

    SO = 0
    USER = 1


class TokenFlags(IntFlag):
    """CKF_* of CK_TOKEN_INFO (PKCS #11 v3.1 §3.2)."""

    LOGIN_REQUIRED = 0x4
    USER_PIN_INITIALIZED = 0x8
    PROTECTED_AUTHENTICATION_PATH = 0x100
    TOKEN_INITIALIZED = 0x400
    USER_PIN_COUNT_LOW = 0x10000
    USER_PIN_FINAL_TRY = 0x20000
    USER_PIN_LOCKED = 0x40000
    SO_PIN_COUNT_LOW = 0x100000
    SO_PIN_FINAL_TRY = 0x200000
    SO_PIN_LOCKED = 0x400000


_CKF_OS_LOCKING_OK: Final = 0x2
_CKF_SERIAL_SESSION: Final = 0x4
_CKF_RW_SESSION: Final = 0x2
_CKF_REMOVABLE_DEVICE: Final = 0x2


class _InitializeArgs(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS; `reserved` takes the parameters of NSS's softokn3."""

    _pack_ = _PACK
    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", CK_ULONG),
        ("library_parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    )


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_ubyte), ("minor", ctypes.c_ubyte))


class _SlotInfo(ctypes.Structure):
    _pack_ = _PACK
    _fields_ = (
        ("description", ctypes.c_char * 64),
        ("manufacturer", ctypes.c_char * 32),
        ("flags", CK_ULONG),
        ("hardware_version", _Version),
        ("firmware_version", _Version),
    )


class _TokenInfo(ctypes.Structure):
    _pack_ = _PACK
    _fields_ = (
        ("label", ctypes.c_ubyte * 32),
        ("manufacturer", ctypes.c_ubyte * 32),
        ("model", ctypes.c_ubyte * 16),
        ("serial", ctypes.c_ubyte * 16),
        ("flags", CK_ULONG),
        ("max_session_count", CK_ULONG),
        ("session_count", CK_ULONG),
        ("max_rw_session_count", CK_ULONG),
        ("rw_session_count", CK_ULONG),
        ("max_pin", CK_ULONG),
        ("min_pin", CK_ULONG),
        ("total_public_memory", CK_ULONG),
        ("free_public_memory", CK_ULONG),
        ("total_private_memory", CK_ULONG),
        ("free_private_memory", CK_ULONG),
        ("hardware_version", _Version),
        ("firmware_version", _Version),
        ("utc_time", ctypes.c_char * 16),
    )


class _FunctionList(ctypes.Structure):
    _pack_ = _PACK
    _fields_ = (
        ("version", _Version),
        ("functions", ctypes.c_void_p * len(_FUNCTIONS)),
    )


@dataclass(frozen=True, slots=True)
class SlotToken:
    """A token in its slot, as C_GetTokenInfo tells it now."""

    slot_id: int
    label: str
    manufacturer: str
    model: str
    serial: str
    flags: TokenFlags
    min_pin: int | None
    max_pin: int | None
    removable: bool

    @property
    def identity(self) -> TokenIdentity:
        return TokenIdentity(self.manufacturer, self.model, self.serial)


class Cryptoki:
    """A loaded and initialised module. Not for several threads: one call at a time."""

    def __init__(self, path: str, init_args: str | None = None) -> None:
        """Load and initialise the module at `path`, which must be a real path (no symlink).

        :raises ModuleFailed: when it cannot be loaded, is no PKCS#11 module, or refuses.
        """
        try:
            self._dll = ctypes.CDLL(path)
            get_list = self._dll.C_GetFunctionList
        except (OSError, AttributeError) as exc:
            raise ModuleFailed(why=str(exc)) from exc
        get_list.restype = CK_ULONG
        table = ctypes.POINTER(_FunctionList)()
        if ckr := get_list(ctypes.byref(table)):
            raise ModuleFailed(why=f"C_GetFunctionList: {name_of(ckr)}")
        prototype = ctypes.CFUNCTYPE(CK_ULONG)
        self._functions = {
            name: prototype(address)
            for name, address in zip(_FUNCTIONS, table.contents.functions, strict=True)
            if address
        }
        self._init_args = init_args.encode() if init_args else None
        self.initialize()
        # `lib(path)` would run C_Initialize(NULL) too; its `__new__` only loads.
        self.library = _library(path)

    def initialize(self) -> None:
        """C_Initialize, allowing the module to lock with the system's own primitives (§5.4.1).

        :raises ModuleFailed: when the module refuses.
        """
        arguments = _InitializeArgs(flags=_CKF_OS_LOCKING_OK, library_parameters=self._init_args)
        try:
            self._call("C_Initialize", ctypes.byref(arguments))
        except CkrError as exc:
            raise ModuleFailed(why=str(exc)) from exc

    def finalize(self) -> None:
        """C_Finalize: all sessions and handles are void afterwards."""
        self._call("C_Finalize", None)

    def slot_ids(self) -> list[int]:
        """Return the slots that hold a token (§5.5.5); this makes OpenSC look at its readers."""
        count = CK_ULONG()
        present = ctypes.c_ubyte(1)
        self._call("C_GetSlotList", present, None, ctypes.byref(count))
        slots = (CK_ULONG * count.value)()
        if count.value:
            self._call("C_GetSlotList", present, slots, ctypes.byref(count))
        return list(slots[: count.value])

    def token(self, slot_id: int) -> SlotToken:
        """Return what the token in this slot says of itself. :raises CkrError: when it does not."""
        info = _TokenInfo()
        self._call("C_GetTokenInfo", CK_ULONG(slot_id), ctypes.byref(info))
        slot = _SlotInfo()
        self._call("C_GetSlotInfo", CK_ULONG(slot_id), ctypes.byref(slot))
        return SlotToken(
            slot_id=slot_id,
            label=_text(info.label),
            manufacturer=_text(info.manufacturer),
            model=_text(info.model),
            serial=_text(info.serial),
            flags=TokenFlags(info.flags),
            min_pin=_known(info.min_pin),
            max_pin=_known(info.max_pin),
            removable=bool(slot.flags & _CKF_REMOVABLE_DEVICE),
        )

    def init_token(self, slot_id: int, so_pin: bytearray, label: str) -> None:
        """C_InitToken (§5.5.9): destroys what is on the token; it has no user PIN afterwards."""
        padded = label.encode()[:32].ljust(32)
        with _Lent(so_pin) as pin:
            self._call("C_InitToken", CK_ULONG(slot_id), pin, CK_ULONG(len(so_pin)), padded)

    def open_session(self, slot_id: int, *, rw: bool) -> int:
        """C_OpenSession; returns the handle."""
        handle = CK_ULONG()
        flags = _CKF_SERIAL_SESSION | (_CKF_RW_SESSION if rw else 0)
        self._call(
            "C_OpenSession", CK_ULONG(slot_id), CK_ULONG(flags), None, None, ctypes.byref(handle)
        )
        return handle.value

    def close_session(self, handle: int) -> None:
        """C_CloseSession."""
        self._call("C_CloseSession", CK_ULONG(handle))

    def close_all_sessions(self, slot_id: int) -> None:
        """C_CloseAllSessions: also those whose handle nobody knows any more."""
        self._call("C_CloseAllSessions", CK_ULONG(slot_id))

    def login(self, handle: int, user: UserType, pin: bytearray | None) -> None:
        """C_Login (§5.6.8); `None` where the PIN is typed on the reader."""
        if pin is None:
            self._call("C_Login", CK_ULONG(handle), CK_ULONG(user), None, CK_ULONG(0))
            return
        with _Lent(pin) as lent:
            self._call("C_Login", CK_ULONG(handle), CK_ULONG(user), lent, CK_ULONG(len(pin)))

    def logout(self, handle: int) -> None:
        """C_Logout: of all sessions of this token in this process."""
        self._call("C_Logout", CK_ULONG(handle))

    def init_pin(self, handle: int, pin: bytearray) -> None:
        """C_InitPIN (§5.6.6), in a session the SO is logged in to."""
        with _Lent(pin) as lent:
            self._call("C_InitPIN", CK_ULONG(handle), lent, CK_ULONG(len(pin)))

    def set_pin(self, handle: int, old: bytearray, new: bytearray) -> None:
        """C_SetPIN (§5.6.7), of whoever is logged in, else of the user."""
        with _Lent(old) as lent_old, _Lent(new) as lent_new:
            self._call(
                "C_SetPIN",
                CK_ULONG(handle),
                lent_old,
                CK_ULONG(len(old)),
                lent_new,
                CK_ULONG(len(new)),
            )

    def _call(self, name: str, *arguments: object) -> None:
        function = self._functions.get(name)
        ckr = function(*arguments) if function else Ckr.FUNCTION_NOT_SUPPORTED
        if ckr != Ckr.OK:
            raise CkrError(ckr, name)


class _Lent:
    """A bytearray lent to C without a copy: wiping it wipes the only one we had."""

    def __init__(self, secret: bytearray) -> None:
        self._secret = secret
        self._lent: ctypes.Array[ctypes.c_char] | None = None

    def __enter__(self) -> ctypes.Array[ctypes.c_char]:
        self._lent = (ctypes.c_char * len(self._secret)).from_buffer(self._secret)
        return self._lent

    def __exit__(self, *_: object) -> None:
        self._lent = None  # gives the buffer back, so that it can be resized again


def _library(path: str) -> _pkcs11.lib:
    uninitialised: Any = _pkcs11.lib.__new__
    library: _pkcs11.lib = uninitialised(_pkcs11.lib, path)
    return library


def _text(field: ctypes.Array[ctypes.c_ubyte]) -> str:
    """Blank-padded UTF-8 (§3.2); some modules pad with zeros."""
    return bytes(field).split(b"\0", 1)[0].decode("utf-8", "replace").rstrip()


def _known(length: int) -> int | None:
    return None if length in (CK_UNAVAILABLE_INFORMATION, _EFFECTIVELY_INFINITE) else length
