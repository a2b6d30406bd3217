"""A spare that is a second PIV card: both in readers of one module, and only their SO may write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from custode.demo.card_stage import KINDS, CardToken
from custode.demo.stage import der
from custode_drivers.testing.piv import PivCard

from .conftest import Player, with_card

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def cards() -> Iterator[Player]:
    """A person with a card as it is sold, in the reader."""
    with with_card("piv") as player:
        yield player


def test_a_second_card_takes_the_place_of_the_first(cards: Player) -> None:
    person, first, second = cards.person, cards.token, cards.stage.factory_token("Scorta")
    identity = ("--code", person.code, "--codice-fiscale", person.codice_fiscale)
    cards.run("identity", "set", *identity, password=person.password)
    writing: dict[str, Any] = {"pin": first.pin, "so_pin": first.so_pin}
    csr = person.folder / "first.csr"
    cards.run("csr", "--key", "p256", "--out", csr, **writing)
    cards.run("request", "--csr", csr, "--wait")
    cards.run("install", **writing)

    cards.plug(second)
    cards.run(
        *("token", "pin", "change", "--token", second.serial),
        pin=KINDS["piv"].pin,
        new_pin=second.pin,
    )
    assert isinstance(second, CardToken)
    assert isinstance(second.card, PivCard)
    words = ("backup", "create", "--on-token", second.serial)
    ran = cards.run(*words, pin=first.pin, spare_pin=first.pin, expect=12)
    assert ran.error["data"]["serial"] == second.serial
    assert second.card.pin_attempts_remaining == 2  # the chip counts; the authority does not
    made = cards.run(*words, spare_pin=second.pin, **writing).answer
    assert second.card.pin_attempts_remaining == 3
    (row,) = cards.run("backup", "list").answer["backups"]
    assert (row["backup_id"], row["place"], row["token"]) == (
        made["backup_id"],
        "token",
        second.serial,
    )

    cards.pull()
    cards.run("report", "lost", password=person.password)
    activate = ("backup", "activate", made["backup_id"], "--reason", "lost")
    done = cards.run(*activate, pin=second.pin, so_pin=second.so_pin).answer
    assert (done["state"], done["token"]) == ("restored", second.serial)
    assert der(done, "signature")
    rows = cards.run("token", "list").answer["tokens"]
    assert {r["serial"]: r["state"] for r in rows}[second.serial] == "primary"
