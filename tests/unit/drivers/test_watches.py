import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from custode_drivers.api.events import PlugHint, VolumeFolder
from custode_drivers.api.protocols import Watch
from custode_drivers.softhsm.watch import SoftHsmWatch
from custode_drivers.volumes.mounts import MountWatch
from custode_drivers.volumes.watch import VolumeWatch

WAIT_S = 10
QUIET_S = 0.3


@contextmanager
def running(watch: Watch) -> Iterator[None]:
    threads = set(threading.enumerate())
    fds = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    watch.start()
    try:
        yield
    finally:
        watch.stop()
        watch.stop()
        assert set(threading.enumerate()) == threads
        assert set(os.listdir("/proc/self/fd")) <= fds  # noqa: PTH208 - names are enough


@contextmanager
def hints(directory: Path) -> Iterator["queue.SimpleQueue[PlugHint]"]:
    """The hints of a watch, the one at the start taken off."""
    seen: queue.SimpleQueue[PlugHint] = queue.SimpleQueue()
    with running(SoftHsmWatch("soft", directory, seen.put)):
        assert seen.get(timeout=WAIT_S).module == "soft"
        yield seen


def came(seen: "queue.SimpleQueue[PlugHint]") -> None:
    """Something comes; then wait until it is quiet."""
    assert seen.get(timeout=WAIT_S).module == "soft"
    drain(seen)


def drain(seen: "queue.SimpleQueue[Any]") -> list[Any]:
    """What comes until it is quiet."""
    found = []
    try:
        while True:
            found.append(seen.get(timeout=QUIET_S))
    except queue.Empty:
        return found


def test_a_token_is_noticed_when_it_comes_and_when_it_goes(tmp_path: Path) -> None:
    reader, drawer = tmp_path / "reader", tmp_path / "drawer"
    reader.mkdir()
    (drawer / "token").mkdir(parents=True)
    with hints(reader) as seen:
        began = time.monotonic()
        (drawer / "token").rename(reader / "token")
        hint = seen.get(timeout=WAIT_S)
        assert time.monotonic() - began < 0.4  # 1 ms; this machine may be busy
        assert hint.at.utcoffset() is not None
        drain(seen)
        (reader / "token" / "file").write_text("what SoftHSM writes is no plugging")
        assert drain(seen) == []
        (reader / "token").rename(drawer / "token")
        came(seen)
        (drawer / "token").rename(reader / "token")
        drain(seen)
        shutil.rmtree(reader / "token")
        came(seen)


def test_a_token_pulled_and_put_back_at_once_is_noticed(tmp_path: Path) -> None:
    """It looks the same afterwards, and yet its session must die."""
    reader = tmp_path / "reader"
    (reader / "token").mkdir(parents=True)
    with hints(reader) as seen:
        (reader / "token").rename(tmp_path / "token")
        (tmp_path / "token").rename(reader / "token")
        came(seen)


def test_a_directory_may_come_later_and_vanish(tmp_path: Path) -> None:
    reader = tmp_path / "not" / "yet" / "reader"
    with hints(reader) as seen:
        (tmp_path / "beside").mkdir()
        assert drain(seen) == []
        reader.mkdir(parents=True)
        came(seen)
        (reader / "token").mkdir()
        came(seen)

        shutil.rmtree(tmp_path / "not")
        came(seen)
        (reader / "token").mkdir(parents=True)
        came(seen)

        reader.rename(tmp_path / "away")
        came(seen)
        (tmp_path / "away" / "elsewhere").mkdir()
        assert drain(seen) == []
        (tmp_path / "away").rename(reader)
        came(seen)
        (reader / "again").mkdir()
        came(seen)


def test_a_watch_survives_folders_that_never_rest(tmp_path: Path) -> None:
    top = tmp_path / "top"
    reader = top / "middle" / "reader"
    with hints(reader) as seen:
        for _ in range(40):
            reader.mkdir(parents=True)
            shutil.rmtree(top)
        drain(seen)
        (reader / "token").mkdir(parents=True)
        came(seen)
        (reader / "another").mkdir()
        came(seen)


def test_a_report_that_fails_does_not_end_the_watch(tmp_path: Path) -> None:
    seen: queue.SimpleQueue[PlugHint] = queue.SimpleQueue()

    def report(hint: PlugHint) -> None:
        seen.put(hint)
        raise RuntimeError("the listener's fault")

    with running(SoftHsmWatch("soft", tmp_path, report)):
        seen.get(timeout=WAIT_S)
        (tmp_path / "token").mkdir()
        seen.get(timeout=WAIT_S)


def test_backup_folders_come_and_go(tmp_path: Path) -> None:
    place, stick = tmp_path / "media", tmp_path / "stick"
    there = place / "OTHER" / "RSSMRA_2026-01-01"
    there.mkdir(parents=True)
    (there / "iw.iwk").touch()
    (stick / "BNCMRA_2026-02-02").mkdir(parents=True)
    (stick / "BNCMRA_2026-02-02" / "iw.iwk").touch()
    (stick / "holidays").mkdir()

    seen: queue.SimpleQueue[VolumeFolder] = queue.SimpleQueue()
    with running(VolumeWatch([place, tmp_path / "missing"], seen.put)):
        assert seen.get(timeout=WAIT_S) == VolumeFolder(there, appeared=True)

        stuck = place / "STICK" / "BNCMRA_2026-02-02"
        stick.rename(place / "STICK")
        assert seen.get(timeout=WAIT_S) == VolumeFolder(stuck, appeared=True)

        made = place / "OTHER" / "made"
        made.mkdir()
        assert drain(seen) == []
        (made / "iw.iwk").touch()
        assert seen.get(timeout=WAIT_S) == VolumeFolder(made, appeared=True)
        (made / "iw.iwk").unlink()
        assert seen.get(timeout=WAIT_S) == VolumeFolder(made, appeared=False)

        (place / "STICK").rename(stick)
        assert seen.get(timeout=WAIT_S) == VolumeFolder(stuck, appeared=False)
        (tmp_path / "missing").mkdir()
        (tmp_path / "missing" / "iw.iwk").touch()
        assert seen.get(timeout=WAIT_S) == VolumeFolder(tmp_path / "missing", appeared=True)
        assert drain(seen) == []


def test_without_a_mount_table_nothing_is_watched(tmp_path: Path) -> None:
    watch = MountWatch(lambda: pytest.fail("nothing to tell"), tmp_path / "none")
    watch.start()
    watch.stop()


MOUNTING = """
import queue, subprocess, sys
from pathlib import Path
from custode_drivers.volumes.watch import VolumeWatch
place = Path(sys.argv[1]); stick = place / "STICK"; folder = stick / "backup"
seen = queue.SimpleQueue()
stick.mkdir(parents=True)
watch = VolumeWatch([place], seen.put)
watch.start()
subprocess.run(["mount", "-t", "tmpfs", "none", str(stick)], check=True)
folder.mkdir(); (folder / "iw.iwk").touch()
print(seen.get(timeout=10).appeared)
subprocess.run(["umount", str(stick)], check=True)
print(seen.get(timeout=10).appeared)
watch.stop()
"""


def can_mount() -> bool:
    try:
        tried = subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"],
            capture_output=True,
            check=False,
            timeout=20,
        )
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def test_a_stick_that_is_mounted_is_looked_into(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("mounting needs a privilege that is not here")
    told = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", MOUNTING, str(tmp_path / "media")],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert told.stdout == "True\nFalse\n", told.stderr


_: list[Callable[..., Watch]] = [SoftHsmWatch, VolumeWatch]
