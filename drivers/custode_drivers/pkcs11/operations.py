"""What a token worker can be asked: one method a function, each a thin story over the parts.

`fds` are the descriptors of the request, in the order that the method table names them; whoever
dispatches closes them afterwards. `session` and `key_id` are as in `custode_drivers.api.types`.
"""

from __future__ import annotations

import inspect
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
import pkcs11
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from custode_drivers.api import errors
from custode_drivers.api.types import (
    Challenged,
    KeyMade,
    KeySpec,
    LoggedIn,
    TokenIdentity,
    TokenInfo,
    UnreadableToken,
)
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11 import keys, objects, public
from custode_drivers.pkcs11.ckr import Ckr, CkrError
from custode_drivers.pkcs11.cryptoki import SlotToken, TokenFlags, UserType
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Session, Sessions

Fds = Sequence[int]

_MAX_PKCS8: Final = 8192
_CHALLENGE_BYTES: Final = 32


class BadRequest(errors.DriverError):
    """The daemon asked for what does not exist, or with parameters that do not fit."""

    code = "bad_request"


class Operations:
    """The methods over one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._sessions = Sessions(module)
        # What may be asked by name, and the descriptors each one takes.
        self._methods: Final[dict[str, Callable[..., Any]]] = {
            "list": self.list,
            "init_token": self.init_token,  # so_pin
            "init_pin": self.init_pin,  # so_pin, new_pin
            "check_so_pin": self.check_so_pin,  # so_pin
            "reset_token": self.reset_token,  # so_pin, new_pin
            "login": self.login,  # pin
            "logout": self.logout,
            "generate_key": self.generate_key,
            "csr": self.csr,
            "sign": self.sign,
            "challenge": self.challenge,
            "install_certificate": self.install_certificate,
            "remove_certificate": self.remove_certificate,
            "destroy_key": self.destroy_key,
            "import_key": self.import_key,  # pkcs8
            "relay_distinct": self.relay_distinct,  # secret in, write end of a pipe out
        }

    def run(self, name: str, fds: Fds, params: Mapping[str, Any]) -> Any:
        """Run a method by its name.

        `token` is the map of a TokenIdentity; told beside a `session`, it must fit.

        :raises BadRequest: when there is no such method, or the parameters do not fit it.
        """
        method = self._methods.get(name)
        if method is None:
            raise BadRequest(why=f"no method {name}")
        given = dict(params)
        if "token" in given:
            given["token"] = _identity(given["token"])
            if "session" in given:
                self._sessions.check_token(given["session"], given.pop("token"))
        try:
            inspect.signature(method).bind(fds, **given)
        except TypeError as exc:
            raise BadRequest(why=str(exc)) from exc
        return method(fds, **given)

    def close(self) -> None:
        """End all sessions and let go of the module."""
        self._sessions.end_all()
        self._module.close()

    def list(self, fds: Fds) -> list[TokenInfo | UnreadableToken]:
        """Tokens as they are now. While a session is open the slot list is not made anew.

        One that cannot be read does not keep the others from being listed.
        """
        self._sessions.drop_gone()
        if not self._sessions:
            self._module.refresh()
        answering, mute = self._module.survey()
        rows: list[TokenInfo | UnreadableToken] = [UnreadableToken(str(exc)) for exc in mute]
        for token in answering:
            try:
                rows.append(self._described(token))
            except (CkrError, pkcs11.PKCS11Error, errors.TokenGone) as exc:
                if self._module.is_occupied(token.slot_id):  # else it was pulled out meanwhile
                    rows.append(UnreadableToken(repr(exc)))
        return rows

    def init_token(
        self,
        fds: Fds,
        *,
        token: TokenIdentity,
        label: str,
        force: bool = False,
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """C_InitToken: erases the token. One that carries a user PIN only with `force`."""
        found = self._module.find(token)
        if TokenFlags.USER_PIN_INITIALIZED in found.flags and not force:
            raise errors.AlreadyInitialized(serial=token.serial)
        with secret_from(_fd(fds, 0)) as so_pin:
            self._erase(found, so_pin, label, use_last_attempt=use_last_attempt)
        return {"serial": token.serial, "label": label}

    def _erase(
        self, token: SlotToken, so_pin: bytearray, label: str, *, use_last_attempt: bool
    ) -> None:
        self._sessions.may_try(token, UserType.SO, so_pin, use_last_attempt=use_last_attempt)
        self._sessions.end_all(token)
        with self._sessions.failures_of(token):
            try:
                self._module.cryptoki.init_token(token.slot_id, so_pin, label)
            except CkrError as exc:
                if exc.ckr != Ckr.PIN_INCORRECT:
                    raise
                raise self._sessions.wrong_pin(token, UserType.SO) from exc

    def init_pin(
        self, fds: Fds, *, token: TokenIdentity, force: bool = False, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """C_InitPIN as SO: gives a token its user PIN; a new one in its place only with `force`."""
        found = self._module.find(token)
        if TokenFlags.USER_PIN_INITIALIZED in found.flags and not force:
            raise errors.AlreadyInitialized(serial=token.serial)
        with secret_from(_fd(fds, 0)) as so_pin, secret_from(_fd(fds, 1)) as new_pin:
            self._sessions.check_length(found, new_pin)
            with self._sessions.as_so(found, so_pin, use_last_attempt=use_last_attempt) as handle:
                self._module.cryptoki.init_pin(handle, new_pin)
        return {}

    def check_so_pin(
        self, fds: Fds, *, token: TokenIdentity, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """Log in as SO and out again: tells a wrong SO PIN before anything hangs on it."""
        found = self._module.find(token)
        with (
            secret_from(_fd(fds, 0)) as so_pin,
            self._sessions.as_so(found, so_pin, use_last_attempt=use_last_attempt),
        ):
            return {}

    def reset_token(
        self, fds: Fds, *, token: TokenIdentity, label: str, use_last_attempt: bool = False
    ) -> dict[str, str]:
        """C_InitToken and C_InitPIN: everything on the token is gone, and its PIN is a new one.

        The new PIN's length is judged before anything is erased.
        """
        found = self._module.find(token)
        with secret_from(_fd(fds, 0)) as so_pin, secret_from(_fd(fds, 1)) as new_pin:
            self._sessions.check_length(found, new_pin)
            self._erase(found, so_pin, label, use_last_attempt=use_last_attempt)
            empty = self._module.find(token)
            with self._sessions.as_so(empty, so_pin, use_last_attempt=use_last_attempt) as handle:
                self._module.cryptoki.init_pin(handle, new_pin)
        return {"serial": token.serial, "label": label}

    def login(self, fds: Fds, *, token: TokenIdentity, use_last_attempt: bool = False) -> LoggedIn:
        """One try with the PIN, and what it opens."""
        if not fds and self._on_reader(token):
            session = self._sessions.login(token, None, use_last_attempt=use_last_attempt)
        else:
            with secret_from(_fd(fds, 0)) as pin:
                session = self._sessions.login(token, pin, use_last_attempt=use_last_attempt)
        with self._sessions.use(session.name):
            return LoggedIn(session.name, objects.private_keys(session.p11))

    def logout(self, fds: Fds, *, session: str) -> dict[str, str]:
        """End a session."""
        self._sessions.end_by_name(session)
        return {}

    def generate_key(
        self,
        fds: Fds,
        *,
        session: str,
        spec: str,
        label: str,
        copyable: bool = False,
        again: bool = False,
    ) -> KeyMade:
        """Make a key pair on the token; `again` takes away first what a broken-off making left."""
        kind = _spec(spec)
        with self._sessions.use(session) as opened:
            if again:
                objects.remove_lone_halves(opened.p11, label)
            return objects.generate(opened.p11, kind, label, copyable=copyable)

    def csr(self, fds: Fds, *, session: str, key_id: str, common_name: str) -> dict[str, bytes]:
        """Make a PKCS #10 request (RFC 2986) signed by the token; its subject is the CN alone."""
        with self._sessions.use(session) as opened:
            request = (
                x509.CertificateSigningRequestBuilder()
                .subject_name(objects.subject_of(common_name))
                .sign(_key(opened, key_id), SHA256())
            )
        if not request.is_signature_valid:
            raise errors.IntegrityError(what="csr_signature")
        return {"csr": request.public_bytes(Encoding.DER)}

    def sign(
        self,
        fds: Fds,
        *,
        session: str,
        key_id: str,
        data: bytes,
        hash: str = "sha256",  # noqa: A002 - its name in the method table
    ) -> dict[str, bytes]:
        """Sign data (PKCS #1 v1.5 or ECDSA DER)."""
        algorithm = keys.HASHES.get(hash)
        if algorithm is None:
            raise errors.NotSupported(capability=f"hash {hash}")
        with self._sessions.use(session) as opened:
            return {"signature": keys.sign(_key(opened, key_id), data, algorithm)}

    def challenge(self, fds: Fds, *, session: str, key_id: str, public_key: bytes) -> Challenged:
        """Have fresh bytes signed and check them with the public key that the caller trusts."""
        with self._sessions.use(session) as opened:
            return _challenged(opened, key_id, public.load(public_key))

    def install_certificate(
        self, fds: Fds, *, session: str, key_id: str, der: bytes, label: str
    ) -> dict[str, str]:
        """Write a certificate beside its key and read it back."""
        with self._sessions.use(session) as opened:
            objects.install_certificate(opened.p11, _id(key_id), der, label)
        return {}

    def remove_certificate(self, fds: Fds, *, session: str, key_id: str) -> dict[str, str]:
        """Destroy the certificates of a key."""
        with self._sessions.use(session) as opened:
            objects.remove_certificates(opened.p11, _id(key_id))
        return {}

    def destroy_key(self, fds: Fds, *, session: str, key_id: str) -> dict[str, str]:
        """Destroy a key pair."""
        with self._sessions.use(session) as opened:
            objects.destroy_key(opened.p11, _id(key_id))
        return {}

    def import_key(self, fds: Fds, *, session: str, label: str, key_id: str) -> KeyMade:
        """Write a PKCS #8 key, never to be read again, and have it prove itself."""
        with (
            self._sessions.use(session) as opened,
            secret_from(_fd(fds, 0), limit=_MAX_PKCS8) as pkcs8,
        ):
            name = _id(key_id)
            made, half = objects.import_key(opened.p11, name, label, pkcs8)
            try:
                _challenged(opened, key_id, half)
            except (errors.IntegrityError, pkcs11.PKCS11Error):
                with suppress(pkcs11.PKCS11Error, errors.DriverError):
                    objects.destroy_key(opened.p11, name)
                raise
            return made

    def relay_distinct(self, fds: Fds, *, session: str) -> dict[str, str]:
        """Pass a secret on, unless it is the PIN this session was opened with."""
        with self._sessions.use(session) as opened, secret_from(_fd(fds, 0)) as secret:
            if opened.pin is None:
                raise errors.NotSupported(capability="pin_comparison")
            if opened.pin.matches(secret):
                raise errors.PinEqual
            try:
                os.write(_fd(fds, 1), secret)  # at most 1024 bytes: a pipe takes them at once
            except OSError as exc:
                raise errors.SecretMissing(why="nobody_reads") from exc
        return {}

    def _on_reader(self, token: TokenIdentity) -> bool:
        return TokenFlags.PROTECTED_AUTHENTICATION_PATH in self._module.find(token).flags

    def _described(self, token: SlotToken) -> TokenInfo:
        flags = token.flags
        with self._read_only(token) as session:
            return TokenInfo(
                manufacturer=token.manufacturer,
                model=token.model,
                serial=token.serial,
                label=token.label,
                initialized=TokenFlags.TOKEN_INITIALIZED in flags,
                user_pin_initialized=TokenFlags.USER_PIN_INITIALIZED in flags,
                pin_count_low=TokenFlags.USER_PIN_COUNT_LOW in flags,
                pin_final_try=TokenFlags.USER_PIN_FINAL_TRY in flags,
                pin_locked=TokenFlags.USER_PIN_LOCKED in flags,
                so_pin_count_low=TokenFlags.SO_PIN_COUNT_LOW in flags,
                so_pin_final_try=TokenFlags.SO_PIN_FINAL_TRY in flags,
                so_pin_locked=TokenFlags.SO_PIN_LOCKED in flags,
                login_required=TokenFlags.LOGIN_REQUIRED in flags,
                protected_path=TokenFlags.PROTECTED_AUTHENTICATION_PATH in flags,
                removable=token.removable,
                min_pin=token.min_pin,
                max_pin=token.max_pin,
                mechanisms=self._mechanisms(token),
                certificates=objects.certificates(session) if session is not None else (),
                public_keys=objects.public_keys(session) if session is not None else (),
            )

    def _mechanisms(self, token: SlotToken) -> tuple[str, ...]:
        # python-pkcs11 leaves those it has no name for as numbers, whatever its stub says.
        offered: Iterable[pkcs11.Mechanism | int] = self._module.slot(token).get_mechanisms()
        return tuple(
            sorted(m.name if isinstance(m, pkcs11.Mechanism) else f"{m:#x}" for m in offered)
        )

    @contextmanager
    def _read_only(self, token: SlotToken) -> Iterator[pkcs11.Session | None]:
        if TokenFlags.TOKEN_INITIALIZED not in token.flags:
            yield None  # it has no session to open
            return
        session = self._module.slot(token).get_token().open()
        try:
            yield session
        finally:
            with suppress(pkcs11.PKCS11Error):
                session.close()  # it never logged in, so this is C_CloseSession alone


def _fd(fds: Fds, index: int) -> int:
    if index >= len(fds):
        raise errors.SecretMissing(why="no_descriptor")
    return fds[index]


def _identity(told: object) -> TokenIdentity:
    try:
        return msgspec.convert(told, TokenIdentity)
    except msgspec.ValidationError as exc:
        raise BadRequest(why=f"token: {exc}") from exc


def _id(key_id: str) -> bytes:
    try:
        return bytes.fromhex(key_id)
    except ValueError as exc:
        raise errors.NoSuchKey(key_id=key_id) from exc


def _spec(name: str) -> KeySpec:
    try:
        return KeySpec(name)
    except ValueError as exc:
        raise errors.NotSupported(capability=f"key {name}") from exc


def _key(session: Session, key_id: str) -> keys.TokenKey:
    private = objects.private_key(session.p11, _id(key_id))
    half = public.public_of(session.p11, private)
    if half is None:
        raise errors.NotSupported(capability="public_key")
    return keys.token_key(private, half, session.mechanisms)


def _challenged(session: Session, key_id: str, trusted: public.PublicKey) -> Challenged:
    key = _key(session, key_id)
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    signature = keys.sign(key, challenge, SHA256())
    try:
        keys.verify(trusted, signature, challenge, SHA256())
    except InvalidSignature as exc:  # also when the two are not even of one kind
        raise errors.IntegrityError(what="challenge") from exc
    return Challenged(challenge, signature)
