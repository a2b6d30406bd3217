"""One HTTPS client for every portal: pinned authority, bounded time, errors translated once."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx
import msgspec

from custode_authority.wire.messages import Problem
from custode_drivers.portals.errors import (
    PortalNonsense,
    PortalRefused,
    PortalUnavailable,
    PortalUntrusted,
)

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_S: Final = 20.0
MAX_ANSWER: Final = 4 << 20


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
            base_url=address.url, verify=context, trust_env=False, timeout=timeout_s
        )

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

        :raises PortalUnavailable: when nobody answers in time, or the portal says 502, 503, 504.
        :raises PortalUntrusted: when the TLS peer is not certified by the pinned CA.
        :raises PortalRefused: when the portal answers with any other error.
        """
        try:
            answer = self._client.request(method, path, content=content, headers=headers, auth=auth)
        except httpx.TransportError as exc:
            if _is_certificate_error(exc):
                raise PortalUntrusted("the peer is not the pinned authority") from exc
            raise PortalUnavailable(type(exc).__name__) from exc
        if len(answer.content) > MAX_ANSWER:
            raise PortalNonsense("the answer is too large")
        if answer.is_success:
            return answer
        if answer.status_code in {502, 503, 504}:
            raise PortalUnavailable(f"HTTP {answer.status_code}")
        raise _refusal(answer)


def _is_certificate_error(exc: BaseException | None) -> bool:
    """Whether a certificate failure lies anywhere under `exc`: httpx and httpcore wrap it twice."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        if isinstance(exc, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _refusal(answer: httpx.Response) -> PortalRefused | PortalNonsense:
    """Read a problem document; an EST server of another maker may send plain text instead."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        if answer.status_code < httpx.codes.BAD_REQUEST:
            return PortalNonsense(f"unexpected HTTP {answer.status_code}")
        text = answer.text[:200]
        return PortalRefused(f"http_{answer.status_code}", answer.status_code, text, {})
    return PortalRefused(
        problem.code, answer.status_code, problem.detail or problem.title, problem.data
    )
