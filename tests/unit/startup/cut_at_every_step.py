"""Puts and takes away with kill -9 before each change of the disk; it forks, so it runs alone.

Prints how many places it was cut at.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from custode.startup.putting import Wanted, put, take_away

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink"}
_WRITES = os.O_WRONLY | os.O_RDWR


def main(folder: Path) -> int:
    cuts = 0
    root = folder / "root"
    for text in ("first", "second"):
        for then in (take, again):
            number = 0
            while True:
                fresh(root, put_before=text == "second")
                number += 1
                if not cut(number, partial(put, wanted(root, text), root / "data")):
                    break
                cuts += 1
                then(root, text)
    number = 0
    while True:
        fresh(root, put_before=True)
        number += 1
        if not cut(number, lambda: take_away(root / "data")):
            break
        cuts += 1
        take(root, "")
    print(cuts)  # noqa: T201 - the answer
    return 0


def fresh(root: Path, *, put_before: bool) -> None:
    shutil.rmtree(root, ignore_errors=True)
    (root / "data").mkdir(parents=True)
    (root / "theirs").write_text("theirs")
    if put_before:
        put(wanted(root, "first"), root / "data")


def wanted(root: Path, text: str) -> Wanted:
    names = ["data/units/one", "config/two"] if text == "first" else ["data/units/one", "data/new"]
    files = {root / name: f"{text} {name}".encode() for name in names}
    return Wanted(files, {root / "config/wants/x": f"target of {text}"}, "python", None)


def cut(number: int, work: Callable[[], object]) -> bool:
    """Do it in a child that dies before its change `number`; False when it makes fewer."""
    child = os.fork()
    if child == 0:
        left = [number]

        def look(event: str, args: tuple[object, ...]) -> None:
            flags = args[2] if event == "open" and isinstance(args[2], int) else 0
            if event in _CHANGES or flags & _WRITES:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def found(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def take(root: Path, _text: str) -> None:
    gone = take_away(root / "data")
    assert not gone.kept, gone
    assert found(root) == {"data", "theirs"}, found(root)


def again(root: Path, text: str) -> None:
    done = put(wanted(root, text), root / "data")
    assert not done.kept, done
    files = {path for path in found(root) if not (root / path).is_dir()}
    names = {str(path.relative_to(root)) for path in wanted(root, text).files}
    assert files == {*names, "config/wants/x", "data/custode/desktop-files.json", "theirs"}, files
    take(root, text)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
