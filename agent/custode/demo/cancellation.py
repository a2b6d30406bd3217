"""Step 9: a second user cancels, by the rules of the agency's page."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Holder:
    """The user, and the tokens that the certificates lie on: as many as they need."""

    stage: Stage
    step: Step
    person: Person
    tokens: list[Token] = field(default_factory=list)
    certificates: int = 0

    def secrets(self) -> dict[str, bytes]:
        """Every token of this user has the same PIN, whichever signs."""
        return self.tokens[0].secrets()

    def with_room(self) -> Token:
        """A token that is plugged in and takes another certificate."""
        if self.certificates == len(self.tokens) * self.stage.certificates_per_token:
            token = self.stage.factory_token(f"Bruno {len(self.tokens) + 1}")
            token.pin = self.tokens[0].pin if self.tokens else token.pin
            start_up(self.stage, self.step, self.person, token)
            self.tokens.append(token)
        return self.tokens[-1]

    def put_away(self) -> None:
        """Take out the tokens: all they carry is cancelled. Not where there is room on them."""
        if self.certificates == len(self.tokens) * self.stage.certificates_per_token:
            for token in self.tokens:
                self.stage.pull(self.person, token)


def tell(stage: Stage, teller: Teller) -> None:
    """Play step 9."""
    with teller.step(t("Cancellation: the first is cumulative, later ones are not")) as step:
        holder = _Holder(stage, step, stage.person("bruno", "BIANCHI2", "BNCBRN75B02F205M"))
        holder.with_room()
        set_identity(stage, step, holder.person)
        _first(holder)
        holder.put_away()
        _later(holder)


def _new(holder: _Holder) -> str:
    """A further certificate, installed; its IdOperazione."""
    token = holder.with_room()
    holder.certificates += 1
    file: Path = holder.person.folder / f"bruno-{holder.certificates}.csr"
    stage, step, person = holder.stage, holder.step, holder.person
    words = ("csr", "--token", token.serial, "--key", "p256", "--out", file)
    stage.run(step, person, *words, secret=token.writing())
    ran = stage.run(step, person, "request", "--csr", file, "--wait", secret=token.secrets())
    operation: str = ran.answer["id_operazione"]
    stage.run(step, person, "install", "--operation", operation, secret=token.writing())
    return operation


def _cancel(holder: _Holder, operation: str) -> dict[str, Any]:
    words = ("cancel", operation, "--reason", "other", "--note", "demo", "--yes")
    ran = holder.stage.run(holder.step, holder.person, *words, secret=holder.secrets())
    done: dict[str, Any] = ran.answer
    return done


def _states(holder: _Holder) -> dict[str, str]:
    ran = holder.stage.run(holder.step, holder.person, "certificates")
    return {row["id_operazione"]: row["state"] for row in ran.answer["certificates"]}


def _covered(answer: dict[str, Any]) -> set[str]:
    return {row["id_operazione"] for row in answer["covered"]}


def _first(holder: _Holder) -> None:
    step = holder.step
    both = {_new(holder) for _ in range(2)}
    states = _states(holder)
    step.check(t("two active certificates"), AUTHORITY, ok=list(states.values()) == ["active"] * 2)
    one = min(both)
    words = ("cancel", one, "--reason", "other", "--preview")
    seen = holder.stage.run(step, holder.person, *words).answer
    reasons = tuple(row["italian"] for row in seen["reasons"])
    step.check(t("six reasons: {all}", all=", ".join(reasons)), CUSTODE, ok=reasons == SIX_REASONS)
    step.check(
        t("the preview covers both"), AUTHORITY, ok=seen["cumulative"] and _covered(seen) == both
    )
    step.check(t("the preview changed nothing"), AUTHORITY, ok=_states(holder) == states)
    done = _cancel(holder, one)
    step.check(
        t("one IdOperazione cancelled both"),
        AUTHORITY,
        ok=done["cumulative"] and _covered(done) == both,
    )
    step.data["first"] = done["id_operazione"]


def _later(holder: _Holder) -> None:
    step = holder.step
    third, fourth = _new(holder), _new(holder)
    step.check(t("new requests were accepted afterwards"), AUTHORITY, ok=bool(third and fourth))
    done = _cancel(holder, third)
    step.check(
        t("a later cancellation covers exactly one"),
        AUTHORITY,
        ok=not done["cumulative"] and _covered(done) == {third},
    )
    states = _states(holder)
    step.check(
        t("the other one stays active"), AUTHORITY, ok=states[fourth] == "active", why=str(states)
    )
