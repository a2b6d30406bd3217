"""Tokens, certificates and backups in one line each, as every face tells them.

The rows are those of `status` and of the procedures' answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.locale import moments, words
from custode.locale.catalogue import t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping


def token_line(row: Mapping[str, Any]) -> str:
    """One token: label, serial, what it is, whether it is here."""
    parts = [
        t("“{label}” (serial {serial})", label=row.get("label") or "–", serial=row.get("serial")),
        words.word(words.TOKEN, row.get("state")),
    ]
    if "present" in row:
        parts.append(t("inserted") if row["present"] else t("not inserted"))
    parts += [pin_state(row, role) for role in words.ROLE]
    return ", ".join(part for part in parts if part)


def pin_state(row: Mapping[str, Any], role: str) -> str:
    """How a token's PIN (role `user` or `so`) stands; nothing where all is well or unknown."""
    name = {"user": "pin", "so": "so_pin"}[role]
    pin, left = words.word(words.PIN, words.PIN_OF[role]), row.get(f"{name}_attempts_remaining")
    if left == 0 or row.get(f"{name}_locked"):
        return t("{pin} LOCKED", pin=pin)
    if left == 1 or row.get(f"{name}_final_try"):
        return t("{pin}: only ONE attempt left", pin=pin)
    if row.get(f"{name}_to_be_changed"):
        return t("{pin} to be changed", pin=pin)
    if failures := int(row.get(f"{name}_failures") or 0):
        return tn("{pin}: {n} attempt spent", "{pin}: {n} attempts spent", failures, pin=pin)
    return t("{pin}: attempts were spent", pin=pin) if row.get(f"{name}_count_low") else ""


def certificate_line(row: Mapping[str, Any]) -> str:
    """One certificate: its state, and the time it has left."""
    state = row.get("state")
    line = words.word(words.CERTIFICATE, state)
    if state == "suspended":
        line += " " + t("(it was reported)")
    if state == "cancelled":
        line = t("cancelled on {day}", day=moments.day(row.get("cancelled_at")) or "–")
    elif row.get("expires_at"):
        day, left = moments.day(row["expires_at"]), moments.time_left(row["expires_at"])
        line += ", " + t("valid until {day} ({left})", day=day, left=left)
    return f"{line} – {row.get('id_operazione', '')}"


def backup_line(row: Mapping[str, Any]) -> str:
    """One backup: its folder or its token, and its state."""
    name = row.get("folder_name") or row.get("folder") or row.get("backup_id") or "–"
    if row.get("place") == "token":
        name = where(row)
    return f"{name}, {words.word(words.BACKUP, row.get('state'))}"


def where(row: Mapping[str, Any]) -> str:
    """Where a backup lies: its folder, or its token."""
    if row.get("place") != "token":
        return str(row.get("folder") or row.get("folder_name") or "–")
    serial = serial_of(row)
    if not serial:
        return t("on a spare token")
    return t("on token “{label}” ({serial})", label=row.get("label") or "–", serial=serial)


def serial_of(row: Mapping[str, Any]) -> str:
    """The serial of a row's token: `status` names all of it, the procedures only that."""
    token = row.get("token")
    return str(token.get("serial") or "") if isinstance(token, dict) else str(token or "")


def backup_named(row: Mapping[str, Any]) -> str:
    """What a backup is called, and when it was made."""
    name = where(row)
    if name == "–":
        name = str(row.get("backup_id") or name)
    return t("{folder}, made on {day}", folder=name, day=moments.day(row.get("created_at")))


def plug_in(token: Mapping[str, Any]) -> str:
    """Say which token has to be plugged in, and why."""
    return t(
        "Your token “{label}” (serial {serial}) has to sign this: plug it in.",
        label=token.get("label") or "–",
        serial=token.get("serial") or "–",
    )
