"""Kills an export or a restoration before its 1st, 2nd, 3rd … touch of the disk, and looks.

    python killed_recovery.py backup|restore HOME EXPORT

Prints how often it killed; anything that is not as it should be ends it with an exception.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from custode_authority.ca.authority import open_authority
from custode_authority.ca.home import Home
from custode_authority.recovery import export_file, exporting, restoring
from custode_authority.storage import audit
from custode_authority.wire import parameters

PIN = b"a long enough PIN"
TOUCHES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
NOW = datetime.now(UTC)


def killed_before(number: int, place: Path, do: Callable[[], Any]) -> bool:
    """Run `do` in a child that dies before its `number`-th touch below `place`; False: it lived."""
    child = os.fork()
    if child == 0:
        left = [number]

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            touched = event in TOUCHES and str(place) in str(arguments[0])
            if touched and (event != "open" or _writes(arguments)):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        do()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.WEXITSTATUS(status):
        raise AssertionError("it failed by itself")
    return False


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def campaign(check: Callable[[int], bool]) -> int:
    """Call `check` with 1, 2, 3 … until nothing is left to be killed."""
    for number in range(1, 1000):
        if not check(number):
            return number - 1
    raise AssertionError("no end")


def kill_backup(home: Home, place: Path) -> int:
    def once(number: int) -> bool:
        to = place / str(number)
        to.mkdir()
        killed = killed_before(number, to, lambda: exporting.export(home, to, PIN, now=NOW))
        for named in to.glob("*.iwr"):
            export_file.read(named.read_bytes()).open(PIN)  # a file with its name is whole
        exporting.export(home, to, PIN, now=NOW)
        assert all(one.suffix == ".iwr" for one in to.iterdir()), list(to.iterdir())
        return killed

    return campaign(once)


def kill_restore(source: Path, place: Path) -> int:
    def once(number: int) -> bool:
        home = Home(place / str(number) / "authority")
        home.folder.mkdir(parents=True)
        (home.folder / "left").write_text("of an authority that was lost")
        killed = killed_before(
            number, home.folder.parent, lambda: restoring.restore(home, source, PIN, now=NOW)
        )
        if home.ready:
            whole(home)
        else:
            restoring.restore(home, source, PIN, now=NOW)
            whole(home)
        left = {one.name for one in home.folder.parent.iterdir()}
        assert left == {"authority", "authority.replaced-1"}, left
        return killed

    return campaign(once)


def whole(home: Home) -> None:
    authority = open_authority(home)
    with authority.db.transaction() as tx:
        assert audit.first_broken(tx) is None
    authority.db.close()


def main() -> None:
    parameters.SCRYPT_N = 2**10  # type: ignore[misc] # quick; the number is not under test here
    what, home, source = sys.argv[1], Home(Path(sys.argv[2])), Path(sys.argv[3])
    place = Path.cwd() / "campaign"
    place.mkdir()
    try:
        kills = kill_backup(home, place) if what == "backup" else kill_restore(source, place)
    finally:
        shutil.rmtree(place)
    sys.stdout.write(str(kills))


if __name__ == "__main__":
    main()
