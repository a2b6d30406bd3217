"""What a person has to know or do, and what is remembered of having said so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from custode.domain.model import TokenId


class NeedKind(StrEnum):
    """What the person has to know or do, most urgent first: the order here is the order shown."""

    LAST_PIN_ATTEMPT = "last_pin_attempt"
    CANCELLED_ORIGINAL_BACK = "cancelled_original_back"
    PIN_LOCKED = "pin_locked"
    PIN_TO_BE_CHANGED = "pin_to_be_changed"
    PIN_NOT_SET = "pin_not_set"
    IDENTITY_MISSING = "identity_missing"
    INSTALL_CERTIFICATE = "install_certificate"
    BACKUP_MISSING = "backup_missing"
    RECOVERY_EXPORT_MISSING = "recovery_export_missing"
    EXPIRY = "expiry"
    OPERATION_CAN_GO_ON = "operation_can_go_on"
    SPARE_KEY_DEAD = "spare_key_dead"
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - a kind of need, not a password


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs the person, and on what.

    `subject` tells needs of one kind apart; `token` and `label` say which token; `text_args` are
    for the sentence. `on_insertion`: prompted only while that token is here (it is listed always).
    """

    kind: NeedKind
    subject: str = ""
    token: TokenId | None = None
    label: str = ""
    on_insertion: bool = False
    text_args: Mapping[str, str | int] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> str:
        """Names the need in snoozes and prompts, across restarts."""
        return f"{self.kind}:{self.subject}"

    @property
    def critical(self) -> bool:
        """Whether its notification may be of critical urgency."""
        return self.kind in {NeedKind.BACKUP_MISSING, NeedKind.EXPIRY, NeedKind.LAST_PIN_ATTEMPT}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is remembered of a need's prompts: the day (UTC) of the last desktop notification."""

    key: str
    notified_on: date | None = None
    snoozed_until: datetime | None = None
