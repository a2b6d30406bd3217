"""What is put: what others judge of it, in both languages, and words that need care."""

import subprocess
import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from custode.paths import Paths
from custode.startup.program import Program, this_program
from custode.startup.quoting import desktop_exec, unit_command
from custode.startup.written import SERVICE, SOCKET, Places, files

AWKWARD = '/home/it\'s "me" $HOME 100% back\\slash `x` é/bin/python'


def put(folder: Path, *, python: str = sys.executable, **environment: str) -> Places:
    """Everything, filled in and in place."""
    program = Program(python, (python, "-m", "custode"), environment, "%t/c/agent.sock", "%t/c/s")
    places = Places(folder / "config", folder / "data")
    for path, content in files(program, places, autostart=True).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return places


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return put(tmp_path_factory.mktemp("put"))


def entries(path: Path) -> RawConfigParser:
    found = RawConfigParser(delimiters=("=",), interpolation=None)
    found.optionxform = str  # type: ignore[method-assign,assignment] # keys keep their case
    found.read(path, encoding="utf-8")
    return found


def judged(*argv: str | Path, **environment: str) -> str:
    """What a program says; it has to be content."""
    done = subprocess.run(
        [str(word) for word in argv],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_desktop_entries_are_valid(places: Places) -> None:
    said = judged(
        "desktop-file-validate", places.data / "applications/custode.desktop", places.autostart
    )
    assert not said


def test_appstream_is_content(places: Places) -> None:
    said = judged(
        "appstreamcli", "validate", "--no-net", "--no-color", *places.data.glob("metainfo/*.xml")
    )
    # Nobody's domain is named: that is all it remarks.
    assert [line.split(":")[0] for line in said.splitlines() if line[1:2] == ":"] in (["I"], [])


@pytest.mark.parametrize("python", [sys.executable, AWKWARD])
def test_systemd_is_content_and_the_hardening_is_rated(tmp_path: Path, python: str) -> None:
    if python == AWKWARD:  # it wants a program that is there
        (tmp_path / Path(python).parent.relative_to("/")).mkdir(parents=True)
        python = str(tmp_path) + python
        Path(python).symlink_to("/bin/true")
    units = put(tmp_path, python=python, CUSTODE_HOME=f"{tmp_path}/a b%c$d").units
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path)}
    (tmp_path / "run").mkdir(mode=0o700)
    assert not judged(
        "systemd-analyze",
        "--user",
        "verify",
        "--man=no",
        units / SOCKET,
        units / SERVICE,
        **runtime,
    )
    said = judged(
        *("systemd-analyze", "--user", "security", "--offline=true", "--no-pager"),
        *("--threshold=66", units / SERVICE),  # 6.5 of 10: what a person's own service can have
        **runtime,
    )
    assert "Overall exposure level" in said


def test_every_text_is_there_in_both_languages(places: Places) -> None:
    for path in (places.data / "applications/custode.desktop", places.autostart):
        found = entries(path)
        for section in found.sections():
            for key in ("GenericName", "Comment", "Keywords"):
                if key in found[section]:
                    assert found[section][f"{key}[it]"] != found[section][key]
            if section != "Desktop Entry":
                assert found[section]["Name[it]"] != found[section]["Name"]
        for key in ("Keywords", "Keywords[it]"):
            if key in found["Desktop Entry"]:
                assert found["Desktop Entry"][key].endswith(";")
                assert found["Desktop Entry"][key].count(";") == 6
        wanted = found["Desktop Entry"].get("Actions", "").strip(";").split(";")
        assert {f"Desktop Action {one}" for one in wanted if one} == set(found.sections()[1:])
    (document,) = places.data.glob("metainfo/*.xml")
    root = ET.fromstring(document.read_text())  # noqa: S314 - our own file
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    for tag in ("summary", "description/p"):
        texts = root.findall(tag)
        assert texts
        assert [one.get(language) for one in texts] == [None, "it"] * (len(texts) // 2)
    assert root.findtext("launchable") == "custode.desktop"


def test_the_session_starts_what_is_meant(tmp_path: Path) -> None:
    """GLib, as the desktops use it, reads our Exec; the person's own path may be awkward."""
    from gi.repository import Gio, GLib

    folder = tmp_path / AWKWARD.strip("/")
    folder.mkdir(parents=True)
    told = tmp_path / "told"
    program = folder / "python"
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$CUSTODE_HOME\" \"$@\" >'{told}.x'\nmv '{told}.x' '{told}'\n"
    )
    program.chmod(0o755)
    places = put(tmp_path, python=str(program), CUSTODE_HOME=f"{tmp_path}/a b%c$d\\e")
    entry = Gio.DesktopAppInfo.new_from_filename(str(places.data / "applications/custode.desktop"))
    assert entry.list_actions() == ["backup", "report", "doctor"]
    assert entry.launch([], None)
    loop = GLib.MainContext.default()
    while not told.exists():
        loop.iteration(may_block=False)
    home, *words = told.read_text().splitlines()
    assert home == f"{tmp_path}/a b%c$d\\e"
    assert words == ["-m", "custode.desktop.windows", "panel"]


def test_words_that_need_no_care_stay_as_they_are() -> None:
    assert desktop_exec(["/usr/bin/custode", "tray"]) == "/usr/bin/custode tray"
    assert unit_command(["/a $b", "$x%"]) == '"/a $b" "$$x%%"'
    assert unit_command(["/it's", "x"]) == '"/usr/bin/env" "/it\'s" "x"'


PLACES: list[tuple[Mapping[str, str], Mapping[str, Any]]] = [
    (
        {"HOME": "/h"},
        {"config": Path("/h/.config"), "data": Path("/h/.local/share")},
    ),
    (
        {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "relative"},
        {"config": Path("/c"), "data": Path("/h/.local/share")},
    ),
]


@pytest.mark.parametrize(("environ", "found"), PLACES)
def test_the_persons_places(environ: Mapping[str, str], found: Mapping[str, Any]) -> None:
    assert Places.find(environ) == Places(**found)


def test_the_program_is_told_where_it_works(tmp_path: Path) -> None:
    usual = Paths.find({"XDG_RUNTIME_DIR": "/run/user/7"})
    program = this_program(usual, {"XDG_RUNTIME_DIR": "/run/user/7", "XDG_DATA_HOME": "/d"})
    assert program.agent_socket == "%t/custode/agent.sock"
    assert program.environment == {"XDG_DATA_HOME": "/d"}
    assert program.tray == ["env", "XDG_DATA_HOME=/d", *program.command, "tray"]
    named = this_program(Paths.at(Path("/h%")), {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert named.secrets_socket == "/h%%/run/secrets.sock"
    assert named.environment == {"CUSTODE_HOME": "/h%"}
    assert this_program(usual, {}).windows("x")[0] == sys.executable
