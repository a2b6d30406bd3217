"""Passwords: Argon2id (RFC 9106), tries counted in the database."""

from __future__ import annotations

import math
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from custode_authority.errors import Refused
from custode_authority.storage import audit
from custode_authority.storage.tables import Account
from custode_authority.wire.problems import ProblemCode

if TYPE_CHECKING:
    from custode_authority.ca.authority import Authority

MAX_FAILURES: Final = 5
LOCK: Final = timedelta(minutes=15)

# RFC 9106 §4, second recommended option (64 MiB, three passes), but in one lane: with several, two
# derivations at once fail with MemoryError or never end (cryptography 50, OpenSSL's thread pool).
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 1


def hash_password(password: str) -> str:
    """Return the PHC string of a password, with a fresh salt."""
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(password.encode())


def fits(password: str, phc: str) -> bool:
    """Whether the password is the hashed one."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), phc)
    except InvalidKey:
        return False
    return True


def ask_password(authority: Authority, account_id: int, password: str) -> None:
    """Check the password of an account, in transactions of its own.

    The try is taken before the check and given back when the password is right, so that parallel
    guesses cannot outrun the count.

    :raises Refused: WRONG_PASSWORD, or TOO_MANY_TRIES (`retry_after_s`) while locked out.
    """
    phc = _take_try(authority, account_id)
    if not fits(password, phc):
        raise Refused(ProblemCode.WRONG_PASSWORD, "the password is wrong")
    with authority.db.transaction() as tx:
        account = tx.get_one(Account, account_id, with_for_update=True)
        account.password_failures = 0
        account.locked_until = None


def _take_try(authority: Authority, account_id: int) -> str:
    now = authority.clock.now()
    with authority.db.transaction() as tx:
        account = tx.get_one(Account, account_id, with_for_update=True)
        if account.locked_until is not None:
            if now < account.locked_until:
                wait_s = math.ceil((account.locked_until - now).total_seconds())
                raise Refused(ProblemCode.TOO_MANY_TRIES, "locked out", {"retry_after_s": wait_s})
            account.locked_until = None
            account.password_failures = 0
        account.password_failures += 1
        if account.password_failures >= MAX_FAILURES:
            account.locked_until = now + LOCK
            data = {"identity_code": account.identity_code}
            audit.append(tx, "password.locked", dict(data), at=now)
        return account.password_hash
