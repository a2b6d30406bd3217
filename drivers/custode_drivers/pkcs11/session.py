"""Logging in to a token, and the sessions that live as long as its insertion.

A card is held for one operation of ours at a time, and shared: whoever logs in here logs out when
the procedure ends, and nothing is open in between.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pkcs11

from custode_drivers.api import errors
from custode_drivers.api.types import TokenIdentity
from custode_drivers.channel.kept import CannotLock, KeptSecret
from custode_drivers.pkcs11 import objects, pins
from custode_drivers.pkcs11.ckr import (
    Ckr,
    CkrError,
    Gone,
    ckr_of,
    may_be_broken_off,
    may_be_busy,
    may_mean_gone,
    translate,
)
from custode_drivers.pkcs11.cryptoki import SlotToken
from custode_drivers.pkcs11.layout import TokenFlags, UserType
from custode_drivers.pkcs11.lent import Secret
from custode_drivers.pkcs11.module import Module

log = logging.getLogger(__name__)

_PIN_ANSWERS: Final = frozenset(
    {Ckr.PIN_INCORRECT, Ckr.PIN_LOCKED, Ckr.PIN_LEN_RANGE, Ckr.PIN_INVALID, Ckr.PIN_EXPIRED}
)


@dataclass(slots=True, eq=False)
class Session:
    """A user's login at one insertion of one token; `keep` and `forget` are about its secrets."""

    token: SlotToken
    p11: pkcs11.Session
    handle: int
    mechanisms: frozenset[int]
    mark: pins.PinMark | None = None
    """None where the PIN was typed on the reader."""
    name: str = field(default_factory=lambda: secrets.token_hex(16))
    pin: KeptSecret | None = None
    """For keys that want it at each use, and to log in again after the SO was."""
    so_pin: KeptSecret | None = None
    pkcs8: KeptSecret | None = None
    """A private key whose import was refused to the user, until the SO PIN comes."""

    @property
    def on_reader(self) -> bool:
        """Whether PINs are typed on the reader and never pass through us."""
        return TokenFlags.PROTECTED_AUTHENTICATION_PATH in self.token.flags

    def forget(self) -> None:
        """Wipe every secret."""
        for secret in (self.pin, self.so_pin, self.pkcs8):
            if secret is not None:
                secret.wipe()
        self.pin = self.so_pin = self.pkcs8 = None

    def forget_key(self) -> None:
        if self.pkcs8 is not None:
            self.pkcs8.wipe()
        self.pkcs8 = None

    def forget_so_pin(self) -> None:
        if self.so_pin is not None:
            self.so_pin.wipe()
        self.so_pin = None


def keep(secret: Secret) -> KeptSecret | None:
    """Keep a secret for the session; None where the system locks no memory: it is not kept."""
    try:
        return KeptSecret(secret)
    except CannotLock as exc:
        log.warning("no memory can be locked: %s", exc)
        return None


class Sessions:
    """The open sessions of one module; at most one a token, because a login is per token."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._open: dict[str, Session] = {}
        self.accepted: Final[set[str]] = set()
        """Whose PINs (`user`, `so`) came with the call that runs, and were right."""

    def __len__(self) -> int:
        return len(self._open)

    def login(
        self,
        identity: TokenIdentity,
        pin: bytearray | None,
        *,
        use_last_attempt: bool,
        key_id: bytes | None = None,
    ) -> Session:
        """Log the user in with one try; an older session of this token ends.

        `key_id`: which key is meant, where a card has several PINs (`Module.doors`).

        :raises PinError: not sent (locked, last attempt, not set, length), or sent and wrong.
        :raises TokenGone: when this token is not here.
        """
        token = self.door(identity, key_id)
        if not pins.is_set(token):
            raise errors.PinNotSet(role="user")
        pins.may_try(token, UserType.USER, pin, use_last_attempt=use_last_attempt)
        self.end_all(token)
        with self.failures_of(token):
            mechanisms = self._module.cryptoki.mechanisms(token.slot_id)
            p11, handle = self.enter(token, UserType.USER, pin)
        self.took(UserType.USER)
        session = Session(token, p11, handle, mechanisms)
        if pin is not None:
            session.mark, session.pin = pins.PinMark(pin), keep(pin)
        self._open[session.name] = session
        return session

    def door(self, identity: TokenIdentity, key_id: bytes | None = None) -> SlotToken:
        """Return the slot in which a key lies, seen without a PIN; else the first (`doors`)."""
        doors = self._module.doors(identity)
        if len(doors) == 1:
            return doors[0]
        with self.failures_of(doors[0]):
            carries = [door for door in doors if self._carries(door, key_id)]
        return carries[0] if carries and (key_id is not None or len(carries) == 1) else doors[0]

    @contextmanager
    def public(self, token: SlotToken) -> Iterator[pkcs11.Session]:
        """Open a session in which nobody is logged in."""
        session = self._module.slot(token).get_token().open()
        try:
            yield session
        finally:
            with suppress(pkcs11.PKCS11Error):
                session.close()  # it never logged in, so this is C_CloseSession alone

    @contextmanager
    def as_so(
        self, token: SlotToken, so_pin: Secret | None, *, use_last_attempt: bool
    ) -> Iterator[int]:
        """Log the security officer in for a moment; gives the session's handle.

        :raises PinError: as `login`.
        """
        pins.may_try(token, UserType.SO, so_pin, use_last_attempt=use_last_attempt)
        self.end_all(token)
        with self.failures_of(token), self.public_rw(token) as handle:
            self.send_pin(handle, UserType.SO, so_pin, token)
            self.took(UserType.SO)
            try:
                yield handle
            finally:
                with suppress(CkrError):
                    self._module.cryptoki.logout(handle)

    @contextmanager
    def public_rw(self, token: SlotToken) -> Iterator[int]:
        """Open a session in which things may be changed; gives its handle."""
        handle = self._module.cryptoki.open_session(token.slot_id, rw=True)
        try:
            yield handle
        finally:
            self.close_handle(handle)

    @contextmanager
    def use(self, name: str) -> Iterator[Session]:
        """Work in a session; it ends at once when its token turns out to be gone.

        It ends with a PIN that is wrong all of a sudden too: none is tried twice.

        :raises SessionUnknown: when there is no such session. :raises TokenGone: see above.
        """
        session = self._open.get(name)
        if session is None:
            raise errors.SessionUnknown
        if not self._module.holds(session.token):
            self.end(session)
            raise errors.TokenGone(serial=session.token.serial)
        try:
            with self.failures_of(session.token):
                yield session
        except (errors.TokenGone, errors.SessionUnknown):
            self.end(session)
            raise
        except errors.NoSuchKey as exc:
            # SoftHSM finds nothing, without an error, once its directory was moved away; nor does
            # ykcs11 when the card has been out, though it is in again.
            if self._module.holds(session.token) and self._is_logged_in(session):
                raise
            self.end(session)
            raise errors.TokenGone(serial=session.token.serial) from exc

    def _is_logged_in(self, session: Session) -> bool:
        try:
            return self._module.cryptoki.is_logged_in(session.handle)
        except CkrError as exc:
            return exc.ckr == Ckr.FUNCTION_NOT_SUPPORTED  # then nobody knows better

    def authentication(self, session: Session) -> Callable[[], None]:
        """Return what logs in for one use of a key that wants that (CKU_CONTEXT_SPECIFIC, §5.6.8).

        :raises NotSupported: when the PIN could not be kept
        """
        kept = session.pin
        if kept is None and not session.on_reader:
            raise errors.NotSupported(capability="always_authenticate")

        def login() -> None:
            now = self._module.cryptoki.token(session.token.slot_id)
            pin = kept.view if kept is not None else None
            pins.may_try(now, UserType.CONTEXT_SPECIFIC, pin, use_last_attempt=False)
            try:
                self.send_pin(session.handle, UserType.CONTEXT_SPECIFIC, pin, session.token)
            except errors.PinError:
                self.end(session)  # whoever changed it meanwhile: this one is not sent again
                raise

        return login

    @contextmanager
    def failures_of(self, token: SlotToken) -> Iterator[None]:
        """Turn what the module raises into our errors; looks whether the token is still there."""
        try:
            yield
        except (CkrError, pkcs11.PKCS11Error) as exc:
            log.info("%r", exc)
            gone = may_mean_gone(exc)
            absent = self._module.lost if may_be_broken_off(exc) else self._is_absent
            if gone is Gone.ALWAYS or (gone is Gone.IF_ABSENT and absent(token)):
                raise errors.TokenGone(serial=token.serial) from exc
            if may_be_busy(exc):
                self._module.refuse_if_held()
            raise translate(exc) from exc

    def _is_absent(self, token: SlotToken) -> bool:
        return not self._module.holds(token)

    def check_token(self, name: str, identity: TokenIdentity) -> None:
        """Hold a session against the token the caller means.

        :raises SessionUnknown: when it is of another token.
        """
        session = self._open.get(name)
        if session is not None and session.token.identity != identity:
            raise errors.SessionUnknown

    def drop_gone(self) -> None:
        """End the sessions whose token is no longer there."""
        for session in list(self._open.values()):
            if not self._module.holds(session.token):
                self.end(session)

    def end(self, session: Session) -> None:
        """Log out and close, as far as the module still answers, and wipe."""
        self._open.pop(session.name, None)
        session.forget()
        self._shut(session)

    def end_by_name(self, name: str) -> None:
        """End a session. :raises SessionUnknown: when there is no such session."""
        session = self._open.get(name)
        if session is None:
            raise errors.SessionUnknown
        self.end(session)

    def end_all(self, token: SlotToken | None = None) -> None:
        """End the sessions of one token, or all."""
        for session in list(self._open.values()):
            if token is None or session.token.identity == token.identity:
                self.end(session)

    def send_pin(self, handle: int, user: UserType, pin: Secret | None, token: SlotToken) -> None:
        """C_Login, once; `None` where the PIN is typed on the reader.

        :raises PinError: with whose PIN it was, and what is left
        """
        with self.pin_answers(token, user):
            self._module.cryptoki.login(handle, user, pin)

    def took(self, user: UserType) -> None:
        """Note that the token took a PIN: whatever fails from now on, no try of it was spent."""
        self.accepted.add(pins.role_of(user))

    @contextmanager
    def pin_answers(self, token: SlotToken, user: UserType) -> Iterator[None]:
        """Turn what the module says of a PIN that was just sent into our errors."""
        try:
            yield
        except CkrError as exc:
            if ckr_of(exc) == Ckr.PIN_INCORRECT:
                raise pins.wrong_pin(self._module.cryptoki, token, user) from exc
            if exc.ckr not in _PIN_ANSWERS:
                raise
            told = translate(exc)
            raise type(told)(**told.data, role=pins.role_of(user)) from exc

    # --- as the user, as the SO, and back (`officer`) ----------------------------------------

    def renewed(self, session: Session, exc: CkrError | pkcs11.PKCS11Error) -> bool:
        """Log the user in again, if that may mend a failure; then it is worth one more try.

        The login may have got lost (another program reset the card). And a TPM without a resource
        manager has room for few keys, which tpm2-pkcs11 leaves there until the logout.
        """
        ckr = ckr_of(exc)
        full = ckr == Ckr.GENERAL_ERROR and not session.token.removable
        if session.pin is None or not (full or ckr == Ckr.USER_NOT_LOGGED_IN):
            return False
        if not self._module.holds(session.token):
            return False
        self.renew(session)
        return True

    def renew(self, session: Session) -> None:
        """Have the user logged in again, in a module that forgot what it remembers of the card."""
        self.suspend()
        self.resume(session)

    def suspend(self) -> None:
        """Close every session, because C_Finalize would, and have the module look anew."""
        for session in self._open.values():
            self._shut(session)
        self._module.refresh()

    def resume(self, wanted: Session) -> None:
        """Log in to every session again. :raises DriverError: why the one wanted is lost."""
        for session in list(self._open.values()):
            try:
                if session.pin is None and not session.on_reader:
                    raise errors.SessionUnknown
                token = self._module.again(session.token)
                with self.failures_of(token):
                    pin = session.pin.view if session.pin is not None else None
                    # Somebody else may have spent tries, or changed it, meanwhile.
                    pins.may_try(token, UserType.USER, pin, use_last_attempt=False)
                    session.p11, session.handle = self.enter(token, UserType.USER, pin)
                session.token = token
            except errors.DriverError as exc:
                log.warning("a session is lost: %s", exc)
                self._open.pop(session.name, None)
                session.forget()
                if session is wanted:
                    raise

    def enter(
        self, token: SlotToken, user: UserType, pin: Secret | None
    ) -> tuple[pkcs11.Session, int]:
        """Open a session and log in to it, with one try. :raises PinError: as `send_pin`."""
        # Without a PIN, because with one a failed login would leak this session.
        p11 = self._module.slot(token).get_token().open(rw=True)
        handle = objects.handle_of(p11)
        try:
            self.send_pin(handle, user, pin, token)
        except BaseException:
            self.close_handle(handle)
            raise
        return p11, handle

    def _carries(self, door: SlotToken, key_id: bytes | None) -> bool:
        with self.public(door) as session:
            ids = objects.used_ids(session)
        return bool(ids) if key_id is None else key_id in ids

    def _shut(self, session: Session) -> None:
        with suppress(CkrError):
            self._module.cryptoki.logout(session.handle)
        # Session.close() would stop at a failing C_Logout and never reach C_CloseSession.
        self.close_handle(session.handle)

    def close_handle(self, handle: int) -> None:
        """C_CloseSession, as far as the module still answers."""
        try:
            self._module.cryptoki.close_session(handle)
        except CkrError as exc:
            log.info("%s", exc)  # it died with its token
