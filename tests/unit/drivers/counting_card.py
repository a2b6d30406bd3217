"""A card that counts, behind a module that is none, and what logs in to it."""

import os
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pkcs11.exceptions as p11
import pytest

from custode_drivers.api import errors
from custode_drivers.pkcs11.ckr import Ckr, CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki, SlotToken
from custode_drivers.pkcs11.layout import TokenFlags, UserType
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Sessions

READY = TokenFlags.TOKEN_INITIALIZED | TokenFlags.USER_PIN_INITIALIZED
TOKEN = SlotToken(7, "label", "maker", "model", "serial", READY, 4, 8, removable=True)
NAMED = asdict(TOKEN.identity)
PINS = {UserType.USER: b"1234", UserType.SO: b"87654321"}
LOW = {
    UserType.USER: (TokenFlags.USER_PIN_FINAL_TRY, TokenFlags.USER_PIN_LOCKED),
    UserType.SO: (TokenFlags.SO_PIN_FINAL_TRY, TokenFlags.SO_PIN_LOCKED),
}


def pipe_with(secret: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, secret)
    os.close(writing)
    return reading


@dataclass
class Card:
    """A card with three tries for each PIN, as a module shows it."""

    info: SlotToken | None = TOKEN
    left: dict[UserType, int] = field(default_factory=lambda: dict.fromkeys(PINS, 3))
    sent: list[bytes | None] = field(default_factory=list)
    changed: list[tuple[bytes, bytes]] = field(default_factory=list)
    open_sessions: set[int] = field(default_factory=set)
    opened: int = 0

    def slot_ids(self) -> list[int]:
        return [7]

    def token(self, slot_id: int) -> SlotToken:
        if self.info is None:
            raise CkrError(Ckr.GENERAL_ERROR, "C_GetTokenInfo")
        flags = self.info.flags
        for user, (final, locked) in LOW.items():
            flags |= {0: locked, 1: final}.get(self.left[user], TokenFlags(0))
        return replace(self.info, flags=flags)

    def open_session(self, slot_id: int, *, rw: bool) -> int:
        self.opened += 1
        self.open_sessions.add(self.opened)
        return self.opened

    def is_logged_in(self, handle: int) -> bool:
        return handle in self.open_sessions

    def close_session(self, handle: int) -> None:
        self.open_sessions.remove(handle)

    def login(self, handle: int, user: UserType, pin: bytearray | None) -> None:
        self.sent.append(None if pin is None else bytes(pin))
        if self.left[user] == 0:
            raise CkrError(Ckr.PIN_LOCKED, "C_Login")
        if pin is not None and pin != PINS[user]:
            self.left[user] -= 1
            raise CkrError(Ckr.PIN_INCORRECT, "C_Login")
        self.left[user] = 3

    def logout(self, handle: int) -> None:
        raise CkrError(Ckr.USER_NOT_LOGGED_IN, "C_Logout")

    def init_pin(self, handle: int, pin: bytearray) -> None:
        self.sent.append(bytes(pin))

    def set_pin(self, handle: int, old: bytearray, new: bytearray) -> None:
        self.changed.append((bytes(old), bytes(new)))

    def init_token(self, slot_id: int, so_pin: bytearray, label: str) -> None:
        assert not self.open_sessions
        self.login(0, UserType.SO, so_pin)

    def get_token(self) -> "Card":
        return self

    def mechanisms(self, slot_id: int) -> frozenset[int]:
        return frozenset()

    def key_sizes(self, slot_id: int, mechanism: int, flag: int) -> None:
        return None

    def open(self, *, rw: bool) -> Any:
        return SimpleNamespace(handle=self.open_session(7, rw=rw), get_objects=lambda _: iter(()))


def failing(*_: object) -> Any:
    raise p11.DeviceError


class FakeModule(Module):
    def __init__(self, card: Card) -> None:
        self.card = card

    def refresh(self) -> None:
        """There is nothing to look at anew."""

    def rest(self) -> None:
        """There is nothing to let go of."""

    def is_held(self) -> bool:
        return False

    def lost(self, token: SlotToken) -> bool:
        return not self.holds(token)

    @property
    def cryptoki(self) -> Cryptoki:
        return cast("Cryptoki", self.card)

    def slot(self, token: SlotToken) -> Any:
        return self.card


def sessions(card: Card) -> Sessions:
    return Sessions(FakeModule(card))


def login(card: Card, pin: bytes | None, *, use_last_attempt: bool = False) -> errors.PinError:
    with pytest.raises(errors.PinError) as caught:
        sessions(card).login(
            TOKEN.identity,
            None if pin is None else bytearray(pin),
            use_last_attempt=use_last_attempt,
        )
    return caught.value
