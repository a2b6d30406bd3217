"""Which disk a volume lies on, whether that can be carried away, and what the volume is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from custode_drivers.volumes.mounted import Mounted

_ESCAPED: Final = re.compile(r"\\x([0-9a-f]{2})")  # udev(7), ENCODE
_MAX_DEPTH: Final = 8  # encryption on logical volumes on partitions on disks, and room


class Disks:
    """Block devices as sysfs shows them (Documentation/ABI/stable/sysfs-block); `root` is `/`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._dev = root / "dev"
        self._blocks = root / "sys/class/block"
        self._numbers = root / "sys/dev/block"
        self._labels = root / "dev/disk/by-label"

    def below(self, mount: Mounted) -> frozenset[str]:
        """Names of the whole disks below a mount; none where it lies on no block device."""
        node = self._node(mount)
        return frozenset() if node is None else self._disks_of(node)

    def removable(self, disks: frozenset[str]) -> bool:
        """Whether one of these disks can be taken out, or hangs on a cable."""
        return any(map(self._removable, disks))

    def label(self, mount: Mounted) -> str:
        """What its maker or owner called the volume; empty where nobody did."""
        node = self._node(mount)
        try:
            links = sorted(self._labels.iterdir())
        except OSError:
            return ""
        for link in links:
            if node is not None and link.readlink().name == node.name:
                return _unescaped(link.name)
        return ""

    def _node(self, mount: Mounted) -> Path | None:
        """Its folder in sysfs: by the device's name, because btrfs gives numbers of its own."""
        links = [self._numbers / mount.number]
        if mount.source.startswith("/dev/"):
            device = (self._dev / mount.source.removeprefix("/dev/")).resolve()
            links.insert(0, self._blocks / device.name)
        return next((link.resolve() for link in links if link.exists()), None)

    def _disks_of(self, node: Path, depth: int = _MAX_DEPTH) -> frozenset[str]:
        lower = [self._blocks / one.name for one in _entries(node / "slaves")]
        if lower and depth:
            return frozenset().union(
                *(self._disks_of(one.resolve(), depth - 1) for one in lower if one.exists())
            )
        return frozenset({node.parent.name if (node / "partition").exists() else node.name})

    def _removable(self, name: str) -> bool:
        link = self._blocks / name
        if not link.exists():
            return False
        disk = link.resolve()
        on_usb = any(part.startswith("usb") for part in disk.parts)
        sd_card = _text(disk / "device/type") == "SD"
        return on_usb or sd_card or _text(disk / "removable") == "1"


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""


def _unescaped(name: str) -> str:
    r"""Read \x20 and the like: bytes of UTF-8."""
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw
