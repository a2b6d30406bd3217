"""Which tokens a backup may be put onto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = Mapping[str, Any]

_NO_PIN: Final = mark("It has no PIN yet.")
_RETIRED: Final = mark("It is the old original, which is no longer valid.")


def why_not(row: Row) -> str:
    """Why a token cannot take the backup; empty: it can, as far as is known here."""
    if row.get("state") == "retired":
        return t(_RETIRED)
    if not row.get("user_pin_initialized", True):
        return t(_NO_PIN)
    return ""


def unprepared(status: Row) -> list[tuple[str, str]]:
    """Label and serial of the tokens here that want a PIN first."""
    return [
        (str(row.get("label") or "–"), str(row.get("serial") or ""))
        for row in status.get("tokens") or ()
        if row.get("present")
        and row.get("state") not in {"retired", "foreign"}
        and not row.get("user_pin_initialized", True)
    ]


def why_not_reissued(row: Row) -> str:
    """Why a token cannot get a new certificate; its PIN may well be lost."""
    return t(_RETIRED) if row.get("state") == "retired" else ""


def give_up_word() -> str:
    """What has to be typed before a token is given up."""
    return t("GIVE IT UP")


def given_up(typed: str) -> bool:
    """Whether it was typed, whatever the case and the blanks around it."""
    return " ".join(typed.split()).casefold() == give_up_word().casefold()
