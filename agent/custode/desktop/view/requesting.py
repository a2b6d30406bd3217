"""The way to a certificate: at which stage a person stands, by the agent's word, and what is told.

Nothing here decides whether something may be done: that is the agent's, who is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view.choosing import name
from custode.desktop.view.paper import Paper
from custode.locale import moments, outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Row = Mapping[str, Any]


class Stage(StrEnum):
    """Where a person stands, in the order of the way."""

    IDENTITY = "identity"
    TOKEN = "token"  # noqa: S105 - a stage, not a password
    PIN = "pin"
    KEY = "key"
    SEND = "send"
    WAITING = "waiting"
    REJECTED = "rejected"
    INSTALL = "install"
    BACKUP = "backup"
    THERE = "there"
    """There is a certificate, and its backup."""
    SUSPENDED = "suspended"


STEPS: Final = (mark("Token"), mark("Request"), mark("Portal"), mark("Installation"))
_STEP_OF: Final[Mapping[Stage, int]] = {
    Stage.IDENTITY: 0,
    Stage.TOKEN: 0,
    Stage.PIN: 0,
    Stage.KEY: 1,
    Stage.SEND: 1,
    Stage.WAITING: 2,
    Stage.REJECTED: 2,
    Stage.INSTALL: 3,
}

_COMING: Final = frozenset({"requested", "generating"})
_HELD: Final = frozenset({"active", "suspended"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for: a certificate on that `token`, a `new` one besides another."""

    token: str = ""
    new: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """A stage, with what it is about: the certificate's row, or the token that was chosen."""

    stage: Stage
    row: Row = field(default_factory=dict)

    @property
    def step(self) -> int:
        """Which of STEPS it belongs to; past the last one at the end of the way."""
        return _STEP_OF.get(self.stage, len(STEPS))


def way(status: Row, standing: Row, wish: Wish) -> Way:
    """Say where the person stands; what is under way comes before what could be begun."""
    if not status.get("identity"):
        return Way(Stage.IDENTITY)
    rows = sorted(status.get("certificates") or (), key=lambda row: str(row["requested_at"]))
    newest = rows[-1] if rows else {}
    if newest.get("state") in _COMING:
        return Way(Stage.WAITING, newest)
    if (arrived := arrived_one(status)) is not None:
        return Way(Stage.INSTALL, arrived)
    if not wish.new:
        if (unsent := standing.get("unsent")) is not None:
            return Way(Stage.SEND, unsent)
        held = next((row for row in rows if row.get("original") and row["state"] in _HELD), None)
        if held is not None and not wish.token:
            return _held(status, held)
        if newest.get("state") == "rejected":
            return Way(Stage.REJECTED, newest)
    return _token(standing, wish)


def arrived_one(status: Row, id_operazione: str = "") -> Row | None:
    """The certificate that waits to be put onto its token; the newest, or the one of that name."""
    wanted = {
        str(need["text_args"].get("id_operazione"))
        for need in status.get("needs") or ()
        if need["need"] == "install_certificate"
    }
    rows = [
        row
        for row in status.get("certificates") or ()
        if row["id_operazione"] in wanted and id_operazione in {"", row["id_operazione"]}
    ]
    return max(rows, key=lambda row: str(row["requested_at"]), default=None)


def _held(status: Row, row: Row) -> Way:
    if row["state"] == "suspended":
        return Way(Stage.SUSPENDED, row)
    missing = any(need["need"] == "backup_missing" for need in status.get("needs") or ())
    return Way(Stage.BACKUP if missing else Stage.THERE, row)


def _token(standing: Row, wish: Wish) -> Way:
    tokens = fit(standing)
    chosen = next((row for row in tokens if wish.token in {row["name"], row["serial"]}), None)
    if chosen is None and tokens:
        chosen = tokens[0]
    if chosen is None:
        return Way(Stage.TOKEN)
    return Way(Stage.KEY if chosen["pin_set"] else Stage.PIN, chosen)


def fit(standing: Row) -> list[Row]:
    """Tokens here on which a key can be made; those whose making broke off come first.

    Each with its `name`, which means no other.
    """
    begun = {row["serial"] for row in standing.get("begun") or ()}
    here = standing.get("tokens") or ()
    tokens = [
        {**row, "name": name(row, here)} for row in here if not row["refusal"] and row["keys"]
    ]
    return sorted(tokens, key=lambda row: row["serial"] not in begun)


def paper(at: Way, status: Row, standing: Row, now: datetime) -> Paper:
    """What the page of that stage says."""
    match at.stage:
        case Stage.WAITING:
            return _waiting(at.row, standing, now)
        case Stage.REJECTED:
            facts = outcomes.requested(at.row)
            return Paper(t("The portal refused the request"), (t(outcomes.REFUSED),), facts)
        case Stage.INSTALL:
            return arrived(at.row, status)
        case Stage.SEND:
            return _unsent(at.row)
        case Stage.BACKUP | Stage.THERE | Stage.SUSPENDED:
            return _there(at)
        case _:
            return _before(at, status, standing)


def _before(at: Way, status: Row, standing: Row) -> Paper:
    """What comes before the portal knows of anything."""
    match at.stage:
        case Stage.IDENTITY:
            return Paper(
                t("Who is the certificate for?"),
                (t("The portal issues it in your name: Custode has to know who you are."),),
            )
        case Stage.TOKEN:
            refused = [_refused(row) for row in standing.get("tokens") or ()]
            lines = (t("Your key is made on it, and never leaves it."), *refused)
            return Paper(t("Insert your token"), lines)
        case Stage.PIN:
            label = at.row["label"] or "–"
            return Paper(
                t("Token “{label}” has no PIN yet", label=label),
                (t("Prepare it first: you choose its PIN. Then it goes on here by itself."),),
            )
        case _:
            return Paper(
                t("The key and the request"),
                (
                    t(
                        "The token makes a key that never leaves it, and signs the request with it;"
                        " then the request goes to the portal."
                    ),
                ),
                identity_facts(status),
            )


def _refused(row: Row) -> str:
    """Why a token that is here is none for a new key."""
    label, serial = row["label"] or "–", row["serial"]
    why = _WHY_NOT.get((row["refusal"] or {}).get("code"), _NO_KEYS)
    return t(why, label=label, serial=serial)


_NO_KEYS: Final = mark("Token “{label}” (serial {serial}) makes no keys of its own.")
_WHY_NOT: Final[Mapping[object, str]] = {
    "token_retired": mark("Token “{label}” (serial {serial}) is no longer valid: use another one."),
    "spare_taken": mark("Token “{label}” (serial {serial}) carries a backup: use another one."),
}


def identity_facts(status: Row) -> list[tuple[str, str]]:
    """Whom the certificate is for."""
    who = status.get("identity") or {}
    return [
        (t("Name"), str(who.get("name") or "")),
        (t("Codice fiscale"), str(who.get("codice_fiscale") or "")),
        (t("Code"), str(who.get("code") or "")),
    ]


def _unsent(row: Row) -> Paper:
    return Paper(
        t("Your request has not been sent yet"),
        (
            t(
                "Your key was made on {day}, on the token with serial {serial}, and the request is"
                " ready. Nothing was lost: it only has to be sent.",
                day=moments.day(row["made_at"]),
                serial=row["serial"],
            ),
        ),
        [(t("File"), row["file_name"])],
    )


def _waiting(row: Row, standing: Row, now: datetime) -> Paper:
    looks = {look["key_sha256"]: look["next_look_at"] for look in standing.get("looks") or ()}
    facts = [
        *outcomes.requested(row),
        (t("Next look"), next_look(looks.get(row.get("key_sha256")), now)),
    ]
    return Paper(
        t("The portal is generating your certificate"),
        (
            t("This can take from a few seconds to some days. You are told when it is there."),
            t("Nothing is lost if you close Custode."),
        ),
        facts,
    )


_SOON_S: Final = 90


def next_look(moment: Any, now: datetime) -> str:
    """When the portal is asked again; nothing where nobody asks."""
    at = moments.parse(moment)
    if at is None:
        return ""
    return t("in a few seconds") if (at - now).total_seconds() < _SOON_S else moments.minute(moment)


def arrived(row: Row, status: Row) -> Paper:
    """A certificate that has come, and where it belongs."""
    facts = outcomes.requested(row)
    title = t("Your certificate has arrived")
    if (token := row.get("token")) is None:
        return Paper(title, (t("It goes onto the token that holds its key."),), facts)
    serial = token["serial"]
    seen: Row = next((one for one in status.get("tokens") or () if one["serial"] == serial), {})
    named = {"label": seen.get("label") or "–", "serial": serial}
    if not seen.get("present"):
        told = t("Insert token “{label}” (serial {serial}): its key is there.", **named)
        return Paper(title, (told,), facts, lacks=serial)
    told = t("It goes onto token “{label}” (serial {serial}), which holds its key.", **named)
    return Paper(title, (told,), facts)


def _there(at: Way) -> Paper:
    facts = [
        ("IdOperazione", str(at.row["id_operazione"])),
        (t("Expires on"), moments.day(at.row.get("expires_at"))),
    ]
    match at.stage:
        case Stage.BACKUP:
            return Paper(t("Your certificate is on its token"), facts=facts)
        case Stage.SUSPENDED:
            told = t("It was reported as lost. Your backup takes its place once it is activated.")
            return Paper(t("Your certificate is suspended"), (told,), facts)
        case _:
            told = t("Renew it before it expires; another one is rarely needed.")
            return Paper(t("You have a certificate already"), (told,), facts)
