"""What PC/SC says of a reader, asked through smartcard.scard."""

from __future__ import annotations

import time

from smartcard import scard

from custode_drivers.testing.vpcd import VirtualCard, VirtualReader

WITHIN_S = 10.0


class Pcsc:
    """A context of its own with the pcscd that PCSCLITE_CSOCK_NAME leads to."""

    def __init__(self) -> None:
        code, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)

    def readers(self) -> list[str]:
        code, names = scard.SCardListReaders(self._context, [])
        if code == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)
        return list(names)

    def state(self, name: str) -> tuple[int, int, bytes]:
        """State bits, event counter, ATR of a reader, now."""
        code, told = scard.SCardGetStatusChange(self._context, 0, [(name, 0)])
        assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)
        ((_, state, atr),) = told
        return state & 0xFFFF, state >> 16, bytes(atr)

    def wait(self, name: str, bit: int) -> tuple[int, int, bytes]:
        """Wait for the event that sets a bit of a reader's state."""
        deadline_s = time.monotonic() + WITHIN_S
        while not (seen := self.state(name))[0] & bit:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"{name} stayed at {seen[0]:#x}"
            known = seen[0] | seen[1] << 16
            scard.SCardGetStatusChange(self._context, int(left_s * 1000) + 1, [(name, known)])
        return seen

    def transmit(self, name: str, *commands: bytes) -> list[bytes]:
        """Speak to the card in a reader; the list ends early when the card is gone."""
        code, card, protocol = scard.SCardConnect(
            self._context, name, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1
        )
        assert code == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(code)
        responses = []
        for command in commands:
            code, response = scard.SCardTransmit(card, protocol, list(command))
            if code != scard.SCARD_S_SUCCESS:
                break
            responses.append(bytes(response))
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        return responses

    def close(self) -> None:
        scard.SCardReleaseContext(self._context)


def insert(reader: VirtualReader, card: VirtualCard) -> None:
    """Put a card in, and wait until PC/SC has seen it."""
    pcsc = Pcsc()
    pcsc.wait(reader.name, scard.SCARD_STATE_EMPTY)
    reader.insert(card)
    pcsc.wait(reader.name, scard.SCARD_STATE_PRESENT)
    pcsc.close()
