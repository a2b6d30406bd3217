"""One HTTPS client for every portal: pinned authority, bounded time, errors translated once."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx
import msgspec

from custode_authority.wire.messages import Problem
from custode_drivers.portals.errors import (
    PortalClock,
    PortalError,
    PortalNonsense,
    PortalRefused,
    PortalSilent,
    PortalUnavailable,
    PortalUntrusted,
)
from custode_drivers.portals.transport_errors import WRONG_TIME

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_S: Final = 20.0
"""For each step (connect, send, next piece of the answer), and for the whole exchange."""
MAX_ANSWER: Final = 4 << 20
# httpcore and h11 have one class for an end in the middle and for what is no HTTP at all.
_HUNG_UP: Final = ("disconnected", "closed connection")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a portal is and whom to believe there.

    `ca_certificate` is the path of a PEM file, `ca_fingerprint_sha256` the pin (lower-case hex of
    SHA-256 over the DER) that was handed over at set-up, never by the network.
    """

    url: str
    ca_certificate: str
    ca_fingerprint_sha256: str

    def pinned_ca_der(self) -> bytes:
        """Return the CA certificate (DER).

        :raises PortalUntrusted: when the file is missing, or is not the pinned certificate.
        """
        try:
            der = ssl.PEM_cert_to_DER_cert(Path(self.ca_certificate).read_text("ascii"))
        except (OSError, ValueError) as exc:
            raise PortalUntrusted("the authority's certificate cannot be read") from exc
        found = hashlib.sha256(der).hexdigest()
        if not hmac.compare_digest(found, self.ca_fingerprint_sha256):
            raise PortalUntrusted("the authority's certificate is not the pinned one")
        return der


class Transport:
    """An `httpx.Client` that trusts one CA and speaks in our errors."""

    def __init__(self, address: Address, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self.ca_der = address.pinned_ca_der()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca_der)
        # trust_env=False: a proxy or a CA bundle named in the environment must not step in between.
        self._client = httpx.Client(
            base_url=address.url,
            verify=context,
            trust_env=False,
            timeout=timeout_s,
            headers={"Accept-Encoding": "identity"},
        )
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request, read one answer of 2xx.

        :raises PortalUnavailable: when nobody is there, or the portal says 502, 503, 504.
        :raises PortalSilent: when somebody is, and no whole answer came in time.
        :raises PortalUntrusted: when the TLS peer is not certified by the pinned CA.
        :raises PortalClock: when it is, but not for the time that this computer shows.
        :raises PortalNonsense: when the answer is no HTTP, compressed, or larger than MAX_ANSWER.
        :raises PortalRefused: when the portal answers with any other error.
        """
        request = self._client.build_request(method, path, content=content, headers=headers)
        try:
            with closing(self._client.send(request, auth=auth, stream=True)) as streamed:
                answer = self._read(streamed)
        except httpx.TransportError as exc:
            raise _translated(exc) from exc
        if answer.is_success:
            return answer
        if answer.status_code in {502, 503, 504}:
            raise PortalUnavailable(f"HTTP {answer.status_code}")
        raise _refusal(answer)

    def _read(self, answer: httpx.Response) -> httpx.Response:
        """Read an answer to its end, which has to come in time: a drop now and then is none."""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise PortalNonsense("the answer is compressed")  # nobody asked; it could be a bomb
        until = time.monotonic() + self._timeout_s
        content = bytearray()
        for piece in answer.iter_raw():
            content += piece
            if len(content) > MAX_ANSWER:
                raise PortalNonsense("the answer is too large")
            if time.monotonic() > until:
                raise PortalSilent("too slow")
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content))


def _translated(exc: httpx.TransportError) -> PortalError:
    """Say why there was no answer; httpx and httpcore wrap the reason twice."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in WRONG_TIME:
                return PortalClock(cause.verify_message)
            return PortalUntrusted("the peer is not the pinned authority")
        cause = cause.__cause__ or cause.__context__
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return PortalUnavailable(type(exc).__name__)
    hung_up = any(sign in str(exc) for sign in _HUNG_UP)
    if isinstance(exc, httpx.RemoteProtocolError) and not hung_up:
        return PortalNonsense("the answer is no HTTP")
    return PortalSilent(type(exc).__name__)


def _refusal(answer: httpx.Response) -> PortalRefused | PortalNonsense:
    """Read a problem document; an EST server of another maker may send plain text instead."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if answer.status_code < httpx.codes.BAD_REQUEST:
            return PortalNonsense(f"unexpected HTTP {answer.status_code}")
        text = answer.text[:200]
        return PortalRefused(f"http_{answer.status_code}", answer.status_code, text, {})
    return PortalRefused(
        problem.code, answer.status_code, problem.detail or problem.title, problem.data
    )
