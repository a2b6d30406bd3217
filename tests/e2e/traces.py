"""Traces of a secret: in which forms it could lie somewhere, and looking for them everywhere.

Processes are read through /proc/PID/mem (proc(5)); ours are not dumpable (PR_SET_DUMPABLE), so only
root can do that.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_CHUNK: Final = 8 << 20
_MAPPING: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)")
_NOT_MEMORY: Final = ("[vvar", "[vsyscall]")
_ALIGNMENTS: Final = 3

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def of_bytes(secret: bytes) -> set[bytes]:
    """A secret as it is, as wide text, as hex, and inside a longer base64 text."""
    text = secret.decode("latin-1")
    forms = {secret, text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le")}
    forms |= {secret.hex().encode(), secret.hex().upper().encode()}
    for lead in range(_ALIGNMENTS):
        # Three bytes are four characters: what depends on its neighbours at either end is left out.
        encoded = base64.b64encode(bytes(lead) + secret)
        first = -(-lead * 8 // 6)
        whole = (lead + len(secret)) * 8 // 6
        forms |= {encoded[first:whole], base64.urlsafe_b64encode(bytes(lead) + secret)[first:whole]}
    return forms


def of_key(key: PrivateKey) -> set[bytes]:
    """What makes a private key: scalar or primes, exponents, in either byte order; and PKCS#8."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        values = [numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    else:
        values = [key.private_numbers().private_value]
    forms: set[bytes] = set()
    for value in values:
        # A leading zero may be written or not.
        plain = value.to_bytes((value.bit_length() + 7) // 8, "big")
        forms |= {plain[::-1], *of_bytes(plain)}
    clear = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return forms | of_bytes(clear)


def in_memory(pids: Iterable[int], wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Where a secret lies in a process: "name in PID, mapping"."""
    found = []
    for pid in pids:
        for where, chunk in _memory(pid):
            found += [f"{name} in {pid}, {where}" for name in _hits(chunk, wanted)]
    return found


def in_files(folders: Iterable[Path], wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Where a secret lies in a file, or in its name."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            found += [f"{name} in {path}" for name in holds(path, wanted)]
    return found


def holds(path: Path, wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Which secrets lie in one file, or in its name."""
    content = os.fsencode(path.name)
    if path.is_file() and not path.is_symlink():
        content += b"\0" + path.read_bytes()
    return list(_hits(content, wanted))


def in_the_open(pids: Iterable[int], wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Where a secret stands in arguments or environment."""
    found = []
    for pid in pids:
        for part in ("cmdline", "environ"):
            content = Path(f"/proc/{pid}/{part}").read_bytes()
            found += [f"{name} in {part} of {pid}" for name in _hits(content, wanted)]
    return found


def may_dump_core(pid: int) -> bool:
    """Whether a crash of that process could write its memory to a file (core(5))."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    found = re.search(r"Max core file size\s+(\S+)\s+(\S+)", limits)
    assert found, limits
    return found.groups() != ("0", "0")


def _hits(content: bytes, wanted: Mapping[str, Iterable[bytes]]) -> Iterator[str]:
    for name, forms in wanted.items():
        if any(form in content for form in forms):
            yield name


def _memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """Everything that a process has mapped and that can be read, in overlapping pieces."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    overlap = 8192  # the longest form is shorter
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for mapping in _MAPPING.finditer(maps):
            start, end, name = int(mapping[1], 16), int(mapping[2], 16), mapping[3]
            if name.startswith(_NOT_MEMORY):
                continue
            at = start
            while at < end:
                memory.seek(at)
                try:
                    piece = memory.read(min(_CHUNK, end - at))
                except OSError:
                    break  # a hole in a file that was mapped beyond its end
                if not piece:
                    break
                yield name or "anonymous", piece
                at += len(piece)
                if at < end:
                    at -= min(overlap, len(piece) - 1)
