"""What changes the keys and certificates of a token that somebody is logged in to.

Every method takes `as_so`: the SO PIN comes as the first descriptor then (none where it is typed on
the reader), and serves, once the token has taken it, for the rest of the session.
`use_last_attempt` is about that PIN.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pkcs11

from custode_drivers.api import errors
from custode_drivers.api.types import KeyMade, KeySpec
from custode_drivers.channel.kept import KeptSecret
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11 import generating, objects, public, templates, wrapping
from custode_drivers.pkcs11.asked import Fds, cka_id, descriptor, key_spec
from custode_drivers.pkcs11.ckr import Ckr, CkrError, ckr_of
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.officer import Officer, T, Work
from custode_drivers.pkcs11.session import Session, Sessions, keep
from custode_drivers.pkcs11.session_work import SessionWork

_MAX_PKCS8: Final = 8192


class Writing:
    """`generate_key`, `import_key`, `destroy_key`, `install_certificate`, `remove_certificate`."""

    def __init__(
        self, module: Module, sessions: Sessions, officer: Officer, work: SessionWork
    ) -> None:
        self._module = module
        self._sessions = sessions
        self._officer = officer
        self._session_work = work

    def generate_key(  # noqa: PLR0913 - one parameter a field of the request
        self,
        fds: Fds,
        *,
        session: str,
        spec: str,
        label: str,
        copyable: bool = False,
        key_id: str | None = None,
        overwrite: bool = False,
        again: bool = False,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> KeyMade:
        """Make a key pair on the token; `key_id`: in that place, over what is there by `overwrite`.

        `again`: take away first what a making that broke off left.

        `copyable`: it may leave the token, wrapped, and only so.

        :raises NotSupported: with what it `can_make`, when it does not make such a key; `copyable`
            or `wrap_key` when it makes none that could be copied
        :raises KeyExists: when the place is taken :raises TokenFull: when every one is
        """
        kind = key_spec(spec)
        with self._sessions.use(session) as opened:
            can = generating.can_make(self._module.cryptoki, opened.token.slot_id)
            used = self._used_ids(opened)
            if copyable and not wrapping.offered(self._module.cryptoki, opened.token.slot_id):
                raise errors.NotSupported(capability="wrap_key")  # it could never be copied
            named = generating.harmless(cka_id(key_id)) if key_id else None
            if named in used and not overwrite:
                raise errors.KeyExists(key_id=key_id)

            def ids() -> Iterator[bytes]:
                if named is not None:
                    return iter((named,))
                return generating.places(used, several_doors=self._several_doors(opened))

            def work(p11: pkcs11.Session) -> generating.Made:
                if again:
                    objects.remove_lone_halves(p11, label)
                if named is not None and named in used:
                    objects.destroy_all(p11, named)
                return generating.generate(p11, kind, label, ids(), copyable=copyable)

            try:
                made = self._write(
                    opened,
                    "generate_key",
                    work,
                    fds,
                    as_so=as_so,
                    use_last_attempt=use_last_attempt,
                )
            except (errors.NotSupported, errors.TokenFull, errors.UnknownFailure) as exc:
                raise _instead(exc, kind, can) from exc
            return generating.settle(opened.p11, made, copyable=copyable)

    def install_certificate(
        self,
        fds: Fds,
        *,
        session: str,
        key_id: str,
        der: bytes,
        label: str,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """Write a certificate beside its key and read it back; again is no second one."""
        name = cka_id(key_id)
        with self._sessions.use(session) as opened:
            if not objects.check_certificate(opened.p11, name, der):
                self._write(
                    opened,
                    "install_certificate",
                    lambda p11: objects.write_certificate(p11, name, der, label),
                    fds,
                    as_so=as_so,
                    use_last_attempt=use_last_attempt,
                )
            objects.check_written(opened.p11, name, der)
        return {}

    def remove_certificate(
        self,
        fds: Fds,
        *,
        session: str,
        key_id: str,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """Destroy the certificates of a key. :raises NotSupported: when they stay all the same."""
        name = cka_id(key_id)
        with self._sessions.use(session) as opened:
            self._write(
                opened,
                "remove_certificate",
                lambda p11: objects.remove_certificates(p11, name),
                fds,
                as_so=as_so,
                use_last_attempt=use_last_attempt,
            )
            if objects.certificates_with(
                opened.p11, name
            ):  # the OpenPGP card says yes, and keeps it
                raise errors.NotSupported(capability="remove_certificate")
        return {}

    def destroy_key(
        self,
        fds: Fds,
        *,
        session: str,
        key_id: str,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> dict[str, str]:
        """Destroy a key pair."""
        name = cka_id(key_id)
        with self._sessions.use(session) as opened:
            objects.private_key(opened.p11, name)
            self._write(
                opened,
                "destroy_key",
                lambda p11: objects.destroy_all(p11, name),
                fds,
                as_so=as_so,
                use_last_attempt=use_last_attempt,
            )
            if objects.find(opened.p11, pkcs11.ObjectClass.PRIVATE_KEY, name):
                raise errors.NotSupported(capability="destroy_key")
        return {}

    def import_key(
        self,
        fds: Fds,
        *,
        session: str,
        label: str,
        key_id: str,
        as_so: bool = False,
        use_last_attempt: bool = False,
    ) -> KeyMade:
        """Write a PKCS #8 key, never to be read again, and have it prove itself.

        A token with fixed places for keys keeps it under another id than `key_id`: the answer's.
        """
        wanted = cka_id(key_id)
        with self._sessions.use(session) as opened:
            used = self._used_ids(opened)
            if wanted in used:
                raise errors.KeyExists(key_id=key_id)
            pkcs8 = self._key_to_import(opened, fds, as_so=as_so)
            try:
                half = templates.public_half(pkcs8.view)
                places = (
                    generating.harmless(wanted),
                    *generating.places(used, several_doors=self._several_doors(opened)),
                )
                placed = self._write(
                    opened,
                    "import_key",
                    lambda p11: objects.import_key(
                        p11, self._module.cryptoki, iter(places), label, pkcs8.view
                    ),
                    fds,
                    as_so=as_so,
                    use_last_attempt=use_last_attempt,
                )
            except errors.NeedsSo:
                raise  # it is called again, with the SO PIN and without the key
            except BaseException:
                opened.forget_key()
                raise
            opened.forget_key()
            return self._proved(opened, half, placed, wanted)

    def _write(
        self,
        session: Session,
        method: str,
        work: Work[T],
        fds: Fds,
        *,
        as_so: bool,
        use_last_attempt: bool,
    ) -> T:
        if as_so and not session.on_reader and session.so_pin is None:
            with secret_from(descriptor(fds, 0)) as so_pin:
                session.so_pin = _kept(so_pin)
        try:
            return self._officer.write(
                session, method, work, as_so=as_so, use_last_attempt=use_last_attempt
            )
        except (CkrError, pkcs11.PKCS11Error) as exc:
            if ckr_of(exc) != Ckr.FUNCTION_NOT_SUPPORTED:
                raise
            raise errors.NotSupported(capability=method) from exc

    def _several_doors(self, session: Session) -> bool:
        return len(self._module.doors(session.token.identity)) > 1

    def _used_ids(self, session: Session) -> set[bytes]:
        """Return every CKA_ID on the card, behind whichever PIN."""
        used = objects.used_ids(session.p11)
        for door in self._module.doors(session.token.identity):
            if door.slot_id != session.token.slot_id:
                with self._sessions.public(door) as p11:
                    used |= objects.used_ids(p11)
        return used

    def _key_to_import(self, session: Session, fds: Fds, *, as_so: bool) -> KeptSecret:
        """Return the key that came, or the one that came with a refused call."""
        at = 1 if as_so and not session.on_reader else 0
        if session.pkcs8 is None or len(fds) > at:
            with secret_from(descriptor(fds, at), limit=_MAX_PKCS8) as pkcs8:
                session.forget_key()
                session.pkcs8 = _kept(pkcs8)
        if session.pkcs8 is None:
            raise errors.SecretMissing(why="no_descriptor")
        return session.pkcs8

    def _proved(
        self, session: Session, half: public.PublicKey, placed: bytes, wanted: bytes
    ) -> KeyMade:
        private = objects.with_public_half(session.p11, half, placed)
        if private is None:
            private = objects.private_key(session.p11, placed)
        generating.rename(session.p11, private, wanted)
        name: bytes = private[pkcs11.Attribute.ID]
        try:
            if objects.may_leave(private):
                raise errors.IntegrityError(what="key_extractable")
            self._session_work.challenged(session, name, half)
        except (errors.IntegrityError, errors.NotSupported, pkcs11.PKCS11Error):
            with suppress(pkcs11.PKCS11Error, errors.DriverError):
                self._officer.write(
                    session, "destroy_key", lambda p11: objects.destroy_all(p11, name)
                )
            raise
        return KeyMade(name.hex(), public.spki(half))


def _kept(secret: bytearray) -> KeptSecret:
    kept = keep(secret)
    if kept is None:
        raise errors.NotSupported(capability="locked_memory")
    return kept


def _instead(
    exc: errors.DriverError, spec: KeySpec, can: tuple[KeySpec, ...]
) -> errors.DriverError:
    """Say what the token can make, when the kind of key was the trouble."""
    refused = isinstance(exc, errors.NotSupported) and exc.data.get("capability") == f"key {spec}"
    others = ", ".join(one for one in can if one is not spec)
    if not others or not (refused or spec not in can):
        return exc
    return errors.NotSupported(capability=f"key {spec}", can_make=others)
