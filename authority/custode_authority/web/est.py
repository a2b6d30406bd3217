"""EST (RFC 7030, RFC 8951): what any EST client can ask this authority for."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from litestar import Request, Response, get, post
from litestar.params import RawBody

from custode_authority.certificates.enrolling import Outcome, Submission, enrol
from custode_authority.errors import Refused
from custode_authority.web.auth import est_account_of
from custode_authority.web.described import Credential, Media, described
from custode_authority.web.exchange import authority_of
from custode_authority.web.problems import EST_PREFIX
from custode_authority.wire.messages import SIGNATURE_HEADER
from custode_authority.wire.problems import ProblemCode

PKCS10: Final = "application/pkcs10"
CERTS_ONLY: Final = "application/pkcs7-mime; smime-type=certs-only"
FILE_NAME_HEADER: Final = "Custode-File-Name"
OPERATION_HEADER: Final = "Custode-Operation"

_WHITE_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_MAX_FILE_NAME: Final = 200


def _enrolment(*, renewal: bool) -> dict[str, Any]:
    return described(
        Media(CERTS_ONLY),
        takes=Media(PKCS10),
        asks=Credential.EST_BASIC,
        headers={SIGNATURE_HEADER: renewal, FILE_NAME_HEADER: False},
        refuses=(
            ProblemCode.CSR_SIGNATURE,
            ProblemCode.CSR_SUBJECT,
            ProblemCode.CSR_KEY,
            ProblemCode.KEY_OF_ANOTHER,
            ProblemCode.KEY_COMPROMISED,
            ProblemCode.KEY_IS_SUCCESSOR,
            ProblemCode.SIGNATURE_REQUIRED,
            ProblemCode.SIGNATURE_INVALID,
            ProblemCode.FORBIDDEN,
            ProblemCode.NOT_ACTIVE,
        ),
        waits=True,
    )


@get(EST_PREFIX + "cacerts", sync_to_thread=False, opt=described(Media(CERTS_ONLY), asks=None))
def cacerts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Give the CA certificate (RFC 7030 §4.1). Whoever pins it compares it, and needs no trust."""
    return _certs_only(authority_of(request).keys.ca_certificate)


@get(EST_PREFIX + "csrattrs", sync_to_thread=False, opt=described(None, status=204, asks=None))
def csrattrs() -> Response[bytes]:
    """Say that no attributes are wanted (RFC 8951 §3.5: 204)."""
    return Response(b"", status_code=204)


@post(EST_PREFIX + "simpleenroll", sync_to_thread=True, opt=_enrolment(renewal=False))
def simpleenroll(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Take a request for a certificate (RFC 7030 §4.2.1)."""
    return _enrol(request, body, renewal=False)


@post(EST_PREFIX + "simplereenroll", sync_to_thread=True, opt=_enrolment(renewal=True))
def simplereenroll(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Take a request for a certificate in an active one's place, which signs it (§4.2.2)."""
    return _enrol(request, body, renewal=True)


def _enrol(request: Request[Any, Any, Any], body: bytes, *, renewal: bool) -> Response[bytes]:
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account = est_account_of(tx, request)
        submission = Submission(
            csr=_decode(request, body),
            body=body,
            signature=request.headers.get(SIGNATURE_HEADER),
            file_name=_file_name(request.headers.get(FILE_NAME_HEADER, "")),
            renewal=renewal,
        )
        outcome = enrol(tx, authority, account, submission)
    return _answer(outcome)


def _decode(request: Request[Any, Any, Any], body: bytes) -> bytes:
    """Return the DER of a base64 body; line breaks do not matter (RFC 8951 §3.1).

    A Content-Transfer-Encoding header is not looked at, as that RFC says.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != PKCS10:
        raise Refused(ProblemCode.MALFORMED, f"the body must be {PKCS10}")
    try:
        return base64.b64decode(_WHITE_SPACE.sub(b"", body), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused(ProblemCode.MALFORMED, "the body is no base64") from exc


def _file_name(header: str) -> str:
    """Return what a person called the file: its last part, printable, for show only."""
    name = header.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:_MAX_FILE_NAME]


def _answer(outcome: Outcome) -> Response[bytes]:
    named = {OPERATION_HEADER: outcome.id_operazione}
    if outcome.certificate is None:
        headers = {"Retry-After": str(outcome.retry_after_s), **named}
        return Response(b"", status_code=202, headers=headers)
    return _certs_only(x509.load_der_x509_certificate(outcome.certificate), named)


def _certs_only(
    certificate: x509.Certificate, headers: dict[str, str] | None = None
) -> Response[bytes]:
    der = pkcs7.serialize_certificates([certificate], Encoding.DER)
    # One line: strongSwan's client reads no other form.
    return Response(
        base64.b64encode(der), status_code=200, media_type=CERTS_ONLY, headers=headers or {}
    )


HANDLERS: Final = [cacerts, csrattrs, simpleenroll, simplereenroll]
