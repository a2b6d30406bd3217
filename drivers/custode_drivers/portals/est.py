"""EST client (RFC 7030, RFC 8951): ask for a certificate and fetch it when it is ready."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from custode_drivers.portals.errors import PortalNonsense

if TYPE_CHECKING:
    from custode_drivers.portals.transport import Transport

WELL_KNOWN: Final = "/.well-known/est"
PKCS10: Final = "application/pkcs10"
DEFAULT_RETRY_AFTER_S: Final = 5


@dataclass(frozen=True, slots=True)
class Issued:
    """200: the certificate, DER."""

    certificate: bytes


@dataclass(frozen=True, slots=True)
class Generating:
    """202 (RFC 7030 §4.2.3): the same request is to be sent again after `retry_after_s`."""

    retry_after_s: int


class EstClient:
    """The EST operations a client needs; HTTP Basic as RFC 7030 §3.2.3 has it."""

    def __init__(self, transport: Transport, username: str, password: str) -> None:
        self._transport = transport
        self._auth = (username, password)

    def cacerts(self) -> list[bytes]:
        """Return the CA certificates, DER (RFC 7030 §4.1).

        :raises PortalNonsense: when the answer is no certs-only PKCS #7.
        """
        return _certificates(self._transport.send("GET", f"{WELL_KNOWN}/cacerts"))

    def simpleenroll(
        self, csr: bytes, headers: dict[str, str] | None = None
    ) -> Issued | Generating:
        """Ask for a certificate (RFC 7030 §4.2.1); `headers` are added to the request.

        :raises PortalRefused: when the server refuses the request.
        :raises PortalNonsense: when the certificate in the answer is not for the request's key.
        """
        return self._enroll("simpleenroll", csr, headers)

    def simplereenroll(
        self, csr: bytes, headers: dict[str, str] | None = None
    ) -> Issued | Generating:
        """Ask for a certificate in an active one's place (RFC 7030 §4.2.2), as `simpleenroll`."""
        return self._enroll("simplereenroll", csr, headers)

    def _enroll(
        self, operation: str, csr: bytes, headers: dict[str, str] | None
    ) -> Issued | Generating:
        """Send a DER PKCS#10, or send it again to fetch what came of it."""
        answer = self._transport.send(
            "POST",
            f"{WELL_KNOWN}/{operation}",
            # RFC 8951 §3.1: base64 without any Content-Transfer-Encoding header; on one line,
            # which every server reads.
            content=base64.b64encode(csr),
            headers={"Content-Type": PKCS10, **(headers or {})},
            auth=self._auth,
        )
        if answer.status_code == httpx.codes.ACCEPTED:
            return Generating(_retry_after_s(answer))
        wanted = x509.load_der_x509_csr(csr).public_key()
        for der in _certificates(answer):
            if _is_for(der, wanted):
                return Issued(der)
        raise PortalNonsense("the certificate is not for the key of the request")


def _is_for(der: bytes, wanted: object) -> bool:
    try:
        return x509.load_der_x509_certificate(der).public_key() == wanted
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return False  # of a key that we cannot even read


def _retry_after_s(answer: httpx.Response) -> int:
    """Seconds to wait, between 1 and 24 hours; the HTTP-date form counts as "no number given"."""
    try:
        seconds = int(answer.headers.get("Retry-After", DEFAULT_RETRY_AFTER_S))
    except ValueError:
        seconds = DEFAULT_RETRY_AFTER_S
    return min(max(seconds, 1), 86_400)


def _certificates(answer: httpx.Response) -> list[bytes]:
    try:
        der = base64.b64decode(answer.content)
        found = pkcs7.load_der_pkcs7_certificates(der)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise PortalNonsense("the answer is no certs-only PKCS #7") from exc
    return [certificate.public_bytes(Encoding.DER) for certificate in found]
