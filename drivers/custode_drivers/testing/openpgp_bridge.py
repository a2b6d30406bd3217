"""The OpenPGP card of smartcard-app-openpgp 0.4.0 on standard input and output: run, not imported.

That package is under the GPL, version 3 or later, and so is what runs here with it; Custode talks
to this program only through its pipes, and loads none of it. Frames are those of vpcd (`vpcd.py`):
a 16-bit length and that much; one byte is a signal, of which GET ATR is answered, more is a
command.

What 0.4.0 gets wrong is mended here, five things: see `_mend` and `Card.answer`.
"""

from __future__ import annotations

import argparse
import importlib
import struct
import sys
import time
from typing import Any, BinaryIO

# Not of our own environment: `smartcard` is pyscard there, and python-smartcard here.
_zodb: Any = importlib.import_module("ZODB")
_mapping: Any = importlib.import_module("ZODB.MappingStorage")
_smartcard: Any = importlib.import_module("smartcard")
_openpgp: Any = importlib.import_module("smartcard.app.openpgp")
_asn1: Any = importlib.import_module("smartcard.asn1")
_transactions: Any = importlib.import_module("smartcard.utils").transaction_manager

_GET_ATR = 4
_APPLICATION = b"\x12\x34"  # a file identifier, any
_MANUFACTURER = b"\xff\xfe"  # for random serial numbers and tests (OpenPGP card 3.4 §4.2.1)
_VERIFY, _CHANGE, _GENERATE, _SELECT_DATA = 0x20, 0x24, 0x47, 0xA5
_SELECT_CERTIFICATE = bytes.fromhex("60045c027f21")
_KEYGEN_S = 60.0


def _mend() -> None:
    """Two of 0.4.0's faults can be mended in its class."""

    def algorithm_information(card: Any) -> tuple[bytes]:
        # DO FA, a TypeError: the values are encoded already.
        del card
        roles = (_openpgp.KEY_ROLE_SIGN, _openpgp.KEY_ROLE_DECRYPT, _openpgp.KEY_ROLE_AUTHENTICATE)
        known = _openpgp.ROLE_TO_SUPPORTED_ALGORITHM_INFORMATION_LIST_DICT
        tags = _openpgp.KEY_ROLE_TO_ATTRIBUTE_TAG_DICT
        wrap = _asn1.CodecBER.wrapValue
        return (
            b"".join(wrap(tag=tags[role], encoded=one) for role in roles for one in known[role]),
        )

    unmended = _openpgp.OpenPGP.internalAuthenticate

    def internal_authenticate(card: Any, *arguments: Any, **named: Any) -> bytes:
        # INTERNAL AUTHENTICATE lacks its status word.
        return bytes(unmended(card, *arguments, **named)) + b"\x90\x00"

    _openpgp.OpenPGP._getAlgorithmInformation = algorithm_information  # noqa: SLF001 - a mend
    _openpgp.OpenPGP.internalAuthenticate = internal_authenticate


class Card:
    """The card, in memory."""

    def __init__(self, serial: int) -> None:
        master = (_smartcard.MASTER_FILE_IDENTIFIER,)
        database = _zodb.DB(_mapping.MappingStorage(), pool_size=1)
        self._root = database.open(transaction_manager=_transactions).root
        with _transactions:
            self._root.card = self._card = _smartcard.Card(name=b"custode")
            application = _openpgp.OpenPGP(
                manufacturer=_MANUFACTURER,
                serial=serial.to_bytes(4, "big"),
                identifier=_APPLICATION,
            )
            application.activateSelf()
            self._card.createFile(self._card.traverse(master), application)
        with _transactions:
            self._card.traverse((*master, _APPLICATION))
            self.atr = bytes(self._card.getATR())

    def power(self) -> None:
        """Volatile state ends."""
        with _transactions:
            self._card.clearVolatile()

    def answer(self, command: bytes) -> bytes:
        """One command; three of the faults are mended here, from the outside."""
        instruction = command[1]
        if instruction == _SELECT_DATA and command[5:11] == _SELECT_CERTIFICATE:
            # Which of the certificates is meant; 0.4.0 does not know the command.
            channel = self._card._v_s_channel_list[0]  # noqa: SLF001 - there is no other way
            channel.setDataObjectIndex(_openpgp.CardholderCertificate, command[2])
            return b"\x90\x00"
        response = self._run(command)
        if instruction == _GENERATE and command[2] == 0x80:
            # Keys come from a thread that makes them ahead; until one is there it is an error.
            end_s = time.monotonic() + _KEYGEN_S
            while response == b"\x6f\x00" and time.monotonic() < end_s:
                time.sleep(0.02)
                response = self._run(command)
        elif instruction in {_VERIFY, _CHANGE} and len(command) > 5 and response == b"\x69\x82":
            # A wrong PIN: the tries that are left, as ISO 7816-4 §11.5.6 has it. At 6982 OpenSC
            # would send the PIN once more, and spend another try.
            left = self._run(bytes((0, _VERIFY, 0, command[3])))
            response = b"\x69\x83" if left == b"\x63\xc0" else left
        return response

    def _run(self, command: bytes) -> bytes:
        return bytes(self._card.runAPDU(bytearray(command)))


def _read_frame(source: BinaryIO) -> bytes | None:
    head = source.read(2)
    if len(head) < 2:
        return None
    (length,) = struct.unpack(">H", head)
    return source.read(length)


def _write_frame(target: BinaryIO, frame: bytes) -> None:
    target.write(struct.pack(">H", len(frame)) + frame)
    target.flush()


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serial", type=int, required=True)
    _mend()
    card = Card(parser.parse_args().serial)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    _write_frame(target, card.atr)
    while (frame := _read_frame(source)) is not None:
        if len(frame) != 1:
            _write_frame(target, card.answer(frame))
        elif frame[0] == _GET_ATR:
            _write_frame(target, card.atr)
        else:
            card.power()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
