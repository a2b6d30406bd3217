"""The manifest of a container: what it is a backup of, and whom to ask.

Canonical JSON in one signed attribute of `iw.iwk` (`oids.MANIFEST`, a UTF8String, so that
`openssl cms -cmsout -print` shows it). Names and addresses in it are hints, never trusted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from custode_authority.wire.parameters import ARGON2_SALT_LENGTH, MAX_MANIFEST_SIZE
from custode_authority.wire.states import BackupKind

# \Z, because `$` would let a line end through.
Hex256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
BackupId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
IdentityCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,16}\Z")]
# No control characters, no invisible ones that turn the direction of a line (Unicode TR 9).
Name = Annotated[
    str,
    Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]{1,100}\Z"),
]
# No user information, query or fragment.
Address = Annotated[
    str, Meta(max_length=200, pattern=r"^https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?\Z")
]
Salt = Annotated[bytes, Meta(min_length=ARGON2_SALT_LENGTH, max_length=ARGON2_SALT_LENGTH)]
UtcTime = Annotated[datetime, Meta(tz=True)]


class ManifestInvalid(Exception):
    """Not a manifest of this format."""


class Dated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every manifest has: `created` in UTC, whole seconds."""

    created: UtcTime


T = TypeVar("T", bound=Dated)


class Manifest(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the original signed about its backup.

    `original_sha256` is the fingerprint of the original's certificate; `successor_sha256` the
    SHA-256 of the successor's SubjectPublicKeyInfo; `salt` that of the PIN key.
    """

    format_version: Literal[1] = 1
    backup_id: BackupId
    kind: BackupKind
    identity_code: IdentityCode
    original_sha256: Hex256
    successor_sha256: Hex256
    authority_name: Name
    authority_address: Address
    salt: Salt


def encode(manifest: Dated) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8, the time in UTC and whole seconds.

    :raises ManifestInvalid: a value that no reader would take
    """
    created = manifest.created.astimezone(UTC).replace(microsecond=0)
    data = msgspec.json.encode(msgspec.structs.replace(manifest, created=created), order="sorted")
    decode_as(data, type(manifest))
    return data


def decode(data: bytes) -> Manifest:
    """Read a container's manifest; only its canonical form is one.

    :raises ManifestInvalid: another version, an unknown field, a value out of range, another form
    """
    return decode_as(data, Manifest)


def decode_as(data: bytes, kind: type[T]) -> T:
    """Read a manifest of that kind; only its canonical form is one.

    :raises ManifestInvalid: another version, an unknown field, a value out of range, another form
    """
    if len(data) > MAX_MANIFEST_SIZE:
        raise ManifestInvalid
    try:
        manifest = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ManifestInvalid from None
    created = manifest.created
    canonical = msgspec.json.encode(manifest, order="sorted")
    if canonical != data or created.microsecond or created.utcoffset():
        raise ManifestInvalid
    return manifest
