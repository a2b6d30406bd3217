"""What the worker tells of the tokens that are there, all of it without a PIN."""

from __future__ import annotations

import logging

import pkcs11

from custode_drivers.api import errors
from custode_drivers.api.types import HELD, Holder, TokenIdentity, TokenInfo, UnreadableToken
from custode_drivers.pcsc import holders
from custode_drivers.pkcs11 import generating, objects, pins, wrapping
from custode_drivers.pkcs11.asked import Fds
from custode_drivers.pkcs11.ckr import NONSENSE, CkrError
from custode_drivers.pkcs11.cryptoki import SlotToken
from custode_drivers.pkcs11.layout import TokenFlags
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.officer import Officer
from custode_drivers.pkcs11.session import Sessions

log = logging.getLogger(__name__)


class Reading:
    """`list`, `holder`."""

    def __init__(self, module: Module, sessions: Sessions, officer: Officer) -> None:
        self._module = module
        self._sessions = sessions
        self._officer = officer

    def rows(self, fds: Fds) -> list[TokenInfo | UnreadableToken]:
        """Tokens as they are now. While a session is open the slot list is not made anew.

        One that cannot be read does not keep the others from being listed. A card that shows
        several slots is one row (see `Module.doors`).
        """
        self._sessions.drop_gone()
        if not self._sessions:
            self._module.refresh()
        answering, mute = self._module.survey()
        rows: list[TokenInfo | UnreadableToken] = [UnreadableToken(str(exc)) for exc in mute]
        if self._module.is_held():
            # A module shows no slot then: it would look as if the card had been pulled out.
            rows.append(UnreadableToken(HELD, holders.named()))
        for doors in _by_card(answering):
            try:
                rows.append(self._described(doors))
            except (CkrError, pkcs11.PKCS11Error) as exc:
                if self._module.is_occupied(doors[0].slot_id):  # else it was pulled out meanwhile
                    rows.append(UnreadableToken(str(exc) or repr(exc)))
            except errors.TokenGone:
                continue
            except NONSENSE as exc:
                log.exception("%s", doors[0].serial)
                rows.append(UnreadableToken(f"nonsense: {type(exc).__name__}"))
        return rows

    def holder(self, fds: Fds) -> Holder:
        """Who keeps the cards from us: for a fresh worker, when another waited in vain.

        The module is not loaded for it: it would wait for its turn as well.
        """
        held = holders.is_held() or holders.in_transaction()
        return Holder(held, holders.named() if held else None)

    def _described(self, doors: list[SlotToken]) -> TokenInfo:
        # The flags are those of the PIN that a login would ask for.
        token = doors[0] if len(doors) == 1 else self._sessions.door(doors[0].identity)
        flags = token.flags
        cryptoki = self._module.cryptoki
        specs = generating.can_make(cryptoki, token.slot_id)
        seen = [self._seen(door) for door in doors]
        return TokenInfo(
            manufacturer=token.manufacturer,
            model=token.model,
            serial=token.identity.serial,
            label=token.label,
            initialized=TokenFlags.TOKEN_INITIALIZED in flags,
            user_pin_initialized=pins.is_set(token),
            pin_count_low=TokenFlags.USER_PIN_COUNT_LOW in flags,
            pin_final_try=TokenFlags.USER_PIN_FINAL_TRY in flags,
            pin_locked=TokenFlags.USER_PIN_LOCKED in flags,
            so_pin_count_low=TokenFlags.SO_PIN_COUNT_LOW in flags,
            so_pin_final_try=TokenFlags.SO_PIN_FINAL_TRY in flags,
            so_pin_locked=TokenFlags.SO_PIN_LOCKED in flags,
            user_pin_to_be_changed=TokenFlags.USER_PIN_TO_BE_CHANGED in flags,
            so_pin_to_be_changed=TokenFlags.SO_PIN_TO_BE_CHANGED in flags,
            login_required=TokenFlags.LOGIN_REQUIRED in flags,
            has_so_pin=pins.has_so_pin(token),
            protected_path=TokenFlags.PROTECTED_AUTHENTICATION_PATH in flags,
            removable=token.removable,
            min_pin=token.min_pin,
            max_pin=token.max_pin,
            mechanisms=tuple(sorted(map(_name, cryptoki.mechanisms(token.slot_id)))),
            can_generate=bool(specs),
            key_specs=specs,
            needs_so_for=self._officer.so_only(token.identity),
            certificates=tuple(dict.fromkeys(c for certs, _ in seen for c in certs)),
            public_keys=tuple(dict.fromkeys(k for _, keys in seen for k in keys)),
            can_wrap=tuple(one.name for one in wrapping.offered(cryptoki, token.slot_id)),
            reader=token.reader,
        )

    def _seen(self, door: SlotToken) -> objects.Seen:
        if TokenFlags.TOKEN_INITIALIZED not in door.flags:
            return (), ()  # it has no session to open
        with self._sessions.public(door) as session:
            return objects.certificates(session), objects.public_keys(session)


def _by_card(tokens: list[SlotToken]) -> list[list[SlotToken]]:
    """Put the slots of one card together; two cards that say they are the same stay two rows."""
    cards: dict[tuple[TokenIdentity, str, int | None], list[SlotToken]] = {}
    for token in tokens:
        alone = token.slot_id if not token.reader else None
        cards.setdefault((token.identity, token.reader, alone), []).append(token)
    return list(cards.values())


def _name(mechanism: int) -> str:
    try:
        return pkcs11.Mechanism(mechanism).name
    except ValueError:
        return f"{mechanism:#x}"
