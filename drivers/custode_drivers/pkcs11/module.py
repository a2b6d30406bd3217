"""A PKCS#11 module and the tokens it sees now."""

from __future__ import annotations

import logging
import os
import time
from typing import Final

import pkcs11

from custode_drivers.api.errors import ModuleFailed, TokenBusy, TokenGone
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pcsc import holders, settling
from custode_drivers.pkcs11 import known
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki, SlotToken
from custode_drivers.pkcs11.layout import TokenFlags

log = logging.getLogger(__name__)

_NOTICED_S: Final = 1.0  # pcscd looks every 0.4 s at readers that do not tell by themselves


class Module:
    """Loads on first use, so that a module that cannot work tells why when it is asked."""

    def __init__(self, path: str, init_args: str | None = None) -> None:
        # One module under two names would be initialised twice: the real path is its only name.
        self._path = os.path.realpath(path)
        self._init_args = init_args
        self._cryptoki: Cryptoki | None = None
        self._resting = False
        self._over_pcsc: bool | None = None

    @property
    def cryptoki(self) -> Cryptoki:
        """The module's calls. :raises ModuleFailed: when it cannot be loaded or initialised."""
        if self._cryptoki is None:
            self._cryptoki = Cryptoki(self._path, self._init_args)
            self._resting = False
        elif self._resting:
            self._begin()
        return self._cryptoki

    def rest(self) -> None:
        """Let go of every card: modules keep a connection to each one that they have seen.

        That would lock out programs that want a card for themselves (gpg). Voids every handle, so
        no session may be open.
        """
        if self._cryptoki is None or self._resting:
            return
        try:
            self._cryptoki.finalize()
        except CkrError as exc:
            log.warning("%s", exc)  # if it matters, C_Initialize says so too
        self._resting = True

    def refresh(self) -> None:
        """Have the module look at its slots anew; voids every handle, so no session may be open.

        SoftHSM sees a directory that was moved in or out only so.

        :raises ModuleFailed: when it does not come back.
        """
        self.rest()
        _ = self.cryptoki

    def tokens(self) -> list[SlotToken]:
        """Return the tokens that answer and may be a person's."""
        answering, _ = self.survey()
        return answering

    def survey(self) -> tuple[list[SlotToken], list[CkrError]]:
        """Return `tokens`, and why those do not answer that sit in a slot all the same.

        SoftHSM says of a directory that was moved away, until `refresh`, that it does not answer.
        """
        answering, mute = [], []
        for slot_id in self.cryptoki.slot_ids():
            try:
                token = self.cryptoki.token(slot_id)
            except CkrError as exc:
                log.info("slot %d: %s", slot_id, exc)
                if self.is_occupied(slot_id):  # else it was pulled out meanwhile
                    mute.append(exc)
                continue
            answering.append(token)
        return _of_people(answering), mute

    def is_occupied(self, slot_id: int) -> bool:
        """Tell whether the module says that a token is in this slot, whatever it is."""
        return slot_id in self.cryptoki.slot_ids()

    def find(self, identity: TokenIdentity) -> SlotToken:
        """Return this token, its flags as they are now; the first of its doors (see `doors`).

        :raises TokenGone: when no token is it. :raises ModuleFailed: when two are.
        """
        return self.doors(identity)[0]

    def doors(self, identity: TokenIdentity) -> list[SlotToken]:
        """Return the slots that lead to this token: one for each of its PINs.

        OpenSC shows an OpenPGP card twice, once for each PIN that guards keys. Their PINs may well
        be different ones: what is typed for one door is never tried at another.

        :raises TokenGone: when no token is it. :raises ModuleFailed: when two are.
        :raises TokenBusy: when no token is it, and some card is held by another program
        """
        found = [token for token in self.tokens() if token.identity == identity]
        if not found:
            self.refuse_if_held()
            raise TokenGone(serial=identity.serial)
        readers = {token.reader for token in found}
        if len(found) > 1 and (len(readers) > 1 or readers == {""}):
            raise ModuleFailed(why=f"two tokens say that they are {identity.serial}")
        return found

    def is_held(self) -> bool:
        """Whether another program holds a card for itself; modules then see none."""
        return self._is_over_pcsc() and holders.is_held()

    def _is_over_pcsc(self) -> bool:
        if self._over_pcsc is None:
            _ = self.cryptoki  # its libraries come with it; afterwards ours would be seen too
            self._over_pcsc = holders.uses_cards()
        return self._over_pcsc

    def refuse_if_held(self) -> None:
        """Do nothing, unless. :raises TokenBusy: when another program holds a card for itself."""
        if self.is_held():
            raise TokenBusy(by=holders.named())

    def again(self, token: SlotToken) -> SlotToken:
        """Return the same door to the same token, after its slots were made anew.

        :raises TokenGone: when it is not there any more.
        """
        doors = self.doors(token.identity)
        return next((door for door in doors if door.label == token.label), doors[0])

    def holds(self, token: SlotToken) -> bool:
        """Tell whether this token still sits in its slot."""
        try:
            # Asking for the slots makes OpenSC look; else it answers from what it remembers.
            if not self.is_occupied(token.slot_id):
                return False
            now = self.cryptoki.token(token.slot_id)
        except (CkrError, ModuleFailed):
            return False
        return now.identity == token.identity

    def lost(self, token: SlotToken) -> bool:
        """Tell whether the token went while a command was with it, which has just failed.

        The command fails at once; the reader service, and the module by it, learn a moment later.
        Until then the token is not asked for anything: OpenSC 0.23 may lock itself up over a card
        that went (OpenSC/OpenSC#2707: C_GetTokenInfo waits for what a failed call has kept).
        """
        deadline = time.monotonic() + _NOTICED_S
        while self._is_seen(token.slot_id):
            left = deadline - time.monotonic()
            if left <= 0 or not self._is_over_pcsc() or not settling.changes(left):
                return not self.holds(token)
        return True

    def _is_seen(self, slot_id: int) -> bool:
        try:
            return self.is_occupied(slot_id)
        except (CkrError, ModuleFailed):
            return False

    def slot(self, token: SlotToken) -> pkcs11.Slot:
        """Return the slot as python-pkcs11 knows it."""
        for slot in self.cryptoki.library.get_slots():
            if slot.slot_id == token.slot_id:
                return slot
        raise TokenGone(serial=token.serial)

    def close(self) -> None:
        """Let go of the module, as far as it lets us."""
        self.rest()

    def _begin(self) -> None:
        cryptoki, self._cryptoki = self._cryptoki, None
        if cryptoki is not None:
            cryptoki.initialize()  # when that fails, the next one loads it again
            self._cryptoki, self._resting = cryptoki, False


def _of_people(tokens: list[SlotToken]) -> list[SlotToken]:
    """Leave out what a module shows as a token and is none that anybody could own."""
    own = [token for token in tokens if not _holds_nothing(token)]
    made = {(t.manufacturer, t.model) for t in own if TokenFlags.TOKEN_INITIALIZED in t.flags}
    return [
        token
        for token in own
        if not _is_room(token)
        or not (known.shows_room(token.model) or (token.manufacturer, token.model) in made)
    ]


def _holds_nothing(token: SlotToken) -> bool:
    """Whether no key can be put here: NSS's slot for calculations, p11-kit's and NSS's CA lists."""
    guarded = TokenFlags.LOGIN_REQUIRED | TokenFlags.USER_PIN_INITIALIZED
    return TokenFlags.WRITE_PROTECTED in token.flags and not token.flags & guarded


def _is_room(token: SlotToken) -> bool:
    """Whether this is a place for one more token; tpm2-pkcs11 and SoftHSM always show one."""
    return TokenFlags.TOKEN_INITIALIZED not in token.flags and not token.numbered
