"""What is done with a token that somebody is logged in to: requests, signatures, proofs.

`session` and `key_id` are as in `custode_drivers.api.types`.
"""

from __future__ import annotations

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from custode_drivers.api import errors
from custode_drivers.api.types import Challenged, LoggedIn, TokenIdentity
from custode_drivers.channel.secrets import secret_from
from custode_drivers.pkcs11 import keys, objects, public
from custode_drivers.pkcs11.asked import Fds, cka_id, descriptor, pin_from
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.layout import PssParams
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.session import Session, Sessions

_CHALLENGE_BYTES: Final = 32


class SessionWork:
    """`login`, `logout`, `csr`, `sign`, `challenge`, `relay_distinct`."""

    def __init__(self, module: Module, sessions: Sessions) -> None:
        self._module = module
        self._sessions = sessions

    def login(
        self,
        fds: Fds,
        *,
        token: TokenIdentity,
        use_last_attempt: bool = False,
        key_id: str | None = None,
    ) -> LoggedIn:
        """One try with the PIN, and what it opens; `key_id`: which key, where each has its PIN."""
        with pin_from(fds, 0, self._module.find(token)) as pin:
            session = self._sessions.login(
                token,
                pin,
                use_last_attempt=use_last_attempt,
                key_id=cka_id(key_id) if key_id is not None else None,
            )
        with self._sessions.use(session.name):
            return LoggedIn(session.name, objects.private_keys(session.p11))

    def logout(self, fds: Fds, *, session: str) -> dict[str, str]:
        """End a session."""
        self._sessions.end_by_name(session)
        return {}

    def csr(self, fds: Fds, *, session: str, key_id: str, common_name: str) -> dict[str, bytes]:
        """Make a PKCS #10 request (RFC 2986) signed by the token; its subject is the CN alone."""
        from cryptography import x509  # see `public`

        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        with self._sessions.use(session) as opened:
            key = self.key(opened, cka_id(key_id))
            if isinstance(key, keys.TokenRsaKey):
                request = builder.sign(key, SHA256(), rsa_padding=key.scheme)  # type: ignore[arg-type]  # PKCS1v15 or PSS
            else:
                request = builder.sign(key, SHA256())
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
            return {"signature": keys.sign(self.key(opened, cka_id(key_id)), data, algorithm)}

    def challenge(self, fds: Fds, *, session: str, key_id: str, public_key: bytes) -> Challenged:
        """Have fresh bytes signed and check them with the public key that the caller trusts."""
        with self._sessions.use(session) as opened:
            return self.challenged(opened, cka_id(key_id), public.load(public_key))

    def relay_distinct(self, fds: Fds, *, session: str) -> dict[str, str]:
        """Pass a secret on, unless it is the PIN this session was opened with.

        A PIN that was typed on the reader never was in this computer; but its keys are digits, so
        what holds anything else cannot be that PIN.
        """
        with self._sessions.use(session) as opened, secret_from(descriptor(fds, 0)) as secret:
            if opened.mark is None:
                if secret.isdigit():
                    raise errors.PinOnlyDigits
            elif opened.mark.matches(secret):
                raise errors.PinEqual
            try:
                os.write(descriptor(fds, 1), secret)  # at most 1024 bytes: a pipe takes them
            except OSError as exc:
                raise errors.SecretMissing(why="nobody_reads") from exc
        return {}

    def key(
        self, session: Session, key_id: bytes, known: public.PublicKey | None = None
    ) -> keys.TokenKey:
        """Return a key that signs on its token; its public half is `known` where no object has it.

        :raises NoSuchKey: when it is not there. :raises NotSupported: when it cannot be used
        """
        private = objects.private_key(session.p11, key_id)
        half = public.public_of(session.p11, private) or known
        if half is None:
            raise errors.NotSupported(capability="public_key")
        handle = int(private.handle or 0)
        authenticate = (
            self._sessions.authentication(session)
            if objects.always_authenticates(private)
            else None
        )

        def sign(data: bytes, mechanism: int, parameter: PssParams | None = None) -> bytes:
            cryptoki = self._module.cryptoki
            told = (mechanism, data, parameter, authenticate)
            try:
                return cryptoki.sign(session.handle, handle, *told)
            except CkrError as exc:
                if session.token.removable or not self._sessions.renewed(session, exc):
                    raise
            again = int(objects.private_key(session.p11, key_id).handle or 0)
            return cryptoki.sign(session.handle, again, *told)

        return keys.token_key(sign, half, session.mechanisms)

    def challenged(self, session: Session, key_id: bytes, trusted: public.PublicKey) -> Challenged:
        """Have a key prove itself. :raises IntegrityError: when its signature does not verify."""
        key = self.key(session, key_id, trusted)
        challenge = secrets.token_bytes(_CHALLENGE_BYTES)
        signature = keys.prove(key, challenge)
        try:
            keys.check_proof(key, trusted, signature, challenge)
        except InvalidSignature as exc:  # also when the two are not even of one kind
            raise errors.IntegrityError(what="challenge") from exc
        return Challenged(challenge, signature)
