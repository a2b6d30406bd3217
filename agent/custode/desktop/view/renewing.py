"""The renewal: what will happen, or why there is nothing to renew; by the agent's word."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.paper import Paper
from custode.locale import moments, outcomes, words
from custode.locale.catalogue import gettext, mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]


class Stage(StrEnum):
    """What can be done now."""

    READY = "ready"
    GOES_ON = "goes_on"
    """One broke off, and goes on from there."""
    NONE = "none"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Case:
    """A stage, and the certificate that it is about."""

    stage: Stage
    row: Row = field(default_factory=dict)


# What happens, in this order, so that one of the two certificates works at every moment.
WILL_HAPPEN: Final = (
    mark("The token makes a new key."),
    mark("The old certificate signs the request for the new one, and it goes to the portal."),
    mark("The new certificate comes onto the token and proves itself."),
    mark("Only then the old certificate is cancelled; backups of it end with it."),
    mark("You make a backup of the new one."),
)


def case(status: Row) -> Case:
    """Say what a renewal would be about."""
    rows = status.get("certificates") or ()
    row: Row = next((one for one in rows if one.get("original")), {})
    for need in status.get("needs") or ():
        if need["text_args"].get("what") == "renew":
            return Case(Stage.GOES_ON, row)
    if not row:
        return Case(Stage.NONE)
    return Case(Stage.SUSPENDED if row["state"] == "suspended" else Stage.READY, row)


def paper(at: Case, status: Row) -> Paper:
    """What the page of that stage says."""
    match at.stage:
        case Stage.NONE:
            return Paper(
                t("There is nothing to renew"),
                (t("You have no certificate yet: ask for one."),),
            )
        case Stage.SUSPENDED:
            return Paper(
                t("Your certificate is suspended"),
                (t("A certificate that was reported as lost cannot be renewed."),),
                _facts(at.row),
            )
        case Stage.GOES_ON:
            lines = (t("It was interrupted. It goes on from where it stopped; nothing was lost."),)
            return Paper(t("The renewal goes on"), lines, _facts(at.row), _absent(at.row, status))
        case _:
            lines = (t("One of the two certificates always works, even if this is interrupted."),)
            lacks = _absent(at.row, status)
            return Paper(t("Renew your certificate"), lines, _facts(at.row), lacks)


def _facts(row: Row) -> list[tuple[str, str]]:
    when = moments.day(row.get("expires_at"))
    left = moments.time_left(row.get("expires_at"))
    return [
        ("IdOperazione", str(row.get("id_operazione") or "")),
        (t("State"), words.word(words.CERTIFICATE, row.get("state"))),
        (t("Expires on"), f"{when} ({left})" if when else ""),
    ]


def _absent(row: Row, status: Row) -> str:
    """Serial of the token that has to be inserted first; nothing: it is here."""
    serial = str((row.get("token") or {}).get("serial") or "")
    here = {token["serial"] for token in status.get("tokens") or () if token["present"]}
    return "" if serial in here else serial


def generating() -> Paper:
    """Say that the portal takes its time."""
    return Paper(
        t("The portal is generating your certificate"),
        (
            t("Go on in a while: the token's PIN is asked for once more."),
            t("Until then the old certificate works. Nothing is lost if you close Custode."),
        ),
    )


def done(answer: Row) -> Paper:
    """What came of it."""
    lines = (*outcomes.old_one(answer), *outcomes.ended_backups(answer))
    return Paper(gettext(outcomes.RENEWED), lines, outcomes.certificate(answer))
