"""What is found out before a folder is written, and what a failure names."""

import errno
from pathlib import Path

import pytest
from tests.unit.container.conftest import Backup
from tests.unit.container.test_folder import SECRET, accept, access_file, draft, stick

from custode.container import folder
from custode.container.errors import IncludeRefused, NoSpace, NotWritten
from custode.container.volume import Volume

__all__ = ["stick"]


def test_a_container_that_cannot_be_read_is_there_all_the_same(stick: Path) -> None:
    class Forbidden(Volume):
        def read(self, path: Path, limit: int) -> bytes:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(PermissionError):
        folder.read_container(stick, Forbidden())


def test_what_would_be_refused_is_refused_before(
    tmp_path: Path, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(Volume):
        def free_bytes(self, folder: Path) -> int:
            return 100_000

    folder.precheck(stick, [access_file(tmp_path)], (SECRET,))
    with pytest.raises(NoSpace):
        folder.precheck(stick, [], (), Full())
    with pytest.raises(IncludeRefused):
        folder.precheck(stick, [tmp_path / "gone"], ())
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(NotWritten) as error:
        folder.precheck(stick, [], ())
    assert (error.value.path, error.value.why) == (stick, "Permission denied")
    assert list(stick.iterdir()) == []


def test_a_failure_names_the_folder_and_not_the_hidden_file(tmp_path: Path, backup: Backup) -> None:
    with pytest.raises(NotWritten) as error:
        folder.write(tmp_path / "missing", draft(backup), accept)
    assert error.value.path == tmp_path / "missing"
