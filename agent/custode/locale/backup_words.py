"""Words about backups: of which kind one is, and why one is no longer valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.locale.catalogue import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

# design: backup.md, kinds
KIND: Final[Mapping[str, str]] = {
    "successor": mark("spare key"),
    "copy": mark("copy of the key"),
}

# The authority's own words for what retired a backup (`BackupRecord.retired_why`).
RETIRED: Final[Mapping[str, str]] = {
    "by its owner": mark("The backup is no longer valid: you made it void yourself."),
    "never finished": mark("The backup is no longer valid: it was never finished."),
    "registered after the token was last held": mark(
        "The backup is no longer valid: it was made after the day on which, by your report, the"
        " token was last held."
    ),
    "stolen": mark("The backup is no longer valid: it was reported as stolen."),
    "ceased": mark("The backup is no longer valid: your activity is recorded as ceased."),
    "its key may be in other hands": mark(
        "The backup is no longer valid: it holds the very key that was lost or stolen."
    ),
    "renewed": mark("The backup is no longer valid: its original was renewed."),
    "replaced": mark(
        "The backup is no longer valid: another certificate has taken its original's place."
    ),
    "reissued": mark("The backup is no longer valid: its original was issued again."),
    "the authority came back from its recovery export": mark(
        "The backup is no longer valid: the authority was restored after it was made."
    ),
}
