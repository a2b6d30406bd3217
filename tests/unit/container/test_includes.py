"""The access files that come along, and those that stay outside."""

import os
import socket
from pathlib import Path

import pytest

from custode.container import includes
from custode.container.errors import IncludeReason, IncludeRefused

TAKEN = ("iw.iwk", "Leggimi.rtf")
SECRET = "PRVTST80A01H501X"


def refused(*sources: Path) -> IncludeRefused:
    with pytest.raises(IncludeRefused) as error:
        includes.read(sources, taken=TAKEN, private_texts=[SECRET])
    return error.value


def test_taken(tmp_path: Path) -> None:
    names = {"accesso.txt": b"one", "Città è così.p7m": b"", ".profile": b"\0\xff"}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    sources = [tmp_path / name for name in names]
    assert includes.read(sources, taken=TAKEN, private_texts=[SECRET]) == names


@pytest.mark.parametrize(
    "name",
    [
        "a:b",
        "a\\b",
        "a*",
        'a"b',
        "a\nb",
        "a\x1b[31mb",
        "a\u202egpj.exe",
        "a\u200bb",
        " a",
        "a ",
        "a.",
        "CON",
        "con.txt",
        "Lpt1.tar.gz",
        "a" * 201,
        "è" * 101,
        os.fsdecode(b"a\xffb"),
    ],
)
def test_names_that_not_every_system_takes(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes(b"")
    error = refused(source)
    assert error.reason is IncludeReason.NAME_NOT_PORTABLE
    assert error.name.isprintable()
    assert not includes.is_portable("")


@pytest.mark.parametrize("name", ["iw.iwk", "IW.IWK", "leggimi.rtf"])
def test_our_own_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert refused(tmp_path / name).reason is IncludeReason.NAME_TAKEN


@pytest.mark.parametrize(("one", "other"), [("a.txt", "A.TXT"), ("\u00e8.txt", "e\u0300.txt")])
def test_two_that_fat_would_take_for_one(tmp_path: Path, one: str, other: str) -> None:
    sources = [tmp_path / "1" / one, tmp_path / "2" / other]
    for source in sources:
        source.parent.mkdir()
        source.write_bytes(b"")
    assert refused(*sources).reason is IncludeReason.NAME_TAKEN


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("folder", "link", "pipe", "socket"):
            assert refused(tmp_path / name).reason is IncludeReason.NOT_A_FILE, name
    assert refused(tmp_path / "missing").reason is IncludeReason.UNREADABLE


def test_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MAX_SIZE", 10)
    (tmp_path / "file").write_bytes(bytes(10))
    assert includes.read([tmp_path / "file"], taken=(), private_texts=()) == {"file": bytes(10)}
    (tmp_path / "file").write_bytes(bytes(11))
    assert refused(tmp_path / "file").reason is IncludeReason.TOO_LARGE
    many = [tmp_path / "file"] * (includes.MAX_FILES + 1)
    assert refused(*many).reason is IncludeReason.TOO_MANY


def test_whose_it_is(tmp_path: Path) -> None:
    (tmp_path / "inside.txt").write_bytes(b"CF: " + SECRET.lower().encode("utf-16-le"))
    (tmp_path / f"{SECRET.lower()}.txt").write_bytes(b"")
    for source in tmp_path.iterdir():
        assert refused(source).reason is IncludeReason.HOLDS_IDENTITY
