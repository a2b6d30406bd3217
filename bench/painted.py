"""When a window's picture is on the screen: it was mapped, and something is drawn in it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

from Xlib import X
from Xlib.display import Display
from Xlib.protocol.event import ClientMessage

PATIENCE_S: Final = 30.0
_AGAIN_S: Final = 0.003
_LEAST: Final = 200  # dots a side: smaller ones are no windows for people
_COLOURS: Final = 4  # text on a surface has more than a window that is only filled


class Painted:
    """Watches a display for the next window."""

    def __init__(self, display: str) -> None:
        self._display: Any = Display(display)
        self._screen = self._display.screen()
        self._window: Any = None

    def __enter__(self) -> Self:
        self._before = {window.id for window in self._screen.root.query_tree().children}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.close()

    def wait(self) -> float:
        """Wait until a new window is painted; when it was, by `time.monotonic`.

        :raises TimeoutError: when none is
        """
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for window in self._screen.root.query_tree().children:
                if window.id not in self._before and self._is_painted(window):
                    self._window = window
                    return time.monotonic()
            time.sleep(_AGAIN_S)
        raise TimeoutError("no window was painted")

    def close_window(self) -> None:
        """Close it, as the button in its frame does."""
        protocols, delete = map(self._display.intern_atom, ("WM_PROTOCOLS", "WM_DELETE_WINDOW"))
        data = (32, [delete, X.CurrentTime, 0, 0, 0])
        event = ClientMessage(window=self._window, client_type=protocols, data=data)
        self._window.send_event(event)
        self._display.flush()

    def _is_painted(self, window: Any) -> bool:
        if window.get_attributes().map_state != X.IsViewable:
            return False
        size = window.get_geometry()
        if min(size.width, size.height) < _LEAST:
            return False
        # One column of dots through its middle.
        column = window.get_image(size.width // 4, 0, 1, size.height, X.ZPixmap, 0xFFFFFFFF)
        dots = column.data
        return len({dots[at : at + 4] for at in range(0, len(dots), 4)}) >= _COLOURS
