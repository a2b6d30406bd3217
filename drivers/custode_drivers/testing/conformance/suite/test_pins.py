"""A PIN that is changed, and one that is set anew where it was forgotten."""

from __future__ import annotations

import pytest

from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story
from custode_drivers.testing.conformance.suite.test_login import spend_all_but_one

NEW = b"271828"


@pytest.mark.story(Story.CHANGE_PIN)
@pytest.mark.needs(Mean.CHANGE)
def test_a_pin_is_changed_with_one_try(plugged: Desk) -> None:
    old = plugged.token.pin
    with plugged.pins(0):
        same = plugged.refused(lambda: plugged.call("change_pin", old, old))
        assert same.code == "pin_unchanged"
    with plugged.pins(1):
        refused = plugged.refused(lambda: plugged.call("change_pin", plugged.wrong_pin, NEW))
    assert (refused.code, refused.data["role"]) == ("pin_incorrect", "user")
    plugged.login()
    with plugged.offered():
        plugged.call("change_pin", old, NEW)
    try:
        assert plugged.refused(plugged.logout).code == "session_unknown"
        assert plugged.refused(plugged.login).code == "pin_incorrect"
        plugged.login(NEW)
    finally:
        plugged.call("change_pin", NEW, old)
    plugged.login()


@pytest.mark.story(Story.UNBLOCK)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE)
def test_a_pin_is_set_anew_with_the_puk_or_the_so_pin(plugged: Desk) -> None:
    officer = plugged.token.puk or plugged.so_pin
    if Mean.LOCK not in plugged.stack.lacks:
        spend_all_but_one(plugged)
        plugged.refused(lambda: plugged.login(plugged.wrong_pin, use_last_attempt=True))
    with plugged.offered():
        plugged.call("unblock_pin", officer, NEW)
    plugged.login(NEW)
    plugged.call("change_pin", NEW, plugged.token.pin)
    plugged.login()
