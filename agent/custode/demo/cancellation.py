"""Step 9: a second user cancels, by the rules of the agency's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from custode.demo.story import set_identity, start_up
from custode.demo.telling import AUTHORITY, CUSTODE
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.demo.stage import Person, Stage, Token
    from custode.demo.telling import Step, Teller

SIX_REASONS = (
    "Chiave primaria smarrita",
    "Attività cessata",
    "Furto certificato",
    "Rinnovo scadenza",
    "Malfunzionamento",
    "Altro",
)


def tell(stage: Stage, teller: Teller) -> None:
    """Play step 9."""
    with teller.step(t("Cancellation: the first is cumulative, later ones are not")) as step:
        person = stage.person("bruno", "BIANCHI2", "BNCBRN75B02F205M")
        token = stage.factory_token("Bruno")
        start_up(stage, step, person, token)
        set_identity(stage, step, person)
        _first(stage, step, person, token)
        _later(stage, step, person, token)


def _new(stage: Stage, step: Step, person: Person, token: Token, number: int) -> str:
    """A further certificate, installed; its IdOperazione."""
    file: Path = person.folder / f"bruno-{number}.csr"
    pin = {"pin": token.pin}
    stage.run(step, person, "csr", "--key", "p256", "--out", file, secret=pin)
    row = stage.run(step, person, "request", "--csr", file, "--wait", secret=pin).answer
    operation: str = row["id_operazione"]
    stage.run(step, person, "install", "--operation", operation, secret=pin)
    return operation


def _cancel(
    stage: Stage, step: Step, person: Person, token: Token, operation: str
) -> dict[str, Any]:
    words = ("cancel", operation, "--reason", "other", "--note", "demo", "--yes")
    done: dict[str, Any] = stage.run(step, person, *words, secret={"pin": token.pin}).answer
    return done


def _states(stage: Stage, step: Step, person: Person) -> dict[str, str]:
    rows = stage.run(step, person, "certificates").answer["certificates"]
    return {row["id_operazione"]: row["state"] for row in rows}


def _covered(answer: dict[str, Any]) -> set[str]:
    return {row["id_operazione"] for row in answer["covered"]}


def _first(stage: Stage, step: Step, person: Person, token: Token) -> None:
    both = {_new(stage, step, person, token, number) for number in (1, 2)}
    states = _states(stage, step, person)
    step.check(t("two active certificates"), AUTHORITY, ok=list(states.values()) == ["active"] * 2)
    one = min(both)
    words = ("cancel", one, "--reason", "other", "--preview")
    seen = stage.run(step, person, *words).answer
    reasons = tuple(row["italian"] for row in seen["reasons"])
    step.check(t("six reasons: {all}", all=", ".join(reasons)), CUSTODE, ok=reasons == SIX_REASONS)
    step.check(
        t("the preview covers both"), AUTHORITY, ok=seen["cumulative"] and _covered(seen) == both
    )
    unchanged = _states(stage, step, person) == states
    step.check(t("the preview changed nothing"), AUTHORITY, ok=unchanged)
    done = _cancel(stage, step, person, token, one)
    step.check(
        t("one IdOperazione cancelled both"),
        AUTHORITY,
        ok=done["cumulative"] and _covered(done) == both,
    )
    step.data["first"] = done["id_operazione"]


def _later(stage: Stage, step: Step, person: Person, token: Token) -> None:
    third = _new(stage, step, person, token, 3)
    fourth = _new(stage, step, person, token, 4)
    step.check(t("new requests were accepted afterwards"), AUTHORITY, ok=bool(third and fourth))
    done = _cancel(stage, step, person, token, third)
    step.check(
        t("a later cancellation covers exactly one"),
        AUTHORITY,
        ok=not done["cumulative"] and _covered(done) == {third},
    )
    states = _states(stage, step, person)
    step.check(
        t("the other one stays active"), AUTHORITY, ok=states[fourth] == "active", why=str(states)
    )
