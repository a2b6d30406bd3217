"""PINs: the right one, wrong ones, the last try, and none left."""

from __future__ import annotations

import pytest

from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story


@pytest.mark.story(Story.LOGIN)
def test_the_right_pin_opens_a_session_and_is_sent_once(plugged: Desk) -> None:
    before = plugged.token.pins_sent
    plugged.login()
    after = plugged.token.pins_sent
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after - before == 1
    plugged.logout()
    assert plugged.refused(plugged.logout).code == "session_unknown"


@pytest.mark.story(Story.WRONG)
def test_a_wrong_pin_costs_one_try_and_opens_nothing(plugged: Desk) -> None:
    plugged.needs(Mean.CHANGE)
    wrong = bytes(reversed(plugged.token.pin))
    before = plugged.token.pins_sent
    refused = plugged.refused(lambda: plugged.login(wrong))
    assert (refused.code, refused.data["role"]) == ("pin_incorrect", "user")
    after = plugged.token.pins_sent
    if before is not None and after is not None:
        assert after - before == 1
    plugged.login()
