"""`init`: make an authority in a folder, once."""

from __future__ import annotations

import contextlib
import fcntl
import random
import secrets
import socket
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from custode_authority.ca import keys
from custode_authority.ca.files import write_private
from custode_authority.ca.home import HOST, Home, Settings
from custode_authority.ca.lock import only_one
from custode_authority.clock import SystemClock
from custode_authority.errors import HomeUnusable, ServedAlready
from custode_authority.storage import audit
from custode_authority.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode_authority.clock import Clock

# Below the ports that systems lend to outgoing connections (RFC 6056 §3.2; Linux: 32768), so that
# no passing connection ever sits on a port that certificates name.
_PORTS: Final = range(20_000, 32_000)
_ATTEMPTS: Final = 200


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` hands to whoever will use the authority: here the CA's fingerprint is trusted."""

    url: str
    crl_url: str
    ca_fingerprint_sha256: str
    ca_certificate: str
    name: str
    bootstrap_key_file: str
    key_protection: str


def initialise(
    home: Home, *, generation_s: int, validity_days: int, clock: Clock | None = None
) -> Made:
    """Make the authority of a folder; where there is one already, only describe it.

    What an interrupted attempt left is overwritten: nothing was issued from it. The database of one
    that is there already is brought up to date, unless a process serves it: that one did so itself.

    :raises HomeUnusable: when the folder cannot be made or written.
    :raises DatabaseNewer: when a newer version wrote the database.
    """
    try:
        home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(home):
            if home.ready:
                _bring_up_to_date(home)
            else:
                _make(home, generation_s, validity_days, clock or SystemClock())
    except OSError as exc:
        raise HomeUnusable(f"{home.folder} cannot be used: {exc.strerror}") from exc
    return describe(home)


def describe(home: Home) -> Made:
    """Describe the authority of a folder.

    :raises HomeUnusable: when there is none.
    """
    settings = home.settings()
    ca = keys.unlock(home).ca_certificate
    return Made(
        url=settings.url,
        crl_url=settings.crl_url,
        ca_fingerprint_sha256=sha256(ca.public_bytes(Encoding.DER)).hexdigest(),
        ca_certificate=str(home.ca_certificate),
        name=settings.name,
        bootstrap_key_file=str(home.bootstrap_key),
        key_protection="encrypted files; their passphrase lies beside them, readable by you only",
    )


def _make(home: Home, generation_s: int, validity_days: int, clock: Clock) -> None:
    https_port, http_port = _free_ports()
    settings = Settings(
        https_port=https_port,
        http_port=http_port,
        generation_s=generation_s,
        validity_days=validity_days,
    )
    now = clock.now()
    home.database.unlink(missing_ok=True)
    keys.make(home, settings.name, now=now.replace(microsecond=0))
    write_private(home.bootstrap_key, secrets.token_urlsafe(32).encode())
    db = Database(home.database_url)
    db.create()
    with db.transaction() as tx:
        audit.append(tx, "authority.made", {"name": settings.name}, at=now)
    db.close()
    home.write_settings(settings)


def _bring_up_to_date(home: Home) -> None:
    with contextlib.suppress(ServedAlready), only_one(home):
        db = Database(home.database_url)
        try:
            db.migrate()
        finally:
            db.close()


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Let one `init` at a time work on a folder."""
    with (home.folder / "init.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _free_ports() -> tuple[int, int]:
    """Choose two free ports; they stay the authority's."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, _ATTEMPTS):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == 2:  # noqa: PLR2004 - https and http
            return found[0], found[1]
    raise HomeUnusable("no free port was found")
