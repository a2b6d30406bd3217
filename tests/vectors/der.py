"""DER (X.690), as much of it as `reader.py` needs; strict: definite, shortest lengths only."""

from __future__ import annotations

from dataclasses import dataclass

# Tags of X.690: the identifier octet.
INTEGER, BITS, OCTETS, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, SEQUENCE, SET = 0x0C, 0x30, 0x31


class Refused(Exception):
    """What a reader must not take; the message is for whoever debugs a writer."""


def need(holds: object, what: str) -> None:
    if not holds:
        raise Refused(what)


@dataclass(frozen=True)
class Node:
    """One element: its identifier octet, its content, and its whole encoding."""

    tag: int
    content: bytes
    encoding: bytes

    def children(self) -> list[Node]:
        found, rest = [], self.content
        while rest:
            node, rest = take(rest)
            found.append(node)
        return found

    def inside(self, *tags: int) -> list[Node]:
        """Children, which must have exactly these tags."""
        found = self.children()
        need([one.tag for one in found] == list(tags), f"expected {tags}")
        return found

    def number(self) -> int:
        need(self.tag == INTEGER and self.content, "an INTEGER")
        value = int.from_bytes(self.content, "big", signed=True)
        need(self.content == signed_bytes(value), "shortest INTEGER")
        return value

    def oid(self) -> str:
        need(self.tag == OID, "an OID")
        return dotted(self.content)


def signed_bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() // 8) + 1, "big", signed=True)


def take(data: bytes) -> tuple[Node, bytes]:
    """First element of `data` and what is behind it; only definite, shortest lengths."""
    need(len(data) >= 2, "two octets")
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        need(1 <= count <= 3 and len(data) >= 2 + count, "a definite length")
        length, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
        need(length >= 0x80 and data[2] != 0, "the shortest length")
    need(len(data) >= start + length, "all of its octets")
    end = start + length
    return Node(data[0], data[start:end], data[:end]), data[end:]


def whole(data: bytes, tag: int) -> Node:
    node, rest = take(data)
    need(not rest, "nothing behind the end")
    need(node.tag == tag, f"tag {tag:02x}")
    return node


def dotted(content: bytes) -> str:
    numbers, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def algorithm(node: Node) -> tuple[str, list[Node]]:
    """OID and parameters of an AlgorithmIdentifier."""
    oid, *parameters = node.children()
    return oid.oid(), parameters
