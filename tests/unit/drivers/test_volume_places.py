"""Which volumes are offered for a backup, from a system drawn in a folder: /proc, /sys, /dev."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from custode_drivers.volumes import mounted
from custode_drivers.volumes.places import Place, Places

OWN: Final = "25 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw"
STICK: Final = "90 25 8:17 / /media/anna/STICK\\040ANNA rw,nosuid shared:2 - vfat /dev/sdb1 rw,utf8"
CARD: Final = "91 25 179:1 / /run/media/anna/foto ro,relatime - exfat /dev/mmcblk0p1 rw"
CRYPT: Final = "92 25 254:3 / /mnt/usb rw - ext4 /dev/mapper/luks-1 rw"
DATA: Final = "93 25 8:1 / /srv/data rw - xfs /dev/sda1 rw"
SHARE: Final = "94 25 0:60 / /srv/share rw - cifs //server/share rw"
# None of these is a place for a backup.
HIDDEN: Final = (
    "26 25 0:21 / /proc rw - proc proc rw",
    "27 25 0:22 / /tmp rw - tmpfs tmpfs rw",
    "28 25 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw",
    "29 25 259:3 / /home rw - ext4 /dev/nvme0n1p3 rw",  # another part of our own disk
    "30 25 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro",
    "31 25 11:0 / /media/anna/DISC ro - iso9660 /dev/sr0 ro",
    "32 25 0:70 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw",
    "33 25 8:1 /sub /opt/bound rw - xfs /dev/sda1 rw",
    "34 25 0:71 / /run/user/1000 rw - tmpfs tmpfs rw",
    "35 25 8:65 / /media/anna/pulled rw - vfat /dev/sde1 rw",  # its folder is gone
)
PARTS: Final = {
    "nvme0n1": ("pci0/nvme/nvme0/nvme0n1", ("nvme0n1p1", "nvme0n1p2", "nvme0n1p3"), {}),
    "sda": ("pci0/ata1/host0/block/sda", ("sda1",), {"removable": "0"}),
    "sdb": ("pci0/usb1/1-2/host6/block/sdb", ("sdb1",), {"removable": "1"}),
    "sdc": ("pci0/usb2/2-1/host7/block/sdc", ("sdc1",), {"removable": "0"}),
    "mmcblk0": ("pci0/mmc0/block/mmcblk0", ("mmcblk0p1",), {"device/type": "SD"}),
    "dm-0": ("virtual/block/dm-0", (), {"slaves/sdc1": ""}),
}


def draw(root: Path, *lines: str) -> Path:
    """A system in `root` with these lines in its mount table."""
    for place in ("media/anna/STICK ANNA", "run/media/anna/foto", "mnt/usb", "srv/data"):
        (root / place).mkdir(parents=True)
    blocks = root / "sys/class/block"
    labels = root / "dev/disk/by-label"
    for folder in (blocks, labels, root / "proc/self", root / "dev/mapper"):
        folder.mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text("\n".join(lines) + "\n")
    for name, (path, parts, files) in PARTS.items():
        disk = root / "sys/devices" / path
        disk.mkdir(parents=True)
        (blocks / name).symlink_to(disk)
        for part in parts:
            (disk / part).mkdir()
            (disk / part / "partition").write_text("1\n")
            (blocks / part).symlink_to(disk / part)
        for file, text in files.items():
            (disk / file).parent.mkdir(exist_ok=True)
            (disk / file).write_text(text + "\n")
    (root / "dev/mapper/luks-1").symlink_to("../dm-0")
    (labels / "Copie\\x20di\\x20Anna").symlink_to("../../sdb1")
    (labels / "Perché").symlink_to("../../dm-0")
    return root


def look(root: Path) -> Places:
    return Places(Path("/home/anna"), root)


def test_sticks_first_then_disks_then_shares_and_nothing_else(tmp_path: Path) -> None:
    found = look(draw(tmp_path, OWN, SHARE, DATA, *HIDDEN, CRYPT, CARD, STICK)).all()
    assert [(str(one.path), one.label) for one in found] == [
        ("/media/anna/STICK ANNA", "Copie di Anna"),
        ("/run/media/anna/foto", "foto"),
        ("/mnt/usb", "Perché"),
        ("/srv/data", "data"),
        ("/srv/share", "share"),
    ]
    assert [one.removable for one in found] == [True, True, True, False, False]
    assert [one.network for one in found] == [False, False, False, False, True]
    assert [one.read_only for one in found] == [False, True, False, False, False]
    assert [one.writable for one in found] == [True, False, True, True, True]
    assert not any(one.same_disk for one in found)


def test_what_may_hang_is_asked_nothing(tmp_path: Path) -> None:
    stick, share = look(draw(tmp_path, OWN, STICK, SHARE)).all()
    assert stick.free is not None
    assert stick.total is not None
    assert 0 < stick.free < stick.total
    assert share.free is None
    assert share.total is None


def test_the_same_volume_twice_is_one(tmp_path: Path) -> None:
    again = STICK.replace("90 25", "95 25").replace("/media/anna/STICK\\040ANNA", "/mnt/usb")
    (found,) = look(draw(tmp_path, OWN, STICK, again)).all()
    assert str(found.path) == "/media/anna/STICK ANNA"


@pytest.mark.parametrize("what", ["proc", "sys", "dev"])
def test_a_system_that_tells_less_is_no_error(tmp_path: Path, what: str) -> None:
    root = draw(tmp_path, OWN, STICK)
    (root / what).rename(root / "gone")
    found = look(root).all()
    if what == "proc":
        assert found == []
    else:
        assert [(str(one.path), one.removable) for one in found] == [
            ("/media/anna/STICK ANNA", True)
        ]


def test_any_folder_is_told_by_the_volume_it_lies_on(tmp_path: Path) -> None:
    places = look(draw(tmp_path, OWN, STICK))
    own, stick = places.at(Path("/home/anna")), places.at(Path("/media/anna/STICK ANNA/x"))
    assert isinstance(own, Place)
    assert isinstance(stick, Place)
    assert (own.same_disk, own.removable, own.filesystem) == (True, False, "ext4")
    assert (stick.same_disk, stick.removable, stick.label) == (False, True, "Copie di Anna")
    assert str(stick.path) == "/media/anna/STICK ANNA/x"
    assert not stick.writable  # it is not there


def test_the_later_mount_lies_over_the_earlier(tmp_path: Path) -> None:
    over = STICK.replace("vfat", "ntfs3").replace("90 25", "96 25")
    table = tmp_path / "mountinfo"
    table.write_text(f"{OWN}\n{STICK}\n{over}\n")
    read = mounted.read(table)
    assert [one.filesystem for one in read] == ["ext4", "ntfs3"]
    assert read[1].place == Path("/media/anna/STICK ANNA")
    assert mounted.under(Path("/media/anna/STICK ANNA/x"), read) == read[1]
