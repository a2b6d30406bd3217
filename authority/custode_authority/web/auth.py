"""Who is asking: the API key in the Authorization header (RFC 6750 §2.1, RFC 7617)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from custode_authority.accounts import authentication
from custode_authority.errors import Refused
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from typing import Any

    from litestar import Request
    from sqlalchemy.orm import Session

    from custode_authority.storage.tables import Account


def bearer(request: Request[Any, Any, Any]) -> str:
    """Return the Bearer token of a request.

    :raises Refused: WRONG_CREDENTIALS when there is none.
    """
    return _credentials(request, "bearer")


def account_of(tx: Session, request: Request[Any, Any, Any]) -> Account:
    """Return the account whose API key the request bears.

    :raises Refused: WRONG_CREDENTIALS.
    """
    return authentication.account_by_api_key(tx, bearer(request))


def est_account_of(tx: Session, request: Request[Any, Any, Any]) -> Account:
    """Return the account of an EST request: HTTP Basic, identity code and API key.

    :raises Refused: WRONG_CREDENTIALS.
    """
    try:
        text = base64.b64decode(_credentials(request, "basic"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise Refused(ProblemCode.WRONG_CREDENTIALS, "unreadable credentials") from exc
    code, _, api_key = text.partition(":")
    account = authentication.account_by_api_key(tx, api_key)
    if account.identity_code != code:
        raise Refused(ProblemCode.WRONG_CREDENTIALS, "the API key is another identity's")
    return account


def _credentials(request: Request[Any, Any, Any], scheme: str) -> str:
    given, _, credentials = request.headers.get("authorization", "").partition(" ")
    if given.lower() != scheme or not credentials.strip():
        raise Refused(ProblemCode.WRONG_CREDENTIALS, f"{scheme} credentials are needed")
    return credentials.strip()
