"""API keys: 256 random bits, shown once, only their SHA-256 is kept.

A plain hash is enough for a key nobody can guess; it is looked up by that hash, so the time it
takes tells nothing about any key.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from custode_authority.errors import Refused
from custode_authority.storage.tables import Account
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

_PREFIX: Final = "ck_"


def new_api_key() -> str:
    """Return a fresh API key."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_api_key(api_key: str) -> str:
    """Return the hash under which a key is kept."""
    return sha256(api_key.encode()).hexdigest()


def account_by_api_key(tx: Session, api_key: str) -> Account:
    """Return the account an API key belongs to.

    :raises Refused: WRONG_CREDENTIALS when it belongs to none.
    """
    digest = hash_api_key(api_key)
    account = tx.scalars(select(Account).where(Account.api_key_sha256 == digest)).first()
    if account is None or not hmac.compare_digest(account.api_key_sha256, digest):
        raise Refused(ProblemCode.WRONG_CREDENTIALS, "the API key is not known")
    return account


def check_bootstrap_key(file: Path, given: str) -> None:
    """Check the key that opens accounts, which only this computer's owner can read.

    :raises Refused: WRONG_CREDENTIALS when it is not that one, or there is none.
    """
    try:
        expected = file.read_bytes().strip()
    except OSError as exc:
        raise Refused(ProblemCode.WRONG_CREDENTIALS, "there is no bootstrap key") from exc
    if not expected or not hmac.compare_digest(expected, given.encode()):
        raise Refused(ProblemCode.WRONG_CREDENTIALS, "the bootstrap key is another one")
