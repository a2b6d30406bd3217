"""What is being done now, for every face: whoever began it, all of them show how far it is."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Running:
    """Calls under way that told how far they are; `announce` is told of each change."""

    def __init__(self, announce: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._announce = announce
        self._rows: dict[int, dict[str, Any]] = {}
        self._numbers = count(1)

    def rows(self) -> list[dict[str, Any]]:
        """For `status`, the oldest first: {"id", "what" (the method), "step", "text"}."""
        return [dict(row) for row in self._rows.values()]

    @contextmanager
    def call(self, method: str) -> Iterator[Callable[[str, str], None]]:
        """For the time of one call: gives what takes its progress (step, text).

        What goes on behind a call that is over (asking the portal again) is no call any more.
        Of one that told any, the end is announced too.
        """
        number = next(self._numbers)
        over, began = False, 0.0

        def told(step: str, text: str) -> None:
            nonlocal began
            if over:
                return
            began = began or time.monotonic()  # what went before was waiting for a PIN
            self._rows[number] = {"id": number, "what": method, "step": step, "text": text}
            self._changed()

        failed = None
        try:
            yield told
        except BaseException as error:
            failed = _code(error)
            raise
        finally:
            over = True
            if self._rows.pop(number, None) is not None:
                self._changed()
                ended = {"what": method, "seconds": int(time.monotonic() - began)}
                self._announce("call_ended", {**ended, "error": failed})

    def _changed(self) -> None:
        self._announce("running_changed", {"running": self.rows()})


def _code(error: BaseException) -> ErrorCode:
    match error:
        case CustodeError():
            return error.code
        case asyncio.CancelledError():
            return ErrorCode.AGENT_STOPPING
        case _:
            return ErrorCode.FAILED
