"""`custode csr` writes the file itself: never over another one, nothing half-written."""

import json
import os
import stat
from pathlib import Path

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

PEM = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
MADE = {"csr": PEM, "file_name": "ABC.csr", "key_id": "01", "token": "0A12"}


def test_the_file_is_written_for_everybody_to_read(
    agent: FakeAgent, custode: Run, tmp_path: Path
) -> None:
    agent.answers["csr.create"] = MADE
    path = tmp_path / "mine.csr"
    before = os.umask(0o077)
    try:
        result = custode("csr", "--out", str(path), "--token", "0A12", "--key", "p256", "--json")
    finally:
        os.umask(before)
    assert json.loads(result.stdout) == {**MADE, "path": str(path)}
    assert path.read_text() == PEM
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert agent.params("csr.create") == {"token": "0A12", "key": "p256", "copyable": False}


def test_the_person_is_told_where_it_is_and_what_comes_next(
    agent: FakeAgent, custode: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answers["csr.create"] = MADE
    monkeypatch.chdir(tmp_path)
    said = custode("csr", "--out", "mine.csr", "--copyable", "--yes", "--lang", "it")
    assert f"Ora: custode request --csr {tmp_path}/mine.csr" in said.stdout
    assert "può uscire, cifrata, dal token" in said.stderr
    assert agent.params("csr.create") == {"key": "rsa2048", "copyable": True}


def test_a_key_that_can_leave_is_made_only_when_that_is_confirmed(
    agent: FakeAgent, custode: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csr"
    result = custode("csr", "--out", str(path), "--copyable", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, "usage")
    assert "--yes" in json.loads(result.stdout)["error"]["message"]
    assert not path.exists()
    assert not agent.calls


def test_a_file_that_is_there_stays_and_no_key_is_made(
    agent: FakeAgent, custode: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csr"
    path.write_text("precious")
    result = custode("csr", "--out", str(path), "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, "file_exists")
    assert path.read_text() == "precious"
    assert not agent.calls


def test_a_link_is_not_followed(agent: FakeAgent, custode: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csr").symlink_to(tmp_path / "elsewhere")
    assert custode("csr", "--out", str(tmp_path / "mine.csr")).exit_code == 2
    assert not (tmp_path / "elsewhere").exists()
    assert not agent.calls


@pytest.mark.parametrize("name", ["mine", "mine.pem", "mine.csr.txt", ".csr"])
def test_the_extension_is_the_portals(
    agent: FakeAgent, custode: Run, tmp_path: Path, name: str
) -> None:
    result = custode("csr", "--out", str(tmp_path / name))
    assert result.exit_code == 2
    assert "has to end in .csr" in result.stderr
    assert not agent.calls


def test_a_failure_leaves_no_file_behind(agent: FakeAgent, custode: Run, tmp_path: Path) -> None:
    agent.answers["csr.create"] = CustodeError(ErrorCode.TOKEN_GONE)
    assert custode("csr", "--out", str(tmp_path / "mine.csr")).exit_code == 11
    assert list(tmp_path.glob("*.csr")) == []


def test_a_folder_that_is_not_there(agent: FakeAgent, custode: Run, tmp_path: Path) -> None:
    result = custode("csr", "--out", str(tmp_path / "no" / "mine.csr"), "--json")
    told = json.loads(result.stdout)["error"]
    assert (told["code"], told["exit"]) == ("file_unwritable", 1)
    assert not agent.calls
