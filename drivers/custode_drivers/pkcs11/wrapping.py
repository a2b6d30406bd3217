"""Keys that leave a token wrapped, and come back into one: AES key wrap with padding (RFC 5649).

The key-encryption key comes through a pipe and becomes an object of the session, so that what it
wraps is never in the clear outside of a token.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from custode_drivers.api import errors
from custode_drivers.api.types import KeyMade, TokenIdentity, Wrapped
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11 import objects, public, templates
from custode_drivers.pkcs11.asked import Fds, cka_id, descriptor
from custode_drivers.pkcs11.ckr import Ckr, CkrError
from custode_drivers.pkcs11.cryptoki import Cryptoki
from custode_drivers.pkcs11.layout import CKF_UNWRAP, CKF_WRAP
from custode_drivers.pkcs11.lent import Secret, Value
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Session, Sessions
from custode_drivers.pkcs11.session_work import SessionWork
from custode_drivers.pkcs11.templates import Template

log = logging.getLogger(__name__)

KEK_BYTES: Final = 32
_WAYS: Final = (Mechanism.AES_KEY_WRAP_KWP, Mechanism.AES_KEY_WRAP_PAD)
"""RFC 5649 by the standard's name (v3.1 §6.15), and by the older one, which SoftHSM 2.6.1 means so;
NSS 3.87 pads by PKCS #7 under that one."""

_KEY_STAYS: Final = frozenset({0x069, 0x06A})
"""CKR_KEY_NOT_WRAPPABLE, CKR_KEY_UNEXTRACTABLE (v3.1 §5.1.6)."""
_NO_SUCH_WRAPPING: Final = frozenset(
    {
        Ckr.FUNCTION_NOT_SUPPORTED,
        Ckr.MECHANISM_INVALID,
        Ckr.MECHANISM_PARAM_INVALID,
        Ckr.ATTRIBUTE_TYPE_INVALID,
        Ckr.ATTRIBUTE_VALUE_INVALID,
        Ckr.TEMPLATE_INCOMPLETE,
        Ckr.TEMPLATE_INCONSISTENT,
        0x063,  # CKR_KEY_TYPE_INCONSISTENT
        0x068,  # CKR_KEY_FUNCTION_NOT_PERMITTED
        *range(0x0F0, 0x0F3),  # CKR_UNWRAPPING_KEY_…
        *range(0x113, 0x116),  # CKR_WRAPPING_KEY_…
    }
)
# What a wrapped key that is not what it should be meets with; SoftHSM says the first.
_NOT_OURS: Final = frozenset(
    {
        Ckr.GENERAL_ERROR,
        Ckr.FUNCTION_FAILED,
        0x020,  # CKR_DATA_INVALID
        0x021,  # CKR_DATA_LEN_RANGE
        0x040,  # CKR_ENCRYPTED_DATA_INVALID
        0x041,  # CKR_ENCRYPTED_DATA_LEN_RANGE
        0x110,  # CKR_WRAPPED_KEY_INVALID
        0x112,  # CKR_WRAPPED_KEY_LEN_RANGE
    }
)
# NSS does not work out the public point of an EC key that it unwraps, and wants to be told it so
# (CKA_NSS_DB of its pkcs11n.h); a PKCS #8 key need not hold one (RFC 5915 §3).
_CKA_NSS_DB: Final = 0xD5A0DB00


def offered(cryptoki: Cryptoki, slot_id: int) -> list[Mechanism]:
    """Return what a token says that it wraps and unwraps with, the surest first."""
    return [way for way in _WAYS if cryptoki.key_sizes(slot_id, way, CKF_WRAP | CKF_UNWRAP)]


class Wrapping:
    """`wrap_key`, `unwrap_key`, `rehearse_unwrap`."""

    def __init__(self, module: Module, sessions: Sessions, work: SessionWork) -> None:
        self._module = module
        self._sessions = sessions
        self._work = work
        self._ways: dict[TokenIdentity, Mechanism] = {}

    def wrap_key(self, fds: Fds, *, session: str, key_id: str) -> Wrapped:
        """Wrap a private key (PKCS #8) under the key-encryption key that comes: RFC 5649.

        Some tokens (SoftHSM) put up to seven zeros behind the PKCS #8 first.

        :raises NotSupported: `copyable_key` when this one may not leave, `wrap_key` when the token
            cannot
        """
        with self._sessions.use(session) as opened:
            private = objects.private_key(opened.p11, cka_id(key_id))
            if not objects.may_leave(private):
                raise errors.NotSupported(capability="copyable_key")
            way = self._way(opened)
            with (
                _refusals(),
                _kek(fds) as secret,
                self._as_object(opened, secret) as kek,
            ):
                handle = int(private.handle or 0)
                return Wrapped(self._module.cryptoki.wrap_key(opened.handle, way, kek, handle))

    def unwrap_key(
        self,
        fds: Fds,
        *,
        session: str,
        wrapped: bytes,
        public_key: bytes,
        key_id: str,
        label: str,
        stay: bool = True,
    ) -> KeyMade:
        """Unwrap what `wrap_key` made, never to leave again, and have it prove itself.

        `stay`: on the token; else it is an object of this session, gone when this ends.

        :raises IntegrityError: `wrapped_key` for another key-encryption key and for what is not
            ours; `challenge` when the key is not the one of `public_key`
        :raises NotSupported: `wrap_key` when the token cannot
        :raises KeyExists: when there is something under this id
        """
        half = public.load(public_key)
        name = cka_id(key_id) if stay else secrets.token_bytes(16)
        with self._sessions.use(session) as opened:
            if name in objects.used_ids(opened.p11):
                raise errors.KeyExists(key_id=key_id)
            way = self._way(opened)
            with _refusals(), _kek(fds) as secret:
                self._unwrap(opened, way, secret, wrapped, half, name, label, stay=stay)
            try:
                self._check(opened, name, half)
                if stay:
                    named: Template = {Attribute.ID: name, Attribute.LABEL: label}
                    half_on_token = templates.of_public_half(half) | named
                    objects.create(opened.p11, half_on_token | {Attribute.TOKEN: True})
            except BaseException:
                with suppress(pkcs11.PKCS11Error):
                    objects.destroy_all(opened.p11, name)
                raise
            if not stay:
                objects.destroy_all(opened.p11, name)
        return KeyMade(name.hex(), public_key)

    def rehearse_unwrap(self, fds: Fds, *, session: str, public_key: bytes) -> dict[str, str]:
        """Unwrap a throw-away key of the same kind, which lives for this call only.

        :raises NotSupported: `wrap_key` when the token cannot
        """
        half = public.load(public_key)
        throw_away: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
            rsa.generate_private_key(65537, half.key_size)
            if isinstance(half, rsa.RSAPublicKey)
            else ec.generate_private_key(half.curve)
        )
        pkcs8 = throw_away.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        kek = bytearray(secrets.token_bytes(KEK_BYTES))
        wrapped = aes_key_wrap_with_padding(bytes(kek), pkcs8)
        name = secrets.token_bytes(16)
        half = throw_away.public_key()
        with self._sessions.use(session) as opened:
            way = self._way(opened)
            try:
                with _refusals():
                    self._unwrap(opened, way, kek, wrapped, half, name, "rehearsal", stay=False)
                self._check(opened, name, half)
            except errors.IntegrityError as exc:
                raise errors.NotSupported(capability="wrap_key") from exc
            finally:
                with suppress(pkcs11.PKCS11Error):
                    objects.destroy_all(opened.p11, name)
        return {}

    def _unwrap(
        self,
        session: Session,
        way: Mechanism,
        secret: Secret,
        wrapped: bytes,
        half: public.PublicKey,
        name: bytes,
        label: str,
        *,
        stay: bool,
    ) -> None:
        template = templates.STAYS | {
            Attribute.KEY_TYPE: KeyType.RSA if isinstance(half, rsa.RSAPublicKey) else KeyType.EC,
            Attribute.TOKEN: stay,
            Attribute.ID: name,
            Attribute.LABEL: label,
        }
        attributes: dict[int, Value] = dict(templates.packed(template))
        cryptoki = self._module.cryptoki
        with self._as_object(session, secret) as kek:
            try:
                cryptoki.unwrap_key(session.handle, way, kek, wrapped, attributes)
            except CkrError as exc:
                if exc.ckr in _NOT_OURS and self._module.holds(session.token):
                    raise errors.IntegrityError(what="wrapped_key") from exc
                if exc.ckr != Ckr.TEMPLATE_INCOMPLETE or isinstance(half, rsa.RSAPublicKey):
                    raise
                log.info("%s: told the point", exc)
                attributes[_CKA_NSS_DB] = templates.point(half)
                cryptoki.unwrap_key(session.handle, way, kek, wrapped, attributes)

    def _check(self, session: Session, name: bytes, half: public.PublicKey) -> None:
        private = objects.private_key(session.p11, name)
        if objects.may_leave(private):
            raise errors.IntegrityError(what="key_extractable")
        self._work.challenged(session, name, half)

    def _way(self, session: Session) -> Mechanism:
        """Return the mechanism that is RFC 5649 on this token, found out with a throw-away key.

        :raises NotSupported: when none is
        """
        known = self._ways.get(session.token.identity)
        if known is None:
            for way in offered(self._module.cryptoki, session.token.slot_id):
                if self._is_rfc_5649(session, way):
                    known = self._ways[session.token.identity] = way
                    break
            else:
                raise errors.NotSupported(capability="wrap_key")
        return known

    def _is_rfc_5649(self, session: Session, way: Mechanism) -> bool:
        kek, known = (bytearray(secrets.token_bytes(KEK_BYTES)) for _ in range(2))
        try:
            with (
                self._as_object(session, kek) as wrapping,
                self._as_object(session, known, may_leave=True) as key,
            ):
                wrapped = self._module.cryptoki.wrap_key(session.handle, way, wrapping, key)
            return aes_key_unwrap_with_padding(bytes(kek), wrapped) == known
        except CkrError as exc:
            if not self._module.holds(session.token):
                raise
            log.info("%s: %s", way.name, exc)
        except (InvalidUnwrap, ValueError):
            log.info("%s is not RFC 5649 on this token", way.name)
        return False

    @contextmanager
    def _as_object(
        self, session: Session, secret: Secret, *, may_leave: bool = False
    ) -> Iterator[int]:
        """Make a secret an AES key of the session; gives its handle."""
        told = templates.packed(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.TOKEN: False,
                Attribute.PRIVATE: True,
                Attribute.SENSITIVE: not may_leave,
                Attribute.EXTRACTABLE: may_leave,
                Attribute.WRAP: not may_leave,
                Attribute.UNWRAP: not may_leave,
            }
        )
        cryptoki = self._module.cryptoki
        handle = cryptoki.create_object(session.handle, {**told, Attribute.VALUE: secret})
        try:
            yield handle
        finally:
            with suppress(CkrError):
                cryptoki.destroy_object(session.handle, handle)


@contextmanager
def _kek(fds: Fds) -> Iterator[bytearray]:
    with secret_from(descriptor(fds, 0)) as secret:
        if len(secret) != KEK_BYTES:
            raise errors.SecretMissing(why="length")
        yield secret


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what the key or its token cannot do, where a module has said so."""
    try:
        yield
    except CkrError as exc:
        if exc.ckr in _KEY_STAYS:
            raise errors.NotSupported(capability="copyable_key") from exc
        if exc.ckr in _NO_SUCH_WRAPPING:
            log.info("%s", exc)
            raise errors.NotSupported(capability="wrap_key") from exc
        raise
