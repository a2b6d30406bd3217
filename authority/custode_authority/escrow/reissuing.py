"""Re-issue: a token that can sign no more is given up by its owner's account (domain.md, rule 5).

Ends exactly the certificates named, without spending the first cancellation, and every backup of
them; the request for the new key then comes by EST and is approved as the policy has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode_authority.ca import issuer
from custode_authority.certificates import operations
from custode_authority.certificates.listing import certificate_of
from custode_authority.certificates.settling import settle
from custode_authority.domain.cancelling import CANCELLABLE
from custode_authority.domain.retirement import retire_backups_of
from custode_authority.errors import Refused
from custode_authority.escrow.backups import reported
from custode_authority.escrow.ending import final_reason
from custode_authority.storage import audit, nonces
from custode_authority.wire.messages import ReissueRequest, ReissueView
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.reasons import CrlReason, Reason
from custode_authority.wire.states import CertificateState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.storage.tables import Account, Certificate


def reissue(
    tx: Session, authority: Authority, account: Account, request: ReissueRequest
) -> ReissueView:
    """Supersede what is named; the password was checked. Sent again it is answered, not refused.

    :raises Refused: NOT_FOUND when one of them is not the account's; then nothing changed.
    """
    now = authority.clock.now()
    settle(tx, authority, account, now=now)
    named = [_own(tx, account, fingerprint) for fingerprint in request.fingerprints]
    retired: list[str] = []
    for certificate in named:
        if certificate.state in CANCELLABLE:
            issuer.cancel(tx, certificate, _reason(tx, certificate), now=now)
        retired += retire_backups_of(tx, certificate, "reissued", now=now)
    nonces.kill_for_account(tx, account)
    _log(tx, account, named, now)
    return ReissueView(
        at=now,
        covered=[operations.view(certificate.operation) for certificate in named],
        retired_backups=retired,
    )


def _own(tx: Session, account: Account, fingerprint_sha256: str) -> Certificate:
    certificate = certificate_of(tx, account, fingerprint_sha256)
    if certificate is None:
        raise Refused(ProblemCode.NOT_FOUND, "no such certificate")
    return certificate


def _reason(tx: Session, certificate: Certificate) -> CrlReason:
    """Superseded, unless the token was reported: a lost one's key may be in other hands."""
    if certificate.state is not CertificateState.SUSPENDED:
        return CrlReason.SUPERSEDED
    told = reported(tx, certificate)
    asked = told.reason if told else Reason.MALFUNCTION
    return final_reason(asked, reported=told, recorded=certificate.crl_reason)


def _log(tx: Session, account: Account, named: list[Certificate], now: datetime) -> None:
    audit.append(
        tx,
        "reissue.done",
        {
            "identity_code": account.identity_code,
            "covered": ", ".join(certificate.serial_number for certificate in named),
        },
        at=now,
    )
