"""What anybody may know: which tokens are there, and what can be read without a PIN."""

from __future__ import annotations

import pytest
from msgspec import convert

from custode_drivers.api.types import TokenInfo
from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story


@pytest.mark.story(Story.LIST)
def test_a_token_is_listed(desk: Desk) -> None:
    if Mean.REMOVAL not in desk.stack.lacks:
        assert desk.worker.call("list") == []
    row = desk.take(desk.bench.token("prova"))
    info = convert(row, TokenInfo)
    with desk.unless("no_serial"):
        assert info.serial != info.label
    assert info.initialized
    assert info.user_pin_initialized
    assert info.mechanisms
    assert not info.pin_locked
    assert desk.worker.starts == 1


@pytest.mark.story(Story.READ)
@pytest.mark.whole
def test_a_certificate_is_read_without_a_pin(plugged: Desk) -> None:
    if not plugged.row()["certificates"]:
        plugged.needs(Mean.CHANGE)
        plugged.certify(plugged.key())
        plugged.logout()
    (certificate, *_) = plugged.row()["certificates"]
    keys = {key["key_id"] for key in plugged.row()["public_keys"]}
    with plugged.unless("public_keys_hidden"):
        assert certificate["key_id"] in keys
