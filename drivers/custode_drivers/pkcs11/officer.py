"""Writing to a token: as its user, or as its security officer (SO) where it wants that.

What a token lets only its SO do is not told anywhere: it is tried as the user, and the refusal is
remembered. User and SO cannot be logged in at once (PKCS #11 v3.1 §5.6): the one goes out, the
other comes in, and back, with one try each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pkcs11

from custode_drivers.api import errors
from custode_drivers.api.types import TokenIdentity
from custode_drivers.pkcs11 import pins
from custode_drivers.pkcs11.ckr import CkrError, only_the_so
from custode_drivers.pkcs11.layout import UserType
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Session, Sessions

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[pkcs11.Session], T]
"""What is written to a token, by the user or by its SO; safe to begin again when refused."""


class Officer:
    """Writes, and knows which methods each token has refused to its user."""

    def __init__(self, module: Module, sessions: Sessions) -> None:
        self._module = module
        self._sessions = sessions
        self._so_only: dict[TokenIdentity, set[str]] = {}

    def so_only(self, identity: TokenIdentity) -> tuple[str, ...]:
        """Return the methods that this token has refused to its user so far."""
        return tuple(sorted(self._so_only.get(identity, ())))

    def write(
        self,
        session: Session,
        method: str,
        work: Work[T],
        *,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> T:
        """Change what is on the token: as the user, or as the SO where the token wants that.

        `as_so`: somebody agreed to that; where PINs are typed on the reader, nothing else tells.

        :raises NeedsSo: nothing was changed, and the SO PIN is not known
        :raises PinError: what the SO PIN met with
        """
        so_only = self._so_only.setdefault(session.token.identity, set())
        so_may = session.so_pin is not None or (as_so and session.on_reader)
        if method not in so_only:
            try:
                return self._as_user(session, work)
            except (CkrError, pkcs11.PKCS11Error) as exc:
                if not only_the_so(exc) or not self._module.holds(session.token):
                    raise
                log.info("%s: %r, so the SO has to", method, exc)
                so_only.add(method)
            if not so_may and not session.on_reader:
                self._sessions.renew(session)  # OpenSC logs the user out with its refusal
        if not so_may:
            raise errors.NeedsSo(capability=method)
        return self._as_so_of(session, work, use_last_attempt=use_last_attempt)

    def _as_user(self, session: Session, work: Work[T]) -> T:
        try:
            return work(session.p11)
        except (CkrError, pkcs11.PKCS11Error) as exc:
            if not self._sessions.renewed(session, exc):
                raise
        return work(session.p11)  # refused twice is refused

    def _as_so_of(self, session: Session, work: Work[T], *, use_last_attempt: bool) -> T:
        # OpenSC answers wrongly about a card it was refused something on, and about a key that it
        # has just made ("16384-bit"): so the module looks anew before and after.
        self._sessions.suspend()
        try:
            done = self._alone_as_so(session, work, use_last_attempt=use_last_attempt)
        except BaseException:
            with suppress(errors.DriverError, CkrError, pkcs11.PKCS11Error):
                self._back(session)
            raise
        self._back(session)
        return done

    def _back(self, session: Session) -> None:
        self._module.refresh()
        self._sessions.resume(session)

    def _alone_as_so(self, session: Session, work: Work[T], *, use_last_attempt: bool) -> T:
        so_pin = session.so_pin.view if session.so_pin is not None else None
        token = self._module.again(session.token)
        pins.may_try(token, UserType.SO, so_pin, use_last_attempt=use_last_attempt)
        try:
            p11, handle = self._sessions.enter(token, UserType.SO, so_pin)
        except errors.PinError:
            del so_pin
            session.forget_so_pin()
            raise
        self._sessions.took(UserType.SO)
        try:
            return work(p11)
        finally:
            with suppress(CkrError):
                self._module.cryptoki.logout(handle)
            self._sessions.close_handle(handle)
