"""What the authority says under its own signature: statuses and grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode_authority.wire import cms
from custode_authority.wire.messages import canonical

if TYPE_CHECKING:
    from custode_authority.ca.keys import Keys
    from custode_authority.wire.messages import GrantStatement, StatusStatement
    from custode_authority.wire.spare_messages import SpareGrantStatement

    Statement = StatusStatement | GrantStatement | SpareGrantStatement


def sign_statement(keys: Keys, statement: Statement) -> bytes:
    """Return DER of CMS SignedData (RFC 5652 §5) over the statement's canonical JSON.

    The content is encapsulated, and the signer's certificate enclosed.
    """
    return cms.sign_with_key(
        canonical(statement),
        keys.statement_key,
        detached=False,
        certificates=[keys.statement_certificate],
    )
