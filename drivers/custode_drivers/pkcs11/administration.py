"""PINs, and the token as a whole: initialise, set, change and unblock, without a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from custode_drivers.api import errors
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11 import objects, pins
from custode_drivers.pkcs11.asked import BadRequest, Fds, pin_from, so_pin_from
from custode_drivers.pkcs11.ckr import Ckr, CkrError, name_of
from custode_drivers.pkcs11.cryptoki import SlotToken
from custode_drivers.pkcs11.layout import TokenFlags, UserType
from custode_drivers.pkcs11.lent import Secret
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Sessions

_USERS = {"user": UserType.USER, "so": UserType.SO}


class Administration:
    """`init_token`, `init_pin`, `check_so_pin`, `reset_token`, `change_pin`, `unblock_pin`.

    Where PINs are typed on the reader (CKF_PROTECTED_AUTHENTICATION_PATH) no descriptor comes, and
    none for an SO PIN where the token has none.
    """

    def __init__(self, module: Module, sessions: Sessions) -> None:
        self._module = module
        self._sessions = sessions

    def init_token(
        self,
        fds: Fds,
        *,
        token: TokenIdentity,
        label: str,
        force: bool = False,
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """C_InitToken: erases the token. One that carries a user PIN only with `force`.

        Gives who it is afterwards: one without a serial number goes by its label, and some keep
        their own label (NSS).
        """
        found = self._module.find(token)
        if pins.is_set(found) and not force:
            raise errors.AlreadyInitialized(serial=token.serial)
        with so_pin_from(fds, found) as (so_pin, _):
            made = self._erase(found, so_pin, label, use_last_attempt=use_last_attempt)
        return {"serial": made.identity.serial, "label": made.label}

    def init_pin(
        self, fds: Fds, *, token: TokenIdentity, force: bool = False, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """C_InitPIN as SO: gives a token its user PIN; a new one in its place only with `force`."""
        found = self._module.find(token)
        if pins.is_set(found) and not force:
            raise errors.AlreadyInitialized(serial=token.serial)
        if TokenFlags.USER_PIN_INITIALIZED in found.flags and not pins.is_set(found):
            self._replace_empty_pin(fds, found)
        else:
            self._set_pin_as_so(fds, found, "init_pin", use_last_attempt=use_last_attempt)
        return {}

    def unblock_pin(
        self, fds: Fds, *, token: TokenIdentity, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """C_InitPIN as SO (or with the PUK): a new user PIN, and all its tries again.

        :raises NotSupported: where the module cannot; its vendor's own tool can, with the PUK
        """
        found = self._module.find(token)
        if not pins.has_so_pin(found):
            raise errors.NotSupported(capability="unblock_pin")
        self._set_pin_as_so(fds, found, "unblock_pin", use_last_attempt=use_last_attempt)
        return {}

    def change_pin(
        self,
        fds: Fds,
        *,
        token: TokenIdentity,
        role: str = "user",
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """C_SetPIN with one try of the old PIN; an open session of the token ends.

        The old PIN is logged in with first, and only a right one goes on to C_SetPIN: OpenSC spends
        two tries of an OpenPGP card on a wrong one there, and ykcs11 raises no flag.
        """
        user = _USERS.get(role)
        if user is None:
            raise BadRequest(why=f"role {role}")
        found = self._module.find(token)
        if user is UserType.USER and not pins.is_set(found):
            raise errors.PinNotSet(role="user")
        if user is UserType.SO and not pins.has_so_pin(found):
            raise errors.NotSupported(capability="change_pin")
        with pin_from(fds, 0, found) as old, pin_from(fds, 1, found) as new:
            pins.may_try(found, user, old, use_last_attempt=use_last_attempt)
            if old is not None and new is not None:
                pins.check_change(found, old, new, user)
            self._sessions.end_all(found)
            with (
                _capability("change_pin"),
                self._sessions.failures_of(found),
                self._sessions.public_rw(found) as handle,
            ):
                self._change(handle, found, user, old, new)
        return {}

    def check_so_pin(
        self, fds: Fds, *, token: TokenIdentity, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """Log in as SO and out again: tells a wrong SO PIN before anything hangs on it."""
        found = self._module.find(token)
        if not pins.has_so_pin(found):
            return {}  # whoever has the token may erase it
        with (
            pin_from(fds, 0, found) as so_pin,
            self._sessions.as_so(found, so_pin, use_last_attempt=use_last_attempt),
        ):
            return {}

    def reset_token(
        self, fds: Fds, *, token: TokenIdentity, label: str, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """C_InitToken and C_InitPIN: everything on the token is gone, and its PIN is a new one.

        The new PIN's length is judged before anything is erased. What C_InitToken leaves on a
        token without a serial number is destroyed by the user, with the new PIN: NSS leaves
        certificates; tpm2-pkcs11 initialises a token once and no more, and leaves everything.
        """
        found = self._module.find(token)
        with so_pin_from(fds, found) as (so_pin, rest), pin_from(rest, 0, found) as new_pin:
            if new_pin is not None:
                pins.check_length(found, new_pin, UserType.USER, "new")
            try:
                made = self._erase(found, so_pin, label, use_last_attempt=use_last_attempt)
            except errors.UnknownFailure as exc:
                if found.numbered or exc.data["ckr"] != name_of(Ckr.ARGUMENTS_BAD):
                    raise
                made = found
            with (
                self._sessions.as_so(made, so_pin, use_last_attempt=use_last_attempt) as handle,
                _of_the_new_pin(),
            ):
                self._module.cryptoki.init_pin(handle, new_pin)
            if not made.numbered:  # a card may well carry what is its maker's
                self._remove_what_is_left(made, new_pin)
        return {"serial": made.identity.serial, "label": made.label}

    def _set_pin_as_so(
        self, fds: Fds, found: SlotToken, capability: str, *, use_last_attempt: bool
    ) -> None:
        with so_pin_from(fds, found) as (so_pin, rest), pin_from(rest, 0, found) as new_pin:
            if new_pin is not None:
                pins.check_length(found, new_pin, UserType.USER, "new")
            with (
                _capability(capability),
                self._sessions.as_so(found, so_pin, use_last_attempt=use_last_attempt) as handle,
                _of_the_new_pin(),
            ):
                self._module.cryptoki.init_pin(handle, new_pin)

    def _replace_empty_pin(self, fds: Fds, found: SlotToken) -> None:
        with so_pin_from(fds, found) as (_, rest), pin_from(rest, 0, found) as new_pin:
            if new_pin is not None:
                pins.check_length(found, new_pin, UserType.USER, "new")
            self._sessions.end_all(found)
            with self._sessions.failures_of(found), self._sessions.public_rw(found) as handle:
                self._module.cryptoki.set_pin(handle, bytearray(), new_pin)

    def _remove_what_is_left(self, token: SlotToken, pin: Secret | None) -> None:
        with self._sessions.failures_of(token):
            p11, handle = self._sessions.enter(token, UserType.USER, pin)
            try:
                objects.destroy_everything(p11)
            finally:
                with suppress(CkrError):
                    self._module.cryptoki.logout(handle)
                self._sessions.close_handle(handle)

    def _change(
        self,
        handle: int,
        found: SlotToken,
        user: UserType,
        old: Secret | None,
        new: Secret | None,
    ) -> None:
        with suppress(errors.PinToBeChanged):  # CKR_PIN_EXPIRED: right, and good for just this
            self._sessions.send_pin(handle, user, old, found)
        self._sessions.took(user)
        try:
            with self._sessions.pin_answers(found, user), _of_the_new_pin():
                self._module.cryptoki.set_pin(handle, old, new)
        finally:
            with suppress(CkrError):
                self._module.cryptoki.logout(handle)

    def _erase(
        self, token: SlotToken, so_pin: Secret | None, label: str, *, use_last_attempt: bool
    ) -> SlotToken:
        pins.may_try(token, UserType.SO, so_pin, use_last_attempt=use_last_attempt)
        self._sessions.end_all(token)
        with (
            self._sessions.failures_of(token),
            self._sessions.pin_answers(token, UserType.SO),
        ):
            self._module.cryptoki.init_token(token.slot_id, so_pin, label)
            self._sessions.took(UserType.SO)
            return self._module.cryptoki.token(token.slot_id)


@contextmanager
def _of_the_new_pin() -> Iterator[None]:
    """Say which PIN was not taken, once the old one, or the SO PIN, has been."""
    try:
        yield
    except CkrError as exc:
        if exc.ckr not in {Ckr.PIN_LEN_RANGE, Ckr.PIN_INVALID, Ckr.PIN_TOO_WEAK}:
            raise
        raise errors.PinLength(min=None, max=None, which="new") from exc


@contextmanager
def _capability(name: str) -> Iterator[None]:
    """Say what a token or module cannot do, where its own answer says only "this function"."""
    try:
        yield
    except errors.NotSupported as exc:
        raise errors.NotSupported(capability=name) from exc
    except errors.UnknownFailure as exc:
        # OpenSC, of a card for which it knows no SO that could log in (PIV).
        if name != "unblock_pin" or exc.data.get("ckr") != name_of(Ckr.GENERAL_ERROR):
            raise
        raise errors.NotSupported(capability=name) from exc
