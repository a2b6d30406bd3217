"""Command and response APDUs of a virtual card (ISO/IEC 7816-4), and BER-TLV as cards use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn, Self

_CHAINED: Final = 0x10  # bit 5 of CLA: more of the same command follows (§5.4.1)
_GET_RESPONSE: Final = 0xC0


class StatusWord(Exception):
    """The command ends with a status word other than 9000, and without data (§5.6)."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04x}")
        self.sw: Final = sw


SUCCESS: Final = 0x9000
WRONG_LENGTH: Final = 0x6700
SECURITY_NOT_SATISFIED: Final = 0x6982
BLOCKED: Final = 0x6983
CONDITIONS_NOT_SATISFIED: Final = 0x6985
WRONG_DATA: Final = 0x6A80
NOT_FOUND: Final = 0x6A82
WRONG_P1_P2: Final = 0x6A86
REFERENCE_NOT_FOUND: Final = 0x6A88
INS_UNKNOWN: Final = 0x6D00
TRIES_LEFT: Final = 0x63C0  # and the number in the last four bits


def refuse(sw: int) -> NoReturn:
    """End the command.

    :raises StatusWord: always.
    """
    raise StatusWord(sw)


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU, taken apart. `le` is how many bytes of data the reader takes at most."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int = 256

    @classmethod
    def parse(cls, apdu: bytes) -> Self:
        """Read the short and the extended form (§5.2).

        :raises StatusWord: when the lengths do not fit.
        """
        if len(apdu) < 4:
            refuse(WRONG_LENGTH)
        cla, ins, p1, p2, *_ = apdu
        body = apdu[4:]
        if len(body) > 1 and body[0] == 0:
            if len(body) < 3:
                refuse(WRONG_LENGTH)
            if len(body) == 3:
                return cls(cla, ins, p1, p2, le=int.from_bytes(body[1:]) or 0x10000)
            width, most = 2, 0x10000
            body = body[1:]
        else:
            width, most = 1, 256
            if len(body) <= 1:
                return cls(cla, ins, p1, p2, le=int.from_bytes(body) or most)
        length = int.from_bytes(body[:width])
        data, rest = body[width : width + length], body[width + length :]
        if len(data) != length or len(rest) not in {0, width}:
            refuse(WRONG_LENGTH)
        return cls(cla, ins, p1, p2, data, int.from_bytes(rest) or most)


class Chaining:
    """Puts chained commands together, and takes long answers apart (§5.4.1, §5.4.2)."""

    def __init__(self) -> None:
        self._begun: tuple[int, bytes] = (0, b"")
        self._left = b""

    def complete(self, command: Command) -> Command | None:
        """The whole command, or None while more of it will follow."""
        ins, before = self._begun
        data = (before if ins == command.ins else b"") + command.data
        if command.cla & _CHAINED:
            self._begun = (command.ins, data)
            return None
        self._begun = (0, b"")
        return Command(command.cla, command.ins, command.p1, command.p2, data, command.le)

    @staticmethod
    def asks_for_more(command: Command) -> bool:
        return command.ins == _GET_RESPONSE

    def respond(self, data: bytes, le: int) -> bytes:
        """As much as the reader takes, with 9000 or, when there is more, 61xx."""
        self._left = data
        return self.more(le)

    def more(self, le: int) -> bytes:
        """What GET RESPONSE gives."""
        part, self._left = self._left[:le], self._left[le:]
        return part + (bytes((0x61, min(255, len(self._left)))) if self._left else b"\x90\x00")


def tlv(tag: int, value: bytes) -> bytes:
    """One BER-TLV object; `tag` as it is written, 0x5FC105 for example."""
    name = tag.to_bytes((tag.bit_length() + 7) // 8 or 1)
    length = len(value)
    if length < 0x80:
        return name + bytes((length,)) + value
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return name + bytes((0x80 | len(size),)) + size + value


def parse_tlv(data: bytes) -> dict[int, bytes]:
    """The objects in `data` by tag, in their order.

    :raises StatusWord: when a length leads past the end.
    """
    objects: dict[int, bytes] = {}
    at = 0
    try:
        while at < len(data):
            start = at
            if data[at] & 0x1F == 0x1F:
                at += 1
                while data[at] & 0x80:
                    at += 1
            at += 1
            tag = int.from_bytes(data[start:at])
            length = data[at]
            at += 1
            if length & 0x80:
                width = length & 0x7F
                length = int.from_bytes(data[at : at + width])
                at += width
            if at + length > len(data):
                refuse(WRONG_DATA)
            objects[tag] = data[at : at + length]
            at += length
    except IndexError:
        refuse(WRONG_DATA)
    return objects
