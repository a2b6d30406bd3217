"""Open an account with the authority and keep its API key in a 0600 file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from custode.jobs.context import AuthorityParams, Job
from custode.jobs.errors import JobError
from custode_authority.wire.messages import AccountCreate
from custode_drivers.channel.secrets import secret_from
from custode_drivers.portals.custode import CustodeClient
from custode_drivers.portals.transport import Transport


def create(job: Job) -> dict[str, Any]:
    """Create the account of one identity; its descriptor holds the account's new password.

    The API key is made here and is on the disk before it is sent: whatever is lost on the way, the
    same call again ends with the same account.
    """
    where: AuthorityParams = job.authority_params()
    bootstrap = Path(job.params["bootstrap_key_file"]).read_text("ascii").strip()
    with secret_from(job.fds[0]) as password, Transport(where.address()) as transport:
        request = AccountCreate(
            identity_code=job.params["code"],
            codice_fiscale=job.params["codice_fiscale"],
            name=job.params.get("name", ""),
            mail=job.params.get("mail", ""),
            # A JSON body needs text; the object dies with this short-lived process.
            password=password.decode("utf-8"),
            api_key=_own_key(Path(where.api_key_file)),
        )
        created = CustodeClient(transport, bootstrap).create_account(request)
    return {"code": created.identity_code}


def _own_key(path: Path) -> str:
    """The key of an earlier try, else a new one, kept before it is used."""
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(32))
    return path.read_text("ascii").strip()


def check(job: Job) -> dict[str, Any]:
    """Find out whether the account whose key is here is that of this identity.

    :raises JobError: identity_exists when the code is the same and the codice fiscale another
    """
    with job.authority() as authority:
        account = authority.account()
    wanted = (job.params["code"], job.params["codice_fiscale"])
    if (account.identity_code, account.codice_fiscale) != wanted:
        raise JobError("identity_exists")
    return {"code": account.identity_code}


def _write_private(path: Path, text: str) -> None:
    """Write a 0600 file that is whole or not there."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_suffix(".partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
