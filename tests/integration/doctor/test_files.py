"""Files, folders, disks and settings, each broken in its own way; the advice mends it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from custode.locale.moments import size
from custode_drivers.softhsm.checks import folder as softhsm_folder
from custode_drivers.volumes import checks as volumes
from custode_drivers.volumes.filesystems import Kind, kind_of, name_at

from .conftest import Ward, follow


def test_permissions_of_our_files(ward: Ward) -> None:
    paths = ward.paths
    key = paths.authority_home / "keys" / "ca.pem"
    for folder in (paths.authority_home, key.parent):
        folder.mkdir(mode=0o700)
    for path in (paths.state, paths.log, key):
        path.touch(0o600)
    ward.configure("")
    paths.config.chmod(0o644)  # the settings are no secret
    assert ward.code("agent.files") == "private"
    for path, mode in (
        (paths.home, 0o755),
        (paths.state, 0o640),
        (key, 0o604),
        (paths.config, 0o666),
    ):
        path.chmod(mode)
    found = ward.rows("agent.files")
    assert {(one["about"], one["code"]) for one in found} == {
        (str(paths.home), "open"),
        (str(paths.state), "open"),
        (str(key), "open"),
        (str(paths.config), "writable"),
    }
    follow(found)
    assert ward.code("agent.files") == "private"


def test_something_in_the_way_of_the_socket(ward: Ward) -> None:
    assert ward.code("agent.socket") == "free"
    for place in (ward.paths.agent_socket, ward.paths.secrets_socket):
        (place / "inside").mkdir(parents=True)
        found = ward.rows("agent.socket")
        assert [one["code"] for one in found] == ["in_the_way"]
        follow(found)
        assert ward.code("agent.socket") == "free"
        assert place.with_name(f"{place.name}.old").is_dir()


def test_every_fault_of_the_settings_with_its_line(ward: Ward) -> None:
    ward.paths.config.unlink()
    assert ward.code("agent.config") == "none"
    ward.configure(
        '[[module]]\npath = "/usr/lib/a.so"\n\n'  # 1-2
        '[[module]]\npath = "b.so"\n\n'  # 4-5
        '[[module]]\npath = "/c.so"\ncolour = "red"\n\n'  # 7-9
        "[[module]]\npath = 5\n\n"  # 11-12
        '[authority]\nidle_s = 1\nautostart = "no"\n\n'  # 14-16
        "[nonsense]\na = 1\n"  # 18
    )
    found = ward.rows("agent.config")
    assert [(one["data"]["line"], one["code"]) for one in found] == [
        (5, "relative"),
        (9, "unknown_key"),
        (12, "value"),
        (15, "value"),
        (16, "value"),
        (18, "unknown_key"),
    ]
    assert all("line" in one["mend"]["step"] for one in found)
    # What is right in it counts: the modules that can be used are looked at.
    assert [one["about"] for one in ward.rows("pkcs11.module")] == ["a.so", "c.so"]
    ward.configure("[authority\n")
    (fault,) = ward.rows("agent.config")
    assert (fault["code"], fault["data"]["line"]) == ("not_toml", 1)
    ward.paths.config.write_bytes(b"\xff\xfe")
    assert ward.code("agent.config") == "unreadable"
    ward.paths.config.unlink()
    assert ward.code("agent.config") == "none"
    ward.configure("[authority]\nidle_s = 10\n")
    assert ward.code("agent.config") == "valid"


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "custode-test", str(place)]
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_or_read_only(ward: Ward, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 20):
        home = disk / "custode"
        assert ward.code("volumes.room", home=home) == "enough"  # not made yet: what it will lie on
        assert ward.code("volumes.writable", home=home) == "writable"
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        (full,) = ward.rows("volumes.room", home=home)
        assert full["code"] == "full"
        assert size(volumes.NEEDED) in full["what"]
        (disk / "filler").unlink()  # "make room on the disk"
        assert ward.code("volumes.room", home=home) == "enough"
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert ward.code("volumes.writable", home=home) == "read_only"
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert ward.code("volumes.writable", home=home) == "writable"


def test_a_file_where_the_home_should_be(ward: Ward) -> None:
    shutil.rmtree(ward.paths.home)
    ward.paths.home.write_text("")
    found = ward.rows("volumes.writable", config_file=Path("/nowhere"))
    assert found[0]["code"] == "no_folder"
    follow(found)
    assert ward.code("volumes.writable") == "writable"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ext4", Kind.LOCAL),
        ("btrfs", Kind.LOCAL),
        ("nfs4", Kind.NETWORK),
        ("cifs", Kind.NETWORK),
        ("fuse.sshfs", Kind.NETWORK),
        ("vfat", Kind.NO_OWNERS),
        ("exfat", Kind.NO_OWNERS),
    ],
)
def test_kinds_of_disks(tmp_path: Path, name: str, kind: Kind) -> None:
    """No such disks can be had here: the kernel's table of mounts is a file that names them."""
    home = tmp_path / "a home"
    home.mkdir()
    place = str(home).replace(" ", "\\040")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:21 / / rw - ext4 /dev/sda1 rw\n"
        f"40 22 0:35 / {place} rw,relatime shared:1 - {name} //server/x rw\n"
    )
    assert name_at(home / "below", mounts) == name
    assert name_at(tmp_path, mounts) == "ext4"
    assert kind_of(name) is kind


def test_the_kind_of_this_disk_is_told(ward: Ward) -> None:
    assert ward.code("volumes.kind") == "local"
    assert name_at(Path("/"), Path("/nowhere")) is None


def test_watched_folders(ward: Ward, tmp_path: Path) -> None:
    assert ward.code("volumes.watched") == "none"
    stick = tmp_path / "stick"
    ward.configure(f'[backup]\nwatch = ["{stick}"]\n')
    assert ward.code("volumes.watched") == "not_there"
    stick.mkdir()
    assert ward.code("volumes.watched") == "open"


def test_softhsms_folder(ward: Ward, tmp_path: Path) -> None:
    assert softhsm_folder.__doc__
    assert ward.code("softhsm.folder") == "none"
    tokens, conf = tmp_path / "the tokens", tmp_path / "softhsm2.conf"
    ward.configure(
        f'[[module]]\npath = "/x.so"\nwatch = "{tokens}"\nenv = {{ SOFTHSM2_CONF = "{conf}" }}\n'
    )
    found = ward.rows("softhsm.folder")
    assert found[0]["code"] == "missing"
    follow(found)
    assert ward.code("softhsm.folder") == "no_conf"
    conf.write_text("directories.tokendir = /elsewhere\n")
    (other,) = ward.rows("softhsm.folder")
    assert other["code"] == "another"
    conf.write_text(other["mend"]["step"].partition(": ")[2] + "\n")
    assert ward.code("softhsm.folder") == "there"


def test_the_system_bus(ward: Ward, tmp_path: Path) -> None:
    place = tmp_path / "bus"
    environ = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={place}"}
    assert ward.code("logind.bus", environ=environ) == "none"
    place.touch()
    assert ward.code("logind.bus", environ=environ) == "closed"
    assert ward.code("logind.bus", environ={"DBUS_SYSTEM_BUS_ADDRESS": "tcp:host=x"}) == "not_told"
