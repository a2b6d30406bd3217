"""Opening an account, and how it looks."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from sqlalchemy import select

from custode_authority.accounts import authentication, passwords
from custode_authority.errors import Refused
from custode_authority.storage import audit
from custode_authority.storage.tables import Account
from custode_authority.wire.messages import AccountCreate, AccountCreated, AccountView
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from custode_authority.ca.authority import Authority


def create(authority: Authority, request: AccountCreate) -> AccountCreated:
    """Open an account and give its API key, this once.

    :raises Refused: IDENTITY_EXISTS when the identity code has one already, and this is not the
        same request once more (same codice fiscale and API key).
    """
    now = authority.clock.now()
    password_hash = passwords.hash_password(request.password)
    api_key = request.api_key or authentication.new_api_key()
    api_key_sha256 = authentication.hash_api_key(api_key)
    with authority.db.transaction() as tx:
        same = select(Account).where(Account.identity_code == request.identity_code)
        if (known := tx.scalars(same).first()) is not None:
            again = hmac.compare_digest(known.api_key_sha256, api_key_sha256)
            if again and known.codice_fiscale == request.codice_fiscale:
                return AccountCreated(identity_code=known.identity_code, api_key=api_key)
            raise Refused(ProblemCode.IDENTITY_EXISTS, "the identity code has an account")
        tx.add(
            Account(
                identity_code=request.identity_code,
                codice_fiscale=request.codice_fiscale,
                name=request.name,
                mail=request.mail,
                password_hash=password_hash,
                api_key_sha256=api_key_sha256,
                api_key_last4=api_key[-4:],
                created_at=now,
            )
        )
        audit.append(tx, "account.created", {"identity_code": request.identity_code}, at=now)
    return AccountCreated(identity_code=request.identity_code, api_key=api_key)


def view(account: Account) -> AccountView:
    """Return what an account's owner sees of it."""
    return AccountView(
        identity_code=account.identity_code,
        codice_fiscale=account.codice_fiscale,
        name=account.name,
        mail=account.mail,
        api_key_last4=account.api_key_last4,
        first_cancellation_spent=account.first_cancellation_spent,
        ceased=account.ceased,
    )
