"""The main window: what it leads to, and that it follows without disturbing anybody."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QMenu, QPushButton
from tests.desktop.hands import find, names, press, texts
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.panel import LOST, NEW, WELL

from custode.error_codes import ErrorCode
from custode.errors import CustodeError


def test_the_red_notice_is_first_and_its_button_leads_to_the_wizard(desk: PlayedDesk) -> None:
    desk.told(**NEW)
    panel: Any = desk.open("panel")
    settle()
    assert panel.focusWidget() is find(panel, "Save a backup…")
    press(panel, "Remind me tomorrow: Make your backup now!")
    assert desk.calls[-1].method == "need.snooze"
    assert desk.calls[-1].params == {"key": "backup_missing:x"}
    press(panel, "Save a backup…")
    assert "backup" in desk._windows


def test_what_was_put_off_is_listed_without_another_reminder(desk: PlayedDesk) -> None:
    desk.told(**LOST)
    panel = desk.open("panel")
    settle()
    later = [name for name in names(panel) if name.startswith("Remind me tomorrow")]
    assert len(later) == 2
    assert any("You will be reminded on 16/03/2026" in told for told in texts(panel))


def test_an_open_menu_stays_open_while_things_change(desk: PlayedDesk) -> None:
    desk.told(**NEW)
    panel: Any = desk.open("panel")
    settle()
    button = find(panel, "Utilities")
    assert isinstance(button, QPushButton)
    menu = button.menu()
    assert isinstance(menu, QMenu)
    menu.popup(panel.pos())
    desk.told(**WELL)
    assert menu.isVisible()
    assert "All is well" not in texts(panel)
    menu.close()
    panel._look()
    settle()
    assert "All is well" in texts(panel)


def test_without_an_agent_it_can_be_tried_again_and_comes_back(desk: PlayedDesk) -> None:
    desk.told(**WELL)
    panel = desk.open("panel")
    tried: list[int] = []
    desk.refresh = lambda: tried.append(1)
    desk.on_status(None, CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="agent.log"))
    settle()
    assert "All is well" not in texts(panel)
    press(panel, "Try again")
    assert tried == [1]
    desk.told(**WELL)
    assert "All is well" in texts(panel)
