"""Signed requests: what changes a certificate's fate is signed on the token."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from cryptography import x509
from sqlalchemy import select

from custode_authority.errors import Refused
from custode_authority.storage.tables import Account, Certificate
from custode_authority.wire import cms
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def decode_signature(header: str | None) -> bytes:
    """Return the bytes of a signature header.

    :raises Refused: SIGNATURE_REQUIRED without one, SIGNATURE_INVALID when it is no base64.
    """
    if not header:
        raise Refused(ProblemCode.SIGNATURE_REQUIRED, "the request is not signed")
    try:
        return base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "the signature is no base64") from exc


def active_signer(tx: Session, account: Account, body: bytes, header: str | None) -> Certificate:
    """Return the account's active certificate that signed exactly `body` (detached CMS).

    Call `settling.settle` first: a certificate that has just expired signs nothing.

    :raises Refused: SIGNATURE_REQUIRED or SIGNATURE_INVALID.
    """
    signature = decode_signature(header)
    try:
        key_id = cms.signer_key_id(signature).hex()
        query = select(Certificate).where(
            Certificate.account_id == account.id,
            Certificate.key_id == key_id,
            Certificate.state == CertificateState.ACTIVE,
        )
        signer = tx.scalars(query).first()
        if signer is not None:
            cms.verify(signature, x509.load_der_x509_certificate(signer.der), body)
            return signer
    except cms.SignatureInvalid as exc:
        raise Refused(ProblemCode.SIGNATURE_INVALID, "the signature does not verify") from exc
    raise Refused(ProblemCode.SIGNATURE_INVALID, "not signed by an active certificate")
