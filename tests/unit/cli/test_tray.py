"""`custode tray` where there can be none."""

from __future__ import annotations

import importlib.util
import json
import os
import sys

import pytest
from tests.unit.cli.conftest import Run

from custode.desktop.tray import toolkit
from custode.error_codes import ErrorCode
from custode.errors import CustodeError


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_desktop_it_says_so_and_what_to_do(custode: Run, no_display: None) -> None:
    ran = custode("tray")
    assert ran.exit_code == 20
    assert "no desktop here" in ran.stderr
    assert "hint: Start it from your desktop" in ran.stderr


def test_without_its_libraries_it_names_them(custode: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr("custode.cli.tray.find_spec", lambda _name: None)
    ran = custode("tray", "--json")
    assert ran.exit_code == 20
    assert "gir1.2-ayatanaappindicator3-0.1" in json.loads(ran.stdout)["error"]["data"]["why"]


def test_a_library_that_does_not_load_is_told_and_the_environment_is_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setitem(sys.modules, "gi", None)
    monkeypatch.setitem(sys.modules, "ssl", sys.modules.get("ssl"))
    before = dict(os.environ)
    with pytest.raises(CustodeError) as caught:
        toolkit.load()
    assert caught.value.code is ErrorCode.PART_MISSING
    assert dict(os.environ) == before


def test_looking_for_the_tray_loads_none_of_it(custode: Run, no_display: None) -> None:
    assert importlib.util.find_spec("pystray") is not None
    custode("tray")
    assert "pystray" not in sys.modules
    assert "gi" not in sys.modules
