"""OCSP (RFC 6960): the fate of one certificate, signed on the spot by a delegated responder.

What a request gets (RFC 6960 §2.2, §2.3, §4.2.1):

    good, revoked, unknown  a signed answer; good and revoked exactly as the CRL has it
    malformedRequest        it is no OCSPRequest, its nonce has a length that RFC 9654 §2.1 forbids,
                            its serial number is negative, or a critical extension is none we know
    unauthorized            it asks about another CA, or about more than one certificate at once
    tryLater                the database is busy
    internalError           a fault of ours
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from sqlalchemy import select

from custode_authority.ca import keys, profiles
from custode_authority.ca.revocation import reason_flag, since
from custode_authority.errors import AuthorityError
from custode_authority.storage.tables import Certificate

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric import ec

    from custode_authority.ca.authority import Authority

    Identity = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]

# Short: a "good" caught on the way must not outlive a suspension for long.
LIFE: Final = timedelta(minutes=10)
_MAX_NONCE: Final = 128  # RFC 9654 §2.1
_STATUS = ocsp.OCSPResponseStatus
_log = logging.getLogger("custode_authority")


class _Unanswered(AuthorityError):
    """The request gets no signed answer, only this status."""

    def __init__(self, status: ocsp.OCSPResponseStatus) -> None:
        super().__init__(status.name)
        self.status = status


class Responder:
    """Answers for one authority; safe to use from several threads."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._identity: Identity | None = None
        self._turn = threading.Lock()

    def answer(self, request: bytes) -> bytes:
        """Return the DER OCSPResponse to a DER OCSPRequest, whatever that is."""
        try:
            response = self._signed(_parsed(request))
        except _Unanswered as exc:
            response = ocsp.OCSPResponseBuilder.build_unsuccessful(exc.status)
        except TimeoutError:
            response = ocsp.OCSPResponseBuilder.build_unsuccessful(_STATUS.TRY_LATER)
        except Exception as exc:  # noqa: BLE001 - the protocol has its own word for any fault of ours
            _log.error("an OCSP request failed", exc_info=exc)
            response = ocsp.OCSPResponseBuilder.build_unsuccessful(_STATUS.INTERNAL_ERROR)
        return response.public_bytes(Encoding.DER)

    def _signed(self, request: ocsp.OCSPRequest) -> ocsp.OCSPResponse:
        _require_our_ca(request, self._authority.keys.ca_certificate)
        now = self._authority.clock.now().replace(microsecond=0)
        certificate = self._find(request.serial_number)
        status, revoked_at, reason = _fate(certificate)
        key, own = self._own(now)
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                request.issuer_name_hash,
                request.issuer_key_hash,
                request.serial_number,
                request.hash_algorithm,
                status,
                now,
                now + LIFE,
                revoked_at,
                reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, own)
            .certificates([own])
        )
        nonce = _nonce(request)
        if nonce is not None:
            builder = builder.add_extension(nonce, critical=False)
        return builder.sign(key, hashes.SHA256())

    def _find(self, serial_number: int) -> Certificate | None:
        known = Certificate.serial_number == f"{serial_number:x}"
        with self._authority.db.transaction() as tx:
            return tx.scalars(select(Certificate).where(known)).one_or_none()

    def _own(self, now: datetime) -> Identity:
        """Return the responder's key and certificate, renewed in time however long we run."""
        with self._turn:
            held = self._identity
            if held is None or held[1].not_valid_after_utc - now <= profiles.RENEW_BEFORE:
                held = keys.responder(self._authority.home, self._authority.keys, now=now)
                self._identity = held
            return held


def _parsed(der: bytes) -> ocsp.OCSPRequest:
    """Read a request; one that is signed is taken as well, its signature is not looked at (§4.1.2).

    :raises _Unanswered: when it is none, or asks for what cannot be answered.
    """
    try:
        request = ocsp.load_der_ocsp_request(der)
        extensions = request.extensions
    except NotImplementedError as exc:
        raise _Unanswered(_STATUS.UNAUTHORIZED) from exc
    except (ValueError, x509.DuplicateExtension) as exc:
        raise _Unanswered(_STATUS.MALFORMED_REQUEST) from exc
    nonce = _nonce(request)
    sound = (
        (nonce is None or 1 <= len(nonce.nonce) <= _MAX_NONCE)
        and request.serial_number >= 0  # RFC 5280 §4.1.2.2: none is negative
        and not any(
            one.critical and not isinstance(one.value, x509.OCSPNonce) for one in extensions
        )
    )
    if not sound:
        raise _Unanswered(_STATUS.MALFORMED_REQUEST)
    return request


def _nonce(request: ocsp.OCSPRequest) -> x509.OCSPNonce | None:
    found = (one.value for one in request.extensions if isinstance(one.value, x509.OCSPNonce))
    return next(found, None)


def _require_our_ca(request: ocsp.OCSPRequest, ca: x509.Certificate) -> None:
    try:
        builder = ocsp.OCSPRequestBuilder().add_certificate(ca, ca, request.hash_algorithm)
    except (UnsupportedAlgorithm, ValueError) as exc:  # a hash we have not names no CA of ours
        raise _Unanswered(_STATUS.UNAUTHORIZED) from exc
    ours = builder.build()
    asked = (request.issuer_name_hash, request.issuer_key_hash)
    if asked != (ours.issuer_name_hash, ours.issuer_key_hash):
        raise _Unanswered(_STATUS.UNAUTHORIZED)


def _fate(
    certificate: Certificate | None,
) -> tuple[ocsp.OCSPCertStatus, datetime | None, x509.ReasonFlags | None]:
    if certificate is None:
        return ocsp.OCSPCertStatus.UNKNOWN, None, None
    if certificate.crl_reason is None:
        return ocsp.OCSPCertStatus.GOOD, None, None
    return ocsp.OCSPCertStatus.REVOKED, since(certificate), reason_flag(certificate)
