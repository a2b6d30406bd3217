"""What PKCS#11 looks like in memory: function list, structures, flags (PKCS #11 v3.1 §3, pkcs11.h).

Only what our own calls need; python-pkcs11 has its own.
"""

from __future__ import annotations

import ctypes
import sys
from enum import IntEnum, IntFlag
from typing import Final

CK_ULONG = ctypes.c_ulong
CK_UNAVAILABLE_INFORMATION: Final = CK_ULONG(-1).value
CK_EFFECTIVELY_INFINITE: Final = 0
# Cryptoki's structures are packed to one byte on Windows and aligned as usual elsewhere (§2.1).
_PACK: Final = 1 if sys.platform == "win32" else 0

# The order of CK_FUNCTION_LIST (pkcs11f.h); only the names are needed up to the last one we call.
FUNCTIONS: Final = (
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
    "C_CreateObject",
    "C_CopyObject",
    "C_DestroyObject",
    "C_GetObjectSize",
    "C_GetAttributeValue",
    "C_SetAttributeValue",
    "C_FindObjectsInit",
    "C_FindObjects",
    "C_FindObjectsFinal",
    "C_EncryptInit",
    "C_Encrypt",
    "C_EncryptUpdate",
    "C_EncryptFinal",
    "C_DecryptInit",
    "C_Decrypt",
    "C_DecryptUpdate",
    "C_DecryptFinal",
    "C_DigestInit",
    "C_Digest",
    "C_DigestUpdate",
    "C_DigestKey",
    "C_DigestFinal",
    "C_SignInit",
    "C_Sign",
    "C_SignUpdate",
    "C_SignFinal",
    "C_SignRecoverInit",
    "C_SignRecover",
    "C_VerifyInit",
    "C_Verify",
    "C_VerifyUpdate",
    "C_VerifyFinal",
    "C_VerifyRecoverInit",
    "C_VerifyRecover",
    "C_DigestEncryptUpdate",
    "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate",
    "C_DecryptVerifyUpdate",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_WrapKey",
    "C_UnwrapKey",
)


CKS_PUBLIC: Final = frozenset({0, 2})  # CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION (§3.3)


class UserType(IntEnum):
    """CK_USER_TYPE (PKCS #11 v3.1 §3.3)."""

    SO = 0
    USER = 1
    CONTEXT_SPECIFIC = 2
    """Before each use of a key with CKA_ALWAYS_AUTHENTICATE (§4.9)."""


class TokenFlags(IntFlag):
    """CKF_* of CK_TOKEN_INFO (PKCS #11 v3.1 §3.2)."""

    WRITE_PROTECTED = 0x2
    LOGIN_REQUIRED = 0x4
    USER_PIN_INITIALIZED = 0x8
    PROTECTED_AUTHENTICATION_PATH = 0x100
    TOKEN_INITIALIZED = 0x400
    USER_PIN_COUNT_LOW = 0x10000
    USER_PIN_FINAL_TRY = 0x20000
    USER_PIN_LOCKED = 0x40000
    USER_PIN_TO_BE_CHANGED = 0x80000
    SO_PIN_COUNT_LOW = 0x100000
    SO_PIN_FINAL_TRY = 0x200000
    SO_PIN_LOCKED = 0x400000
    SO_PIN_TO_BE_CHANGED = 0x800000


CKF_OS_LOCKING_OK: Final = 0x2
CKF_SERIAL_SESSION: Final = 0x4
CKF_RW_SESSION: Final = 0x2
CKF_REMOVABLE_DEVICE: Final = 0x2
CKF_GENERATE_KEY_PAIR: Final = 0x10000
CKF_WRAP: Final = 0x20000
CKF_UNWRAP: Final = 0x40000


class InitializeArgs(ctypes.Structure):
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


class CkInfo(ctypes.Structure):
    """CK_INFO (§3.2)."""

    _pack_ = _PACK
    _fields_ = (
        ("cryptoki_version", _Version),
        ("manufacturer", ctypes.c_ubyte * 32),
        ("flags", CK_ULONG),
        ("description", ctypes.c_ubyte * 32),
        ("library_version", _Version),
    )


class SlotInfo(ctypes.Structure):
    """CK_SLOT_INFO (§3.2)."""

    _pack_ = _PACK
    _fields_ = (
        ("description", ctypes.c_ubyte * 64),
        ("manufacturer", ctypes.c_char * 32),
        ("flags", CK_ULONG),
        ("hardware_version", _Version),
        ("firmware_version", _Version),
    )


class CkTokenInfo(ctypes.Structure):
    """CK_TOKEN_INFO (§3.2)."""

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


class SessionInfo(ctypes.Structure):
    """CK_SESSION_INFO (§3.3)."""

    _pack_ = _PACK
    _fields_ = (
        ("slot_id", CK_ULONG),
        ("state", CK_ULONG),
        ("flags", CK_ULONG),
        ("device_error", CK_ULONG),
    )


class CkAttribute(ctypes.Structure):
    """CK_ATTRIBUTE (§3.4)."""

    _pack_ = _PACK
    _fields_ = (("type", CK_ULONG), ("value", ctypes.c_void_p), ("length", CK_ULONG))


class CkMechanism(ctypes.Structure):
    """CK_MECHANISM (§3.5)."""

    _pack_ = _PACK
    _fields_ = (
        ("mechanism", CK_ULONG),
        ("parameter", ctypes.c_void_p),
        ("parameter_length", CK_ULONG),
    )


class PssParams(ctypes.Structure):
    """CK_RSA_PKCS_PSS_PARAMS (§6.1.8)."""

    _pack_ = _PACK
    _fields_ = (("hash", CK_ULONG), ("mgf", CK_ULONG), ("salt_length", CK_ULONG))


class MechanismInfo(ctypes.Structure):
    """CK_MECHANISM_INFO (§3.5)."""

    _pack_ = _PACK
    _fields_ = (("min_key", CK_ULONG), ("max_key", CK_ULONG), ("flags", CK_ULONG))


class FunctionList(ctypes.Structure):
    """CK_FUNCTION_LIST (§3.6), as far as we call it."""

    _pack_ = _PACK
    _fields_ = (
        ("version", _Version),
        ("functions", ctypes.c_void_p * len(FUNCTIONS)),
    )


def text_of(field: ctypes.Array[ctypes.c_ubyte]) -> str:
    """Blank-padded UTF-8 (§3.2); some modules pad with zeros, and nothing may steer a terminal."""
    text = bytes(field).split(b"\0", 1)[0].decode("utf-8", "replace").rstrip()
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
