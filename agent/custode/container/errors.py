"""What can go wrong with a container or its folder.

ContainerError
 ├─ ContainerInvalid      integrity: not a container, or not that original's
 ├─ Undecryptable         a layer did not open, for whatever reason
 ├─ BackupPinRefused      .reason
 └─ FolderError
     ├─ IncludeRefused    .name .reason
     ├─ IdentityInside    the folder itself would tell whose it is
     ├─ NoSpace           .needed .free, bytes
     └─ NotWritten        .path .why
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from custode_authority.wire.pin import PinReason


class ContainerError(Exception):
    """Base of this package's errors."""


class NotABackup(ContainerError):
    """There is no `iw.iwk` to read in that folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


class ContainerInvalid(ContainerError):
    """Not an `iw.iwk` of this format, or not signed by the original it names."""


class Undecryptable(ContainerError):
    """A layer did not open. One error, so that nobody learns which check failed."""


class BackupPinRefused(ContainerError):
    """The backup PIN breaks a rule; it was used for nothing."""

    def __init__(self, reason: PinReason) -> None:
        super().__init__(reason)
        self.reason = reason


class FolderError(ContainerError):
    """The folder was not made. Nothing half-written stays where it could be removed."""


class IncludeReason(StrEnum):
    """Why a file is not taken along."""

    UNREADABLE = "unreadable"
    NOT_A_FILE = "not_a_file"  # a folder, a link, a device
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    NAME_NOT_PORTABLE = "name_not_portable"  # FAT or another system would not take the name
    NAME_TAKEN = "name_taken"
    HOLDS_IDENTITY = "holds_identity"  # the codice fiscale or name is in it, or in its name


class IncludeRefused(FolderError):
    """A file that the person wants to take along must stay outside.

    `name` can be printed: what is no visible character in it is escaped.
    """

    def __init__(self, name: str, reason: IncludeReason) -> None:
        self.name = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in name)
        super().__init__(f"{self.name}: {reason}")
        self.reason = reason


class IdentityInside(FolderError):
    """The container, the leaflet or the folder's name holds what must not be in them."""


class NoSpace(FolderError):
    """The volume is too full; sizes in bytes."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(f"{needed} needed, {free} free")
        self.needed = needed
        self.free = free


class NotWritten(FolderError):
    """The volume failed, went away, or gave back other bytes than were written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why
