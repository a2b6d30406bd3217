"""Where things lie, and who may look."""

import os
import stat
from pathlib import Path

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import SOCKET_PATH_MAX, Paths


def test_everything_is_under_the_named_home(tmp_path: Path) -> None:
    paths = Paths.find({"CUSTODE_HOME": str(tmp_path)})
    assert paths.config == tmp_path / "config.toml"
    assert paths.state == tmp_path / "state.sqlite"
    assert paths.audit == tmp_path / "audit.log"
    assert paths.environment() == {"CUSTODE_HOME": str(tmp_path)}
    assert Paths.find(paths.environment()) == paths == Paths.at(tmp_path)


def test_a_relative_home_is_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = Paths.find({"CUSTODE_HOME": "here"})
    assert paths.environment() == {"CUSTODE_HOME": str(tmp_path / "here")}


def test_without_a_home_the_system_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere/config")
    monkeypatch.setenv("XDG_DATA_HOME", "/nowhere/data")
    paths = Paths.find({"XDG_RUNTIME_DIR": "/nowhere/run"})
    assert paths.config == Path("/nowhere/config/custode/config.toml")
    assert paths.home == Path("/nowhere/data/custode")
    assert paths.agent_socket == Path("/nowhere/run/custode/agent.sock")
    assert paths.environment() == {}
    # Without a login session there is no such folder: the sockets lie with the rest.
    assert Paths.find({}).agent_socket == Path("/nowhere/data/custode/run/agent.sock")


@pytest.mark.parametrize("extra", [0, 1])
def test_a_socket_path_that_is_too_long_moves(tmp_path: Path, extra: int) -> None:
    longest = len("/run/secrets.sock")
    fill = SOCKET_PATH_MAX - len(os.fsencode(tmp_path)) - 1 - longest + extra
    home = tmp_path / ("x" * fill)
    paths = Paths.at(home)
    assert (paths.run == home / "run") is (extra == 0)
    assert len(os.fsencode(paths.secrets_socket)) <= SOCKET_PATH_MAX
    assert Paths.at(home) == paths
    assert Paths.at(home.with_name("y" * fill)).run != paths.run


def test_folders_are_for_this_user_alone(tmp_path: Path) -> None:
    paths = Paths.at(tmp_path / "a" / "home")
    paths.make()
    paths.make()
    assert stat.S_IMODE(paths.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(paths.run.stat().st_mode) == 0o700


def test_an_open_folder_of_sockets_is_closed(tmp_path: Path) -> None:
    paths = Paths.at(tmp_path)
    paths.run.mkdir()
    paths.run.chmod(0o755)
    paths.check_run()
    assert stat.S_IMODE(paths.run.stat().st_mode) == 0o700


def test_a_folder_of_sockets_that_is_a_link_is_refused(tmp_path: Path) -> None:
    paths = Paths.at(tmp_path / "home")
    (tmp_path / "theirs").mkdir()
    paths.home.mkdir()
    paths.run.symlink_to(tmp_path / "theirs")
    with pytest.raises(CustodeError) as caught:
        paths.make()
    assert caught.value.code is ErrorCode.FILE_UNWRITABLE


def test_a_home_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CustodeError) as caught:
        Paths.at(tmp_path / "file" / "home").make()
    assert caught.value.code is ErrorCode.FILE_UNWRITABLE
