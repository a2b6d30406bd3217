"""A PKCS#11 module and the tokens it sees now."""

from __future__ import annotations

import logging
import os

import pkcs11

from custode_drivers.api.errors import ModuleFailed, TokenGone
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki, SlotToken, TokenFlags

log = logging.getLogger(__name__)


class Module:
    """Loads on first use, so that a module that cannot work tells why when it is asked."""

    def __init__(self, path: str, init_args: str | None = None) -> None:
        # One module under two names would be initialised twice: the real path is its only name.
        self._path = os.path.realpath(path)
        self._init_args = init_args
        self._cryptoki: Cryptoki | None = None

    @property
    def cryptoki(self) -> Cryptoki:
        """The module's calls. :raises ModuleFailed: when it cannot be loaded or initialised."""
        if self._cryptoki is None:
            self._cryptoki = Cryptoki(self._path, self._init_args)
        return self._cryptoki

    def refresh(self) -> None:
        """Have the module look at its slots anew; voids every handle, so no session may be open.

        SoftHSM sees a directory that was moved in or out only so.

        :raises ModuleFailed: when it does not come back.
        """
        fresh = self._cryptoki is None
        cryptoki = self.cryptoki
        if fresh:
            return
        try:
            cryptoki.finalize()
        except CkrError as exc:
            log.warning("%s", exc)  # if it matters, C_Initialize says so too
        try:
            cryptoki.initialize()
        except ModuleFailed:
            self._cryptoki = None
            raise

    def tokens(self) -> list[SlotToken]:
        """Return the tokens that answer, without SoftHSM's ever-present free slot."""
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
            if not _is_free_slot_of_softhsm(token):
                answering.append(token)
        return answering, mute

    def is_occupied(self, slot_id: int) -> bool:
        """Tell whether the module says that a token is in this slot, whatever it is."""
        return slot_id in self.cryptoki.slot_ids()

    def find(self, identity: TokenIdentity) -> SlotToken:
        """Return this token, its flags as they are now.

        :raises TokenGone: when no token is it. :raises ModuleFailed: when two are.
        """
        match [token for token in self.tokens() if token.identity == identity]:
            case [token]:
                return token
            case []:
                raise TokenGone(serial=identity.serial)
            case _:
                raise ModuleFailed(why=f"two tokens say that they are {identity.serial}")

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

    def slot(self, token: SlotToken) -> pkcs11.Slot:
        """Return the slot as python-pkcs11 knows it."""
        for slot in self.cryptoki.library.get_slots():
            if slot.slot_id == token.slot_id:
                return slot
        raise TokenGone(serial=token.serial)

    def close(self) -> None:
        """Let go of the module, as far as it lets us."""
        if self._cryptoki is None:
            return
        try:
            self._cryptoki.finalize()
        except CkrError as exc:
            log.info("%s", exc)


def _is_free_slot_of_softhsm(token: SlotToken) -> bool:
    return token.model.startswith("SoftHSM") and TokenFlags.TOKEN_INITIALIZED not in token.flags
