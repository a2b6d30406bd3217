"""PINs: the right one, wrong ones, the last try, and none left."""

from __future__ import annotations

import pytest

from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story


def spend_all_but_one(desk: Desk) -> None:
    """Leave one try."""
    tries = desk.token.tries
    assert tries is not None, "the stack has Mean.LOCK, and its token no number of tries"
    for _ in range(tries - 1):
        assert desk.refused(lambda: desk.login(desk.wrong_pin)).code == "pin_incorrect"


@pytest.mark.story(Story.LOGIN)
def test_the_right_pin_opens_a_session_and_is_sent_once(plugged: Desk) -> None:
    with plugged.pins(1):
        plugged.login()
    plugged.logout()
    assert plugged.refused(plugged.logout).code == "session_unknown"


@pytest.mark.story(Story.LOGIN)
@pytest.mark.whole
def test_a_pin_that_cannot_be_right_is_not_sent(plugged: Desk) -> None:
    longest = plugged.row()["max_pin"]
    with plugged.pins(0):
        if longest is not None and longest < 1024:
            refused = plugged.refused(lambda: plugged.login(b"1" * (longest + 1)))
            assert refused.code == "pin_length"
        assert plugged.refused(lambda: plugged.login(b"")).code == "secret_missing"
        told = {"token": plugged.who}
        nothing = plugged.refused(lambda: plugged.worker.call("login", told))
        assert (nothing.code, nothing.data) == ("secret_missing", {"why": "no_descriptor"})
    plugged.login()


@pytest.mark.story(Story.LOGIN)
@pytest.mark.whole
def test_a_second_login_ends_the_first_session(plugged: Desk) -> None:
    plugged.login()
    first = plugged.session
    plugged.login()
    ended = plugged.refused(lambda: plugged.worker.call("logout", {"session": first}))
    assert ended.code == "session_unknown"
    plugged.logout()


@pytest.mark.story(Story.WRONG)
@pytest.mark.needs(Mean.CHANGE)
def test_a_wrong_pin_costs_one_try_and_opens_nothing(plugged: Desk) -> None:
    with plugged.pins(1):
        refused = plugged.refused(lambda: plugged.login(plugged.wrong_pin))
    assert (refused.code, refused.data["role"]) == ("pin_incorrect", "user")
    plugged.login()


@pytest.mark.story(Story.LAST)
@pytest.mark.needs(Mean.CHANGE, Mean.LOCK)
def test_the_last_try_is_not_spent_unless_somebody_says_so(plugged: Desk) -> None:
    spend_all_but_one(plugged)
    with plugged.unless("final_try_not_told"):
        assert plugged.row()["pin_final_try"]
    with plugged.pins(0), plugged.unless("final_try_not_told"):
        refused = plugged.refused(plugged.login)
        assert (refused.code, refused.data["role"]) == ("pin_last_attempt", "user")
    plugged.login(use_last_attempt=True)
    plugged.logout()
    row = plugged.row()
    assert not row["pin_final_try"]
    assert not row["pin_locked"]


@pytest.mark.story(Story.LOCKED)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE, Mean.LOCK)
def test_a_locked_pin_is_told_and_nothing_more_is_sent(plugged: Desk) -> None:
    spend_all_but_one(plugged)
    last = plugged.refused(lambda: plugged.login(plugged.wrong_pin, use_last_attempt=True))
    with plugged.unless("lock_not_told"):
        assert last.code == "pin_locked"
    with plugged.unless("locked_not_listed"):
        assert plugged.row()["pin_locked"]
    with plugged.pins(0), plugged.unless("locked_not_listed"):
        again = plugged.refused(lambda: plugged.login(use_last_attempt=True))
        assert (again.code, again.data["role"]) == ("pin_locked", "user")
