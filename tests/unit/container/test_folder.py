"""The folder: complete under its proper name, or not there at all, whatever fails at any moment."""

import errno
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.unit.container.conftest import Backup

from custode.container import folder, iwk, search
from custode.container.errors import (
    ContainerInvalid,
    IdentityInside,
    IncludeRefused,
    NoSpace,
    NotABackup,
    NotWritten,
)
from custode.container.folder import Draft
from custode.container.volume import Volume

DAY = date(2026, 5, 4)
SECRET = "PRVTST80A01H501X"
LEAFLET = b"{\\rtf1 leaflet}"


class StickPulled(Volume):
    """Fails at the n-th thing that is asked of it, and ever after if it was pulled for good."""

    def __init__(self, at: int, *, for_good: bool, error: int = errno.EIO) -> None:
        self.left = at
        self.for_good = for_good
        self.error = error

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0 or (self.for_good and self.left < 0):
            raise OSError(self.error, os.strerror(self.error))

    def free_bytes(self, folder: Path) -> int:
        self._count()
        return super().free_bytes(folder)

    def make_folder(self, folder: Path) -> None:
        self._count()
        super().make_folder(folder)

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data[: len(data) // 2] if self.left == 1 else data)
        self._count()

    def sync(self, folder: Path) -> None:
        self._count()
        super().sync(folder)

    def read(self, path: Path, limit: int) -> bytes:
        self._count()
        return super().read(path, limit)

    def rename(self, old: Path, new: Path) -> None:
        self._count()
        super().rename(old, new)

    def remove(self, folder: Path) -> None:
        self._count()
        super().remove(folder)


def draft(backup: Backup, *files: Path, private: tuple[str, ...] = (SECRET,)) -> Draft:
    return Draft(backup.container, LEAFLET, DAY, files, private)


def accept(_: bytes) -> None:
    """A check that likes everything."""


def access_file(tmp_path: Path) -> Path:
    source = tmp_path / "access.txt"
    source.write_bytes(b"an access file")
    return source


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    place = tmp_path / "stick"
    place.mkdir()
    return place


def test_complete(tmp_path: Path, stick: Path, backup: Backup) -> None:
    checked: list[bytes] = []
    written = folder.write(stick, draft(backup, access_file(tmp_path)), checked.append)
    assert written.path == stick / "PROVA01_2026-05-04"
    assert written.files == ("Leggimi.rtf", "access.txt", "iw.iwk")
    assert {one.name: one.read_bytes() for one in written.path.iterdir()} == {
        "iw.iwk": backup.data,
        "Leggimi.rtf": LEAFLET,
        "access.txt": b"an access file",
    }
    assert checked == [backup.data]
    assert list(stick.iterdir()) == [written.path]
    assert folder.read_container(written.path) == backup.container
    assert search.scan(written.path, [SECRET]) == []


def test_all_is_on_the_medium_before_it_has_a_name(stick: Path, backup: Backup) -> None:
    seen: list[str] = []

    class Recorder(Volume):
        def write(self, path: Path, data: bytes) -> None:
            seen.append(f"write {path.name}")
            super().write(path, data)

        def sync(self, folder: Path) -> None:
            seen.append("sync parent" if folder == stick else "sync folder")
            super().sync(folder)

        def rename(self, old: Path, new: Path) -> None:
            seen.append("rename")
            super().rename(old, new)

    folder.write(stick, draft(backup), lambda _: seen.append("check"), Recorder())
    assert seen == [
        "write iw.iwk",
        "write Leggimi.rtf",
        "sync folder",
        "check",
        "rename",
        "sync parent",
    ]


def test_the_same_day_again(stick: Path, backup: Backup) -> None:
    names = [folder.write(stick, draft(backup), accept).path.name for _ in range(3)]
    assert names == ["PROVA01_2026-05-04", "PROVA01_2026-05-04_2", "PROVA01_2026-05-04_3"]


@pytest.mark.parametrize("kind", ["file", "empty folder", "dangling link"])
def test_never_over_what_is_there(stick: Path, backup: Backup, kind: str) -> None:
    there = stick / "PROVA01_2026-05-04"
    match kind:
        case "file":
            there.write_bytes(b"mine")
        case "empty folder":
            there.mkdir()
        case _:
            there.symlink_to("nowhere")

    def looks() -> tuple[int, ...]:
        found = there.lstat()  # not when it was read last: anybody may read it
        return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns

    before = looks()
    assert folder.write(stick, draft(backup), accept).path.name == "PROVA01_2026-05-04_2"
    assert looks() == before


def test_a_name_taken_at_the_last_moment(stick: Path, backup: Backup) -> None:
    class Rival(Volume):
        def rename(self, old: Path, new: Path) -> None:
            if new.name == "PROVA01_2026-05-04":
                new.mkdir()
                (new / "theirs").write_bytes(b"")
            super().rename(old, new)

    written = folder.write(stick, draft(backup), accept, Rival())
    assert written.path.name == "PROVA01_2026-05-04_2"
    assert sorted(one.name for one in stick.iterdir()) == [
        "PROVA01_2026-05-04",
        "PROVA01_2026-05-04_2",
    ]


def count_operations(tmp_path: Path, stick: Path, backup: Backup) -> int:
    volume = StickPulled(0, for_good=False)
    written = folder.write(stick, draft(backup, access_file(tmp_path)), accept, volume)
    Volume().remove(written.path)
    return -volume.left


def test_a_fault_at_any_moment_leaves_nothing(tmp_path: Path, stick: Path, backup: Backup) -> None:
    operations = count_operations(tmp_path, stick, backup)
    assert operations > 10
    for at in range(1, operations + 1):
        with pytest.raises(NotWritten) as error:
            folder.write(
                stick,
                draft(backup, access_file(tmp_path)),
                accept,
                StickPulled(at, for_good=False),
            )
        assert error.value.why == os.strerror(errno.EIO)
        assert list(stick.iterdir()) == [], at


def test_a_stick_pulled_at_any_moment_never_shows_half_a_folder(
    tmp_path: Path, stick: Path, backup: Backup
) -> None:
    operations = count_operations(tmp_path, stick, backup)
    for at in range(1, operations + 1):
        with pytest.raises(NotWritten):
            folder.write(
                stick,
                draft(backup, access_file(tmp_path)),
                accept,
                StickPulled(at, for_good=True),
            )
        for left in stick.iterdir():
            if left.name.startswith("."):
                assert folder.remove_stale(stick, backup.manifest.backup_id)
            else:  # only the very last sync can fail after the name was given
                assert folder.read_container(left).data == backup.data
                Volume().remove(left)
        assert not folder.remove_stale(stick, backup.manifest.backup_id)
        assert list(stick.iterdir()) == [], at


def test_other_bytes_read_back(stick: Path, backup: Backup) -> None:
    class Liar(Volume):
        def read(self, path: Path, limit: int) -> bytes:
            return super().read(path, limit)[:-1] + b"?"

    with pytest.raises(NotWritten, match="read back"):
        folder.write(stick, draft(backup), accept, Liar())
    assert list(stick.iterdir()) == []


def test_longer_read_back(stick: Path, backup: Backup) -> None:
    class Longer(Volume):
        def write(self, path: Path, data: bytes) -> None:
            super().write(path, data + b"\0")

    with pytest.raises(NotWritten, match="read back"):
        folder.write(stick, draft(backup), accept, Longer())


@pytest.mark.parametrize("failure", [ContainerInvalid, KeyboardInterrupt])
def test_a_check_that_fails(stick: Path, backup: Backup, failure: type[BaseException]) -> None:
    def check(_: bytes) -> None:
        raise failure

    with pytest.raises(failure):
        folder.write(stick, draft(backup), check)
    assert list(stick.iterdir()) == []


def test_a_full_volume(stick: Path, backup: Backup) -> None:
    class Full(Volume):
        def free_bytes(self, folder: Path) -> int:
            return 100_000

    with pytest.raises(NoSpace) as error:
        folder.write(stick, draft(backup), accept, Full())
    assert error.value.free == 100_000
    assert error.value.needed == 2 * 65536 + len(backup.data) + len(LEAFLET)
    assert list(stick.iterdir()) == []


def test_what_tells_whose_it_is(tmp_path: Path, stick: Path, backup: Backup) -> None:
    telling = tmp_path / "telling.txt"
    telling.write_bytes(SECRET.encode())
    with pytest.raises(IncludeRefused):
        folder.write(stick, draft(backup, telling), accept)
    for private in ("prova01", "leaflet", "Autorità di prova"):
        with pytest.raises(IdentityInside):
            folder.write(stick, draft(backup, private=(private,)), accept)
    assert SECRET not in repr(draft(backup))
    assert list(stick.iterdir()) == []


def test_no_such_place(tmp_path: Path, backup: Backup) -> None:
    with pytest.raises(NotWritten):
        folder.write(tmp_path / "missing", draft(backup), accept)


# --- what was left over -----------------------------------------------------------------------


def test_what_an_interrupted_run_left_is_replaced(stick: Path, backup: Backup) -> None:
    stale = stick / f".custode-{backup.manifest.backup_id}.tmp"
    stale.mkdir()
    (stale / "iw.iwk").write_bytes(b"half")
    other = stick / f".custode-{'f' * 32}.tmp"
    other.mkdir()
    written = folder.write(stick, draft(backup), accept)
    assert sorted(stick.iterdir()) == [other, written.path]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, stick: Path, backup: Backup) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"")
    stale = stick / f".custode-{backup.manifest.backup_id}.tmp"
    stale.symlink_to(precious)
    assert folder.remove_stale(stick, backup.manifest.backup_id)
    assert not stale.is_symlink()
    assert (precious / "file").exists()


def test_what_is_not_ours_in_it_stays(stick: Path, backup: Backup) -> None:
    stale = stick / f".custode-{backup.manifest.backup_id}.tmp"
    (stale / "deep").mkdir(parents=True)
    with pytest.raises(NotWritten):
        folder.remove_stale(stick, backup.manifest.backup_id)
    with pytest.raises(ValueError, match=r"\.\."):
        folder.remove_stale(stick, "../precious")


def test_taking_back(tmp_path: Path, stick: Path, backup: Backup) -> None:
    written = folder.write(stick, draft(backup, access_file(tmp_path)), accept)
    with pytest.raises(ContainerInvalid):
        folder.remove(written, "0" * 64)
    assert (written.path / "iw.iwk").exists()
    folder.remove(written, backup.container.sha256)
    assert list(stick.iterdir()) == []
    with pytest.raises(NotABackup):
        folder.remove(written, backup.container.sha256)


def test_taking_back_leaves_other_peoples_files(stick: Path, backup: Backup) -> None:
    written = folder.write(stick, draft(backup), accept)
    (written.path / "mine").write_bytes(b"")
    (stick / "outside").write_bytes(b"")
    hostile = folder.Written(written.path, (*written.files, "../outside"))
    folder.remove(hostile, backup.container.sha256)
    assert sorted(stick.rglob("*")) == [written.path, written.path / "mine", stick / "outside"]


def test_taking_back_that_fails_can_be_tried_again(stick: Path, backup: Backup) -> None:
    written = folder.write(stick, draft(backup), accept)
    (written.path / "z").mkdir()
    failing = folder.Written(written.path, (*written.files, "z"))
    for _ in range(2):
        with pytest.raises(NotWritten):
            folder.remove(failing, backup.container.sha256)
    (written.path / "z").rmdir()
    folder.remove(failing, backup.container.sha256)
    assert list(stick.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "tolerated"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_file_systems_that_sync_no_folders(
    stick: Path, monkeypatch: pytest.MonkeyPatch, number: int, tolerated: bool
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if tolerated:
        Volume().sync(stick)
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            Volume().sync(stick)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, NotABackup),
        (Path.mkdir, NotABackup),
        (a_pipe, NotABackup),
        (lambda path: path.symlink_to("/dev/zero"), NotABackup),
        (lambda path: path.write_bytes(b""), ContainerInvalid),
        (lambda path: path.write_bytes(bytes(100_000)), ContainerInvalid),
    ],
)
def test_reading_what_is_no_container(
    stick: Path, make: Callable[[Path], object], error: type[Exception]
) -> None:
    make(stick / "iw.iwk")
    with pytest.raises(error):
        folder.read_container(stick)


def test_the_container_given_is_the_one_written(stick: Path, backup: Backup) -> None:
    written = folder.write(stick, draft(backup), accept)
    container = folder.read_container(written.path)
    iwk.verify(container, backup.certificate)
