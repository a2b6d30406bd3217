"""What every face tells of a backup that was saved, or was looked at.

The rows are the answers of `backup.create`, `backup.show` and `backup.verify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import backup_words, lines, moments, words
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping

SAVED: Final = mark("The backup was saved.")
_OVER: Final = frozenset({"locked", "retired", "restored"})


def saved_facts(done: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name, path and contents of the folder that was made; or the spare token."""
    backup = (t("Backup"), str(done.get("backup_id") or ""))
    if done.get("place") == "token":
        return [(t("Where"), lines.where(done)), backup]
    return [
        (t("Folder"), str(done.get("folder") or "")),
        (t("Path"), str(done.get("path") or "")),
        (t("Files"), ", ".join(map(_file_name, done.get("files") or []))),
        backup,
    ]


def saved_advice(done: Mapping[str, Any]) -> list[str]:
    """What to know about it and to do now."""
    told = []
    if done.get("place") == "token":
        if foreign := done.get("foreign_certificates"):
            names = ", ".join(map(str, foreign))
            told.append(
                t("The token also carries certificates that are not yours: {names}", names=names)
            )
        told.append(t("Keep the spare token apart from the original."))
    else:
        told.append(t("Keep the folder apart from the token, and its PIN apart from both."))
    told.append(t("It cannot be used while the original is active."))
    if done.get("kind") == "copy":
        told.append(
            t("It holds the original's own key: it serves after a fault, not after a loss.")
        )
    return told


def spare_at_hand(done: Mapping[str, Any]) -> tuple[str, str] | None:
    """A second token that is here and would make the better backup: its serial, and the offer."""
    found = done.get("spare_at_hand") or []
    if not found:
        return None
    label = found[0].get("label") or "–"
    told = t("Token “{label}” is plugged in too: a key of its own never leaves it.", label=label)
    return str(found[0].get("serial")), told


def seen_facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a backup says of itself."""
    path = found.get("path")
    return [
        (t("Path"), str(path)) if path else (t("Where"), lines.where(found)),
        (t("Backup"), str(found.get("backup_id") or "")),
        (t("Kind"), words.word(backup_words.KIND, found.get("kind"))),
        (t("State"), words.word(words.BACKUP, found.get("state"))),
        (t("Identity code"), str(found.get("identity_code") or "")),
        (t("Made on"), moments.minute(found.get("created_at"))),
        (t("Authority"), str(found.get("authority_name") or "")),
    ]


def verified(found: Mapping[str, Any]) -> tuple[str, str]:
    """What the check found, and why the backup is of no use all the same; empty: it is."""
    why = ""
    if found.get("state") in _OVER:
        why = t("It can never be activated any more: make a new one.")
    elif not found.get("registered"):
        why = t("The authority does not know it: it cannot be activated.")
    return t("The backup is whole, and it was signed by your own original."), why


def _file_name(file: Any) -> str:
    return str(file.get("name", "")) if isinstance(file, dict) else str(file)
