"""What a job has at hand: its parameters, its descriptors, and calls up to the agent."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from custode_authority.wire import cms
from custode_drivers.portals.custode import CustodeClient
from custode_drivers.portals.transport import Address, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Upcall(Protocol):
    """A call up to the agent while a job runs; blocks until it is answered."""

    def __call__(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the agent's answer.

        :raises RemoteError: when the agent answers with an error (`channel.frames`).
        """


class AuthorityParams(msgspec.Struct, frozen=True, kw_only=True):
    """Where the authority is, whom to believe there, and the file that holds our API key.

    `pin_sha256` is the fingerprint of the CA certificate in the PEM file `ca_certificate`,
    `known_head` the last head of the authority's log that it signed for us.
    """

    url: str
    pin_sha256: str
    ca_certificate: str
    api_key_file: str
    known_head: str | None = None

    def address(self) -> Address:
        """The address as the portals take it."""
        return Address(self.url, self.ca_certificate, self.pin_sha256)

    def api_key(self) -> str:
        """Read our API key. It identifies the account; it decides no certificate's fate alone."""
        return Path(self.api_key_file).read_text("ascii").strip()


@dataclass(frozen=True, slots=True)
class Job:
    """One call: what is left in `fds` is closed at its end; `up` reaches the agent."""

    params: dict[str, Any]
    fds: list[int]
    up: Upcall

    def read(self, shape: type[Any]) -> Any:
        """The parameters as a strict Struct."""
        return msgspec.convert(self.params, shape)

    @contextmanager
    def authority(self) -> Iterator[CustodeClient]:
        """A client for the authority named in the parameters, with our account's API key."""
        where = self.authority_params()
        with Transport(where.address()) as transport:
            yield CustodeClient(transport, where.api_key(), where.known_head)

    def authority_params(self) -> AuthorityParams:
        """The parameters' `authority`."""
        where: AuthorityParams = msgspec.convert(self.params["authority"], AuthorityParams)
        return where

    def token_sign(self, data: bytes) -> bytes:
        """Have the token of this operation sign `data` (PKCS#1 v1.5 or ECDSA, SHA-256)."""
        signature: bytes = self.up("token.sign", {"data": data})["signature"]
        return signature

    def token_signer(self, spki: bytes) -> Callable[[bytes], bytes]:
        """A signer of request bodies: detached CMS by the token key whose DER SPKI is given."""
        public_key = load_der_public_key(spki)
        if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise TypeError("no RSA or EC key")

        def sign(body: bytes) -> bytes:
            return cms.sign(body, self.token_sign, public_key, detached=True)

        return sign

    def progress(self, step: str, **data: str | int) -> None:
        """Tell the person where we stand."""
        self.up("progress", {"step": step, "data": data})

    def journal(self, step: str, **data: str | int | None) -> None:
        """Put a step on disk before going on; what is not journaled can be done again."""
        self.up("journal", {"step": step, "data": data})
