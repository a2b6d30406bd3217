"""Logging in to a token, and the sessions that live as long as its insertion."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pkcs11

from custode_drivers.api import errors
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11.ckr import Ckr, CkrError, Gone, ckr_of, may_mean_gone, translate
from custode_drivers.pkcs11.cryptoki import SlotToken, TokenFlags, UserType
from custode_drivers.pkcs11.module import Module

log = logging.getLogger(__name__)

_FINAL_TRY: Final = {
    UserType.USER: TokenFlags.USER_PIN_FINAL_TRY,
    UserType.SO: TokenFlags.SO_PIN_FINAL_TRY,
}
_LOCKED: Final = {
    UserType.USER: TokenFlags.USER_PIN_LOCKED,
    UserType.SO: TokenFlags.SO_PIN_LOCKED,
}


class PinMark:
    """Tells later whether a secret is the PIN, without keeping the PIN."""

    def __init__(self, pin: bytearray) -> None:
        self._key = secrets.token_bytes(32)
        self._tag = self._mark(pin)

    def matches(self, secret: bytearray) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._tag, self._mark(secret))

    def _mark(self, secret: bytearray) -> bytes:
        return hmac.digest(self._key, secret, "sha256")


@dataclass(frozen=True, slots=True)
class Session:
    """A user's login at one insertion of one token."""

    token: SlotToken
    p11: pkcs11.Session
    handle: int
    mechanisms: frozenset[pkcs11.Mechanism | int]
    pin: PinMark | None
    """None where the PIN was typed on the reader."""
    name: str = field(default_factory=lambda: secrets.token_hex(16))


class Sessions:
    """The open sessions of one module; at most one a token, because a login is per token."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._open: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._open)

    def login(
        self, identity: TokenIdentity, pin: bytearray | None, *, use_last_attempt: bool
    ) -> Session:
        """Log the user in with one try; an older session of this token ends.

        :raises PinError: not sent (locked, last attempt, not set, length), or sent and wrong.
        :raises TokenGone: when this token is not here.
        """
        token = self._module.find(identity)
        if TokenFlags.USER_PIN_INITIALIZED not in token.flags:
            raise errors.PinNotSet
        self.may_try(token, UserType.USER, pin, use_last_attempt=use_last_attempt)
        self.end_all(token)
        with self.failures_of(token):
            slot = self._module.slot(token)
            mechanisms = frozenset(slot.get_mechanisms())
            # Without a PIN, because with one a failed login would leak this session.
            p11 = slot.get_token().open(rw=True)
            handle: int = p11.handle  # type: ignore[attr-defined]  # python-pkcs11's stub lacks it
            try:
                self._login(handle, UserType.USER, pin, token)
            except BaseException:
                self._close_handle(handle)
                raise
        session = Session(token, p11, handle, mechanisms, PinMark(pin) if pin is not None else None)
        self._open[session.name] = session
        return session

    @contextmanager
    def as_so(
        self, token: SlotToken, so_pin: bytearray, *, use_last_attempt: bool
    ) -> Iterator[int]:
        """Log the security officer in for a moment; gives the session's handle.

        :raises PinError: as `login`.
        """
        self.may_try(token, UserType.SO, so_pin, use_last_attempt=use_last_attempt)
        self.end_all(token)
        cryptoki = self._module.cryptoki
        with self.failures_of(token):
            handle = cryptoki.open_session(token.slot_id, rw=True)
            try:
                self._login(handle, UserType.SO, so_pin, token)
                yield handle
            finally:
                with suppress(CkrError):
                    cryptoki.logout(handle)
                self._close_handle(handle)

    @contextmanager
    def use(self, name: str) -> Iterator[Session]:
        """Work in a session; it ends at once when its token turns out to be gone.

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
            # SoftHSM finds nothing, without an error, once its directory was moved away.
            if self._module.holds(session.token):
                raise
            self.end(session)
            raise errors.TokenGone(serial=session.token.serial) from exc

    @contextmanager
    def failures_of(self, token: SlotToken) -> Iterator[None]:
        """Turn what the module raises into our errors; looks whether the token is still there."""
        try:
            yield
        except (CkrError, pkcs11.PKCS11Error) as exc:
            log.info("%r", exc)
            gone = may_mean_gone(exc)
            if gone is Gone.ALWAYS or (gone is Gone.IF_ABSENT and not self._module.holds(token)):
                raise errors.TokenGone(serial=token.serial) from exc
            raise translate(exc) from exc

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
        """Log out and close, as far as the module still answers."""
        self._open.pop(session.name, None)
        with suppress(CkrError):
            self._module.cryptoki.logout(session.handle)
        # Session.close() would stop at a failing C_Logout and never reach C_CloseSession.
        self._close_handle(session.handle)

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

    def check_length(self, token: SlotToken, pin: bytearray) -> None:
        """Hold a PIN against the token's limits. :raises PinLength: nothing was sent."""
        if not (token.min_pin or 1) <= len(pin) <= (token.max_pin or len(pin)):
            raise errors.PinLength(min=token.min_pin, max=token.max_pin)

    def may_try(
        self, token: SlotToken, user: UserType, pin: bytearray | None, *, use_last_attempt: bool
    ) -> None:
        if _LOCKED[user] in token.flags:
            raise errors.PinLocked
        if _FINAL_TRY[user] in token.flags and not use_last_attempt:
            raise errors.PinLastAttempt
        if pin is not None:
            self.check_length(token, pin)

    def _login(self, handle: int, user: UserType, pin: bytearray | None, token: SlotToken) -> None:
        try:
            self._module.cryptoki.login(handle, user, pin)
        except CkrError as exc:
            if ckr_of(exc) != Ckr.PIN_INCORRECT:
                raise
            raise self.wrong_pin(token, user) from exc

    def wrong_pin(self, token: SlotToken, user: UserType) -> errors.PinError:
        """Return what to say after a wrong PIN, from the token's flags as they are now.

        PKCS #11 tells only "the last one" and "none"; whoever has other tries left gets None.
        """
        try:
            flags = self._module.cryptoki.token(token.slot_id).flags
        except CkrError:
            return errors.PinIncorrect(attempts_remaining=None)
        if _LOCKED[user] in flags:
            return errors.PinLocked()
        return errors.PinIncorrect(attempts_remaining=1 if _FINAL_TRY[user] in flags else None)

    def _close_handle(self, handle: int) -> None:
        try:
            self._module.cryptoki.close_session(handle)
        except CkrError as exc:
            log.info("%s", exc)  # it died with its token
