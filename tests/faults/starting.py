"""How an authority and its first account begin: `authority init`, `identity set`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_authority.accounts import passwords
from custode_authority.ca import keys
from custode_authority.ca.home import Home
from custode_authority.storage import audit
from custode_authority.storage.database import Database

from .lab import Lab, query
from .rules import Operation, expect

MADE_S: Final = 120
_NO_AUTHORITY: Final = 1  # exit code of `serve` (custode_authority.main)


def check_whole(home: Home) -> None:
    """An authority that says it is complete: keys that open, a current database, a log that holds.

    :raises Violation: naming what is missing
    """
    unlocked = keys.unlock(home)
    expect(unlocked.ca_certificate.public_key() == unlocked.ca_key.public_key(), "not the CA's key")
    expect(home.bootstrap_key.read_text("ascii").strip(), "no bootstrap key")
    database = Database(home.database_url)
    try:
        expect(database.is_current(), "the database is not whole")
        with database.transaction() as tx:
            expect(audit.first_broken(tx) is None, "the authority's log is broken")
    finally:
        database.close()
    made = query(home.database, "SELECT count(*) FROM audit WHERE name='authority.made'")
    expect(made == [(1,)], f"made {made} times")


def fingerprint(home: Home) -> str:
    """SHA-256 of the CA certificate, hex."""
    certificate = keys.unlock(home).ca_certificate
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


# --- authority init ---------------------------------------------------------------------------


def _office(lab: Lab) -> Home:
    return Home(lab.folder / "office")


def _init(lab: Lab) -> Any:
    command = [sys.executable, "-m", "custode", "authority", "init", "--home"]
    done = subprocess.run(
        [*command, str(_office(lab).folder)], capture_output=True, timeout=MADE_S, check=False
    )
    if done.returncode:
        expect(done.returncode == -signal.SIGKILL, done.stderr.decode(errors="replace"))
        raise CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why="killed")
    return msgspec.json.decode(done.stdout)


def _init_acknowledged(lab: Lab, made: Any) -> None:
    home = _office(lab)
    expect(home.ready, "the authority is gone")
    expect(made["ca_fingerprint_sha256"] == fingerprint(home), "another authority in its place")
    left = [str(path) for path in home.folder.rglob("*.partial")]
    expect(not left, f"half a file stays: {left}")


def _init_always(lab: Lab) -> None:
    """Either it is not there, and `serve` says so, or it is whole, and serves."""
    home = _office(lab)
    if home.ready:
        check_whole(home)
    read, write = os.pipe()
    command = [sys.executable, "-m", "custode", "authority", "serve"]
    server = subprocess.Popen(
        [*command, "--home", str(home.folder), "--ready-fd", str(write)],
        pass_fds=(write,),
        env={k: v for k, v in os.environ.items() if k != "CUSTODE_FAULTS"},
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(write)
        with os.fdopen(read, "rb") as told:
            said = told.read(6)
        if home.ready:
            expect(said == b"ready\n", "the authority does not serve")
        else:
            expect(server.wait(MADE_S) == _NO_AUTHORITY and not said, "half an authority serves")
    finally:
        server.terminate()
        server.wait(MADE_S)


# --- identity set -----------------------------------------------------------------------------


def _identity(lab: Lab) -> Any:
    person = lab.person
    return lab.call("identity.set", code=person.code, codice_fiscale=person.codice_fiscale)


def _identity_reached(lab: Lab) -> bool:
    return lab.call("status")["identity"] is not None


def _identity_acknowledged(lab: Lab, made: Any) -> None:
    known = lab.call("status")["identity"]
    expect(known is not None, "the identity was lost")
    wanted = (lab.person.code, lab.person.codice_fiscale)
    expect((known["code"], known["codice_fiscale"]) == wanted, f"another identity: {known}")
    expect(made["code"] == known["code"], "another answer")
    lab.call("certificates.list")


def _identity_always(lab: Lab) -> None:
    lab.call("audit.verify")
    home = Home(lab.person.home / "authority")
    pinned = query(
        lab.person.home / "state.sqlite",
        "SELECT value FROM meta WHERE key='authority.pin_sha256'",
    )
    if not home.ready:
        expect(not pinned, "half an authority is believed in")
        expect(not _identity_reached(lab), "an identity without an authority")
        return
    check_whole(home)
    expect(pinned in ([], [(fingerprint(home),)]), "another authority is believed in")
    rows = lab.authority(
        "SELECT identity_code, codice_fiscale, api_key_sha256, password_hash FROM accounts"
    )
    expect(len(rows) <= 1, f"{len(rows)} accounts")
    if not rows:
        expect(not _identity_reached(lab), "an identity without an account")
        return
    ((code, codice_fiscale, key_sha256, phc),) = rows
    expect((code, codice_fiscale) == (lab.person.code, lab.person.codice_fiscale), "whose account?")
    expect(passwords.fits(lab.person.password.decode(), phc), "the password does not fit")
    kept = _key_file(lab).read_text("ascii").strip()
    expect(hashlib.sha256(kept.encode()).hexdigest() == key_sha256, "the API key does not fit")


def _key_file(lab: Lab) -> Path:
    return lab.person.home / "authority" / "accounts" / f"{lab.person.code}.key"


OPERATIONS: Final = (
    Operation(
        "identity set",
        "new",
        "identity.set",
        _identity,
        _identity_reached,
        _identity_acknowledged,
        always=_identity_always,
        watch=lambda _lab, _point: None,
    ),
    Operation(
        "authority init",
        "new",
        "authority.init",
        _init,
        lambda lab: _office(lab).ready,
        _init_acknowledged,
        always=_init_always,
        watch=lambda _lab, _point: None,
        victims=("authority",),
    ),
)
