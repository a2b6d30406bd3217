"""What can go wrong with a recovery export, for whoever runs the program.

RecoveryFailed    .code: a stable name (the agent has a sentence for each), .data: its values
"""

from __future__ import annotations

from enum import StrEnum

from custode_authority.errors import AuthorityError


class RecoveryCode(StrEnum):
    """What happened; the names are those of the agent's table of errors."""

    EXPORT_INVALID = "export_invalid"  # path
    EXPORT_PIN_WRONG = "export_pin_wrong"  # path
    EXPORT_PIN_WEAK = "export_pin_weak"  # min, max
    EXPORT_OF_ANOTHER = "export_of_another"  # path
    EXPORT_TOO_LARGE = "export_too_large"  # max
    AUTHORITY_EXISTS = "authority_exists"  # path
    AUTHORITY_SERVED = "authority_served"  # path
    AUTHORITY_BROKEN = "authority_broken"  # path, why
    DATABASE_NEWER = "database_newer"  # path
    FILE_MISSING = "file_missing"  # path
    FILE_EXISTS = "file_exists"  # path
    FILE_UNREADABLE = "file_unreadable"  # path, why
    FILE_UNWRITABLE = "file_unwritable"  # path, why


class RecoveryFailed(AuthorityError):
    """An export was not made, or not brought back; nothing half done was left."""

    def __init__(self, code: RecoveryCode, **data: str | int | None) -> None:
        super().__init__(code)
        self.code = code
        self.data = data
