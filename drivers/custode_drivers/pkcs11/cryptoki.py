"""A small ctypes companion to python-pkcs11, for the calls it lacks or gets wrong.

python-pkcs11 0.10 initialises with C_Initialize(NULL), which promises a single thread and yet it
releases the GIL; it has no C_InitToken; it takes PINs as `str`, which cannot be wiped; and a failed
login leaks its session. So this companion initialises, logs in and closes; python-pkcs11 does the
rest on the same loaded module. Only C_GetFunctionList must be exported (PKCS #11 v3.1 §5.5.1).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pkcs11 import _pkcs11

from custode_drivers.api.errors import ModuleFailed
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11.ckr import Ckr, CkrError, name_of
from custode_drivers.pkcs11.layout import (
    CK_EFFECTIVELY_INFINITE,
    CK_ULONG,
    CK_UNAVAILABLE_INFORMATION,
    CKF_OS_LOCKING_OK,
    CKF_REMOVABLE_DEVICE,
    CKF_RW_SESSION,
    CKF_SERIAL_SESSION,
    CKS_PUBLIC,
    FUNCTIONS,
    CkInfo,
    CkMechanism,
    CkTokenInfo,
    FunctionList,
    InitializeArgs,
    MechanismInfo,
    SessionInfo,
    SlotInfo,
    TokenFlags,
    UserType,
    text_of,
)
from custode_drivers.pkcs11.lent import Lent, Secret, Value, lent_template

_SPOKEN: Final = (2, 3)  # v3 keeps the list of v2 (PKCS #11 v3.1 §3.6)
_MAX_SIGNATURE: Final = 2048  # RSA 16384, of which no token is known
_MAX_WRAPPED: Final = 4096  # RSA 4096 makes 2384
_MAX_NUMBERS: Final = 4096  # slots of a module, mechanisms of a token
_SPARE: Final = 8
_TRIES: Final = 3
_LISTS: Final = 3  # python-pkcs11 keeps those of PKCS #11 v2, v3.0 and v3.2


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
    reader: str = ""
    """What the slot is called: cards that have several PINs show a slot for each (OpenSC)."""

    @property
    def numbered(self) -> bool:
        """Whether the serial number says anything: software tokens and TPMs have only zeros."""
        return bool(self.serial.strip("0 "))

    @property
    def identity(self) -> TokenIdentity:
        """Who it is; its label stands in for a serial number that it does not have."""
        serial = self.serial if self.numbered else self.label or self.serial
        return TokenIdentity(self.manufacturer, self.model, serial)


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
        table = ctypes.POINTER(FunctionList)()
        if ckr := get_list(ctypes.byref(table)):
            raise ModuleFailed(why=f"C_GetFunctionList: {name_of(ckr)}")
        if not bool(table) or table.contents.version.major not in _SPOKEN:
            raise ModuleFailed(why="C_GetFunctionList: no list of functions")
        prototype = ctypes.CFUNCTYPE(CK_ULONG)
        # `lib(path)` would run C_Initialize(NULL) too; its `__new__` only loads.
        self.library = _library(path)
        self._functions = {
            name: prototype(address)
            for name, address in zip(
                FUNCTIONS, _table_of(self.library, table).contents.functions, strict=True
            )
            if address
        }
        self._init_args = init_args.encode() if init_args else None
        self.initialize()

    def initialize(self) -> None:
        """C_Initialize, allowing the module to lock with the system's own primitives (§5.4.1).

        :raises ModuleFailed: when the module refuses.
        """
        arguments = InitializeArgs(flags=CKF_OS_LOCKING_OK, library_parameters=self._init_args)
        try:
            self._call("C_Initialize", ctypes.byref(arguments))
        except CkrError as exc:
            raise ModuleFailed(why=str(exc)) from exc

    def finalize(self) -> None:
        """C_Finalize: all sessions and handles are void afterwards."""
        self._call("C_Finalize", None)

    def info(self) -> CkInfo:
        """What the module says of itself (C_GetInfo, §5.4.2)."""
        self._call("C_GetInfo", ctypes.byref(info := CkInfo()))
        return info

    def slot_ids(self) -> list[int]:
        """Return the slots that hold a token (§5.5.5); this makes OpenSC look at its readers."""
        present = ctypes.c_ubyte(1)
        return self._numbers("C_GetSlotList", present)

    def mechanisms(self, slot_id: int) -> frozenset[int]:
        """Return the CKM_* this token offers (§5.5.8)."""
        return frozenset(self._numbers("C_GetMechanismList", CK_ULONG(slot_id)))

    def key_sizes(self, slot_id: int, mechanism: int, flag: int) -> tuple[int, int] | None:
        """Return the smallest and largest key for a mechanism (§5.5.9), as the module counts them.

        None where the mechanism is not there, or not for what `flag` (CKF_*) says.
        """
        info = MechanismInfo()
        try:
            self._call(
                "C_GetMechanismInfo", CK_ULONG(slot_id), CK_ULONG(mechanism), ctypes.byref(info)
            )
        except CkrError:
            return None
        return (info.min_key, info.max_key) if info.flags & flag == flag else None

    def token(self, slot_id: int) -> SlotToken:
        """Return what the token in this slot says of itself. :raises CkrError: when it does not."""
        info = CkTokenInfo()
        self._call("C_GetTokenInfo", CK_ULONG(slot_id), ctypes.byref(info))
        slot = SlotInfo()
        self._call("C_GetSlotInfo", CK_ULONG(slot_id), ctypes.byref(slot))
        return SlotToken(
            slot_id=slot_id,
            label=text_of(info.label),
            manufacturer=text_of(info.manufacturer),
            model=text_of(info.model),
            serial=text_of(info.serial),
            flags=TokenFlags(info.flags),
            min_pin=_known(info.min_pin),
            max_pin=_known(info.max_pin),
            removable=bool(slot.flags & CKF_REMOVABLE_DEVICE),
            reader=text_of(slot.description),
        )

    def init_token(self, slot_id: int, so_pin: Secret | None, label: str) -> None:
        """C_InitToken (§5.5.9): destroys what is on the token; it has no user PIN afterwards."""
        padded = label.encode()[:32].ljust(32)
        if so_pin is None:
            self._call("C_InitToken", CK_ULONG(slot_id), None, CK_ULONG(0), padded)
            return
        with Lent(so_pin) as pin:
            self._call("C_InitToken", CK_ULONG(slot_id), pin, CK_ULONG(len(so_pin)), padded)

    def open_session(self, slot_id: int, *, rw: bool) -> int:
        """C_OpenSession; returns the handle."""
        handle = CK_ULONG()
        flags = CKF_SERIAL_SESSION | (CKF_RW_SESSION if rw else 0)
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

    def login(self, handle: int, user: UserType, pin: Secret | None) -> None:
        """C_Login (§5.6.8); `None` where the PIN is typed on the reader."""
        if pin is None:
            self._call("C_Login", CK_ULONG(handle), CK_ULONG(user), None, CK_ULONG(0))
            return
        with Lent(pin) as lent:
            self._call("C_Login", CK_ULONG(handle), CK_ULONG(user), lent, CK_ULONG(len(pin)))

    def is_logged_in(self, handle: int) -> bool:
        """C_GetSessionInfo (§5.6.6): whether this session's login still holds."""
        info = SessionInfo()
        self._call("C_GetSessionInfo", CK_ULONG(handle), ctypes.byref(info))
        return info.state not in CKS_PUBLIC

    def logout(self, handle: int) -> None:
        """C_Logout: of all sessions of this token in this process."""
        self._call("C_Logout", CK_ULONG(handle))

    def init_pin(self, handle: int, pin: Secret | None) -> None:
        """C_InitPIN (§5.6.6), in a session the SO is logged in to; None: on the reader."""
        if pin is None:
            self._call("C_InitPIN", CK_ULONG(handle), None, CK_ULONG(0))
            return
        with Lent(pin) as lent:
            self._call("C_InitPIN", CK_ULONG(handle), lent, CK_ULONG(len(pin)))

    def set_pin(self, handle: int, old: Secret | None, new: Secret | None) -> None:
        """C_SetPIN (§5.6.7), of whoever is logged in, else of the user; None: on the reader."""
        if old is None or new is None:
            nothing = CK_ULONG(0)
            self._call("C_SetPIN", CK_ULONG(handle), None, nothing, None, nothing)
            return
        with Lent(old) as lent_old, Lent(new) as lent_new:
            self._call(
                "C_SetPIN",
                CK_ULONG(handle),
                lent_old,
                CK_ULONG(len(old)),
                lent_new,
                CK_ULONG(len(new)),
            )

    def create_object(
        self, handle: int, attributes: Mapping[int, Value], given_away: int | None = None
    ) -> int:
        """C_CreateObject (§5.7.1), the values wiped afterwards; returns the object's handle.

        `given_away`: the attribute whose value is the module's to free; nothing else is safe with
        OpenSC 0.23, which frees the public exponent of a key for an OpenPGP card, though it was
        only lent. Other modules leave it, and a few bytes are lost.
        """
        made = CK_ULONG()
        count = CK_ULONG(len(attributes))
        with lent_template(attributes, given_away) as template:
            self._call("C_CreateObject", CK_ULONG(handle), template, count, ctypes.byref(made))
        return made.value

    def destroy_object(self, handle: int, item: int) -> None:
        """C_DestroyObject (§5.7.3)."""
        self._call("C_DestroyObject", CK_ULONG(handle), CK_ULONG(item))

    def wrap_key(self, handle: int, mechanism: int, wrapping: int, key: int) -> bytes:
        """C_WrapKey (§5.18.3), without asking for the length first: NSS tells one too small.

        :raises ModuleFailed: for more than any key we know makes
        """
        wrapped = (ctypes.c_ubyte * _MAX_WRAPPED)()
        length = CK_ULONG(_MAX_WRAPPED)
        self._call(
            "C_WrapKey",
            CK_ULONG(handle),
            ctypes.byref(CkMechanism(mechanism)),
            CK_ULONG(wrapping),
            CK_ULONG(key),
            wrapped,
            ctypes.byref(length),
        )
        if length.value > _MAX_WRAPPED:
            raise ModuleFailed(why=f"C_WrapKey: {length.value} bytes")
        return bytes(wrapped[: length.value])

    def unwrap_key(
        self,
        handle: int,
        mechanism: int,
        unwrapping: int,
        wrapped: bytes,
        attributes: Mapping[int, Value],
    ) -> int:
        """C_UnwrapKey (§5.18.4); returns the handle of the key that came out."""
        made = CK_ULONG()
        with lent_template(attributes) as template:
            self._call(
                "C_UnwrapKey",
                CK_ULONG(handle),
                ctypes.byref(CkMechanism(mechanism)),
                CK_ULONG(unwrapping),
                wrapped,
                CK_ULONG(len(wrapped)),
                template,
                CK_ULONG(len(attributes)),
                ctypes.byref(made),
            )
        return made.value

    def sign(
        self,
        handle: int,
        key: int,
        mechanism: int,
        data: bytes,
        parameter: ctypes.Structure | None = None,
        authenticate: Callable[[], None] | None = None,
    ) -> bytes:
        """C_SignInit, `authenticate` where the key wants that in between (§5.6.8), C_Sign.

        :raises ModuleFailed: for a signature longer than any key makes.
        """
        told = CkMechanism(mechanism)
        if parameter is not None:
            told.parameter = ctypes.addressof(parameter)
            told.parameter_length = ctypes.sizeof(parameter)
        self._call("C_SignInit", CK_ULONG(handle), ctypes.byref(told), CK_ULONG(key))
        if authenticate is not None:
            authenticate()
        signature = (ctypes.c_ubyte * _MAX_SIGNATURE)()
        length = CK_ULONG(_MAX_SIGNATURE)
        self._call(
            "C_Sign",
            CK_ULONG(handle),
            data,
            CK_ULONG(len(data)),
            signature,
            ctypes.byref(length),
        )
        if length.value > _MAX_SIGNATURE:
            raise ModuleFailed(why=f"C_Sign: a signature of {length.value} bytes")
        return bytes(signature[: length.value])

    def _numbers(self, name: str, asked: object) -> list[int]:
        """Ask for a list of CK_ULONG: how many, then which (§5.2); it may have grown in between.

        :raises ModuleFailed: for more than anybody has, and when it never stops growing.
        """
        count = CK_ULONG()
        for _ in range(_TRIES):
            count = CK_ULONG()
            self._call(name, asked, None, ctypes.byref(count))
            if count.value > _MAX_NUMBERS:
                break
            # Room for some more, so that one that came meanwhile is no reason to ask again.
            room = count.value + _SPARE
            numbers = (CK_ULONG * room)()
            count = CK_ULONG(room)
            try:
                self._call(name, asked, numbers, ctypes.byref(count))
            except CkrError as exc:
                if exc.ckr != Ckr.BUFFER_TOO_SMALL:
                    raise
                continue
            if count.value > room:
                break
            return list(numbers[: count.value])
        raise ModuleFailed(why=f"{name}: {count.value} of them")

    def _call(self, name: str, *arguments: object) -> None:
        function = self._functions.get(name)
        ckr = function(*arguments) if function else Ckr.FUNCTION_NOT_SUPPORTED
        if ckr != Ckr.OK:
            raise CkrError(ckr, name)


def _library(path: str) -> _pkcs11.lib:
    uninitialised: Any = _pkcs11.lib.__new__
    library: _pkcs11.lib = uninitialised(_pkcs11.lib, path)
    return library


def _table_of(library: _pkcs11.lib, ours: Any) -> Any:
    """Return the list of functions that python-pkcs11 calls; `ours`: the one we were given.

    They are the same, but for p11-kit-proxy, which gives each who asks a list of his own, with an
    initialisation and sessions of its own (p11-kit 0.24). python-pkcs11 shows its list to nobody;
    it is the first of the three fields that follow what every Python object begins with.
    """
    pointer = ctypes.POINTER(FunctionList)
    base: Any = _pkcs11.HasFuncList  # type: ignore[attr-defined]  # its stub lacks it
    if base.__basicsize__ != object.__basicsize__ + _LISTS * ctypes.sizeof(pointer):
        return ours  # another python-pkcs11: right for every module but that one
    return pointer.from_address(id(library) + object.__basicsize__)


def _known(length: int) -> int | None:
    return None if length in (CK_UNAVAILABLE_INFORMATION, CK_EFFECTIVELY_INFINITE) else length
