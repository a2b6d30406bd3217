"""An error in a window: no command is named, and what can be done has a button."""

import re
from collections.abc import Iterator

import pytest

from custode.desktop.view import failure
from custode.desktop.view.action import window
from custode.error_codes import ErrorCode
from custode.error_table import ROWS
from custode.errors import CustodeError, fields
from custode.locale.catalogue import use

OF_A_TERMINAL = re.compile(r"custode [a-z]|--|`|\bcommand\b|\bcomando\b|config\.toml")


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use("en")


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("code", ErrorCode)
def test_no_hint_names_a_command(code: ErrorCode, language: str) -> None:
    use(language)
    for template in ROWS[code].hint:
        told = failure.tell(CustodeError(code, **dict.fromkeys(fields(template), "X")))
        assert told.message
        assert told.hint
        assert not OF_A_TERMINAL.search(told.hint)
        assert (told.action is None) == (told.button == "")


def test_a_locked_pin_leads_to_the_window_that_unblocks_that_token() -> None:
    told = failure.tell(CustodeError(ErrorCode.PIN_LOCKED, token="A", serial="0042", pin="PIN"))
    assert told.action == window("pin_unblock", token="0042")


def test_the_last_attempt_and_a_cancelling_are_told_apart() -> None:
    assert failure.tell(CustodeError(ErrorCode.PIN_LAST_ATTEMPT)).last_attempt
    assert failure.tell(CustodeError(ErrorCode.CANCELLED)).cancelled
    assert not failure.tell(CustodeError(ErrorCode.FAILED)).cancelled


def test_a_closed_gate_tells_every_reason() -> None:
    reasons = [{"code": "no_backup", "remedy": "create_backup", "text_args": {}}] * 2
    told = failure.tell(CustodeError(ErrorCode.GATE_CLOSED, reasons=reasons))
    assert told.reasons == ("– There is no backup yet. It changes when you save a backup.",) * 2
