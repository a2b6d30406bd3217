"""Which token may be chosen: a table."""

from typing import Any

import pytest

from custode.desktop.view.choosing import about, chosen, offers
from custode.locale.catalogue import use


def row(serial: str, *, present: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "serial": serial,
        "label": f"L{serial}",
        "uri": f"pkcs11:serial={serial};model={more.get('model', 'M')}",
        "state": "unknown",
        "present": present,
        **more,
    }


def blank(token: Any) -> str:
    return "" if token["state"] == "unknown" else "It is in use."


def test_only_what_is_here_is_offered_and_what_fits_comes_first() -> None:
    status = {"tokens": [row("1", state="primary"), row("2"), row("3", present=False)]}
    found = offers(status, blank)
    assert [(one.name, one.why_not) for one in found] == [("2", ""), ("1", "It is in use.")]
    assert offers({}) == ()


def test_two_tokens_of_one_serial_are_told_apart_by_their_uri() -> None:
    found = offers({"tokens": [row("1", model="A"), row("1", model="B")]})
    assert {one.name for one in found} == {"pkcs11:serial=1;model=A", "pkcs11:serial=1;model=B"}


@pytest.mark.parametrize(
    ("serials", "before", "now"),
    [
        (["1"], "", "1"),
        (["1", "2"], "", ""),
        (["1", "2"], "2", "2"),
        (["1"], "2", "1"),
        ([], "1", ""),
    ],
)
def test_the_only_one_chooses_itself(serials: list[str], before: str, now: str) -> None:
    assert chosen(offers({"tokens": [row(serial) for serial in serials]}), before) == now


def test_a_token_is_told_with_what_its_pin_needs() -> None:
    use("it")
    told = about(row("0042", state="primary", pin_attempts_remaining=1))
    use("en")
    assert told == "N. di serie 0042 · l'originale · PIN: resta UN SOLO tentativo"
