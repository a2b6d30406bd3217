"""A suspended certificate made active again: the desk's, which has looked at its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode_authority.ca import issuer
from custode_authority.certificates.settling import settle
from custode_authority.domain.withdrawal import withdraw_for
from custode_authority.storage import audit

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from custode_authority.ca.authority import Authority
    from custode_authority.errors import Data
    from custode_authority.storage.tables import Certificate


def reinstate(
    tx: Session, authority: Authority, certificate: Certificate, by: str, *, now: datetime
) -> list[str]:
    """End the hold, and in the same transaction withdraw the activations that were pending.

    `by` says who did, for the log. Gives the ids of the backups whose activation was withdrawn;
    what the report itself retired or rejected stays so.

    :raises Refused: NOT_ACTIVE when it is not suspended, or has expired meanwhile.
    """
    settle(tx, authority, certificate.account, now=now)
    issuer.reinstate(tx, certificate, now=now)
    withdrawn = withdraw_for(tx, certificate, now=now)
    about: Data = {
        "serial_number": certificate.serial_number,
        "by": by,
        "withdrawn": len(withdrawn),
    }
    audit.append(tx, "desk.reinstated", about, at=now)
    return withdrawn
