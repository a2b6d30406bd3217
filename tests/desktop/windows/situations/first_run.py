"""The first day."""

from typing import Any

from PySide6.QtWidgets import QLineEdit
from tests.desktop.hands import find, type_into
from tests.desktop.windows.situations.panel import AGENT, FIRST, IDENTITY, WELL, token
from tests.desktop.windows.situations.table import Situation

from custode.locale.catalogue import t

BLANK = token(state="unknown", label="", model="SoftHSM v2", user_pin_initialized=False)


def typed(_desk: Any, window: Any) -> None:
    type_into(window, t("Identity code"), "ROSSI01")
    type_into(window, t("Codice fiscale"), "RSSNNA80A41H501Y")
    field = find(window, t("Codice fiscale"))
    assert isinstance(field, QLineEdit)
    field.editingFinished.emit()


def at_token(_desk: Any, window: Any) -> None:
    window._owner = window._owner.of(IDENTITY)
    window.go("token")


def at_end(_desk: Any, window: Any) -> None:
    at_token(_desk, window)
    window.go("done")


SITUATIONS = {
    "first-run": Situation("first_run", status=FIRST),
    "first-run-mistyped": Situation("first_run", status=FIRST, play=typed),
    "first-run-known": Situation("first_run", status=WELL),
    "first-run-no-token": Situation("first_run", status=FIRST, play=at_token),
    "first-run-token": Situation(
        "first_run", status={"agent": AGENT, "tokens": [BLANK]}, play=at_token
    ),
    "first-run-done": Situation(
        "first_run", status={"agent": AGENT, "tokens": [BLANK]}, play=at_end
    ),
}
