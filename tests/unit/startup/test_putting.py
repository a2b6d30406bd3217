"""Put and taken away: nothing else is touched, and kill -9 leaves nothing that is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.startup import ledger
from custode.startup.putting import Wanted, put, take_away

Tree = dict[str, str]


def tree(root: Path) -> Tree:
    """Everything below, with its content."""
    return {
        str(path.relative_to(root)): f"→ {path.readlink()}"
        if path.is_symlink()
        else path.read_text()
        if path.is_file()
        else "/"
        for path in root.rglob("*")
    }


def wanted(root: Path, *names: str, text: str = "first") -> Wanted:
    files = {root / name: f"{text} {name}".encode() for name in names}
    return Wanted(files, {root / "config/wants/x": "target"}, "python", None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/theirs").write_text("theirs")
    return tmp_path


def test_what_is_put_is_taken_away_and_nothing_else(root: Path) -> None:
    before, data = tree(root), root / "data"
    (root / "config").mkdir()
    done = put(wanted(root, "data/a/b/one", "config/two"), data)
    assert done.put == [
        str(root / name) for name in ("data/a/b/one", "config/two", "config/wants/x")
    ]
    there = tree(root)
    again = put(wanted(root, "data/a/b/one", "config/two"), data)
    assert (again.put, len(again.unchanged)) == ([], 3)
    assert tree(root) == there

    (root / "data/a/new").write_text("came later")
    gone = take_away(data)
    assert (len(gone.removed), gone.kept) == (3, [])
    assert tree(root) == {**before, "config": "/", "data/a": "/", "data/a/new": "came later"}
    assert take_away(data) == type(gone)()


def test_what_is_renewed_or_not_wanted_any_more(root: Path) -> None:
    before, data = tree(root), root / "data"
    put(wanted(root, "data/one", "autostart/two"), data)
    done = put(wanted(root, "data/one", text="second"), data)
    assert (done.put, done.removed) == ([str(root / "data/one")], [str(root / "autostart/two")])
    assert (root / "data/one").read_text() == "second data/one"
    take_away(data)
    assert tree(root) == before


def test_a_file_of_the_persons_own_is_kept(root: Path) -> None:
    data = root / "data"
    (root / "data/one").write_text("was there before")
    (root / "data/three").symlink_to("theirs")
    (root / "config/wants/x").mkdir(parents=True)
    before = tree(root)
    done = put(wanted(root, "data/one", "data/two", "data/three"), data)
    assert done.put == [str(root / "data/two")]
    assert done.kept == [str(root / name) for name in ("data/one", "data/three", "config/wants/x")]
    (root / "data/two").write_text("changed since")
    done = put(wanted(root, "data/one", "data/two", "data/three", text="second"), data)
    assert str(root / "data/two") in done.kept
    gone = take_away(data)
    assert (gone.removed, len(gone.kept)) == ([], 4)
    assert tree(root) == {**before, "data/two": "changed since"}


def test_a_link_of_the_persons_own_is_kept(root: Path) -> None:
    data = root / "data"
    put(wanted(root, "data/one"), data)
    (root / "config/wants/x").unlink()
    (root / "config/wants/x").symlink_to("elsewhere")
    assert put(wanted(root, "data/one"), data).kept == [str(root / "config/wants/x")]
    assert take_away(data).kept == [str(root / "config/wants/x")]
    assert (root / "config/wants/x").readlink() == Path("elsewhere")


def test_a_place_that_cannot_be_written_is_named(root: Path) -> None:
    (root / "blocked").write_text("no folder")
    with pytest.raises(CustodeError) as caught:
        put(wanted(root, "blocked/one"), root / "data")
    assert caught.value.code is ErrorCode.FILE_UNWRITABLE
    assert caught.value.data["path"].startswith(str(root / "blocked"))
    take_away(root / "data")
    assert tree(root) == {"blocked": "no folder", "data": "/", "data/theirs": "theirs"}


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"files": 1}'])
def test_a_list_that_cannot_be_read_is_told(root: Path, content: str) -> None:
    listed = ledger.place(root / "data")
    listed.parent.mkdir()
    listed.write_text(content)
    with pytest.raises(CustodeError) as caught:
        take_away(root / "data")
    assert caught.value.code is ErrorCode.FILE_UNREADABLE
    assert listed.exists()


def test_kill_9_at_every_step(tmp_path: Path) -> None:
    """Cut at each change of the disk in turn: the next run completes it, or takes it all away."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("cut_at_every_step.py")), str(tmp_path)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 40  # so many places where it was cut
