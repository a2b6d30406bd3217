"""The first day on a real agent: who one is, a dialog given up, the token that is waited for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from tests.desktop.hands import find, names, press, texts, type_into
from tests.desktop.windows.real_person import at_a_desk

from custode.desktop.theme import Theme

PASSWORD = "New password for your account (at least 8 characters)"
AGAIN = "The new password once more"


def test_the_first_day(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_a_desk(theme, tmp_path, monkeypatch, known=False) as person:
        anna, desk = person.player.person, person.desk
        panel: Any = desk.open("panel")
        person.until(lambda: "Say who you are…" in names(panel), "the panel asks who one is")
        press(panel, "Say who you are…")
        window: Any = desk._windows["first_run"]
        type_into(window, "Identity code", anna.code.lower())
        type_into(window, "Codice fiscale", anna.codice_fiscale[:-1])
        assert not find(window, "Open the account…").isEnabled()
        type_into(window, "Codice fiscale", anna.codice_fiscale[-1])
        type_into(window, "Name", "Anna Rossi")

        # The dialog stands open, nobody types: the window's own way out ends it.
        calls: list[Any] = []
        monkeypatch.setattr(window, "_worked", lambda: calls.append(1))
        press(window, "Open the account…")
        person.until(lambda: window._working._asking, "the dialog is asked for")
        assert "Type it in the window that has opened." in texts(window)
        QTest.keyClick(window, Qt.Key.Key_Escape)
        person.until(lambda: window.error is not None, "it is given up")
        assert any("Cancelled" in said for said in texts(window))
        assert find(window, "Name").property("text") == "Anna Rossi"

        person.will_type((PASSWORD, anna.password), (AGAIN, anna.password))
        press(window, "Open the account…")
        person.until_at(window, "token")
        assert person.typed_all()
        assert not find(window, "Next").isEnabled()
        person.player.plug()
        person.until(lambda: find(window, "Next").isEnabled(), "the token is taken as it comes")
        press(window, "Next")
        person.until_at(window, "done")
        person.until(lambda: "Anna Rossi" in texts(panel), "the panel follows")
        press(window, "Ask for a certificate…")
        assert "request" in desk._windows
        assert "first_run" not in desk._windows
