"""A keyboard at a display: keys that go to whatever window has the focus there (XTEST)."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

from Xlib import XK, X
from Xlib.display import Display
from Xlib.error import BadWindow
from Xlib.ext import xtest

_PATIENCE_S: Final = 20.0
_LOOK_AGAIN_S: Final = 0.05
_SHIFT: Final = "Shift_L"
_NAMES: Final = {" ": "space", "-": "minus", "\t": "Tab", "\n": "Return", "\x1b": "Escape"}


class Keyboard:
    """Types at one display."""

    def __init__(self, display: str) -> None:
        self._display: Any = Display(display)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.close()

    def give_to(self, title: str) -> None:
        """Let the window of that title have the keys, as a window manager does: there is none here.

        :raises LookupError: when there is no such window in time
        """
        until = time.monotonic() + _PATIENCE_S
        while (window := self._topmost(title)) is None:  # told of, and not drawn yet
            if time.monotonic() > until:
                raise LookupError(f"no window {title!r} on {self._display.get_display_name()}")
            time.sleep(_LOOK_AGAIN_S)
        window.configure(stack_mode=X.Above)
        window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
        self._display.sync()

    def _topmost(self, title: str) -> Any:
        name, text = (self._display.intern_atom(atom) for atom in ("_NET_WM_NAME", "UTF8_STRING"))
        for window in reversed(self._display.screen().root.query_tree().children):
            try:
                told = window.get_full_property(name, text)
                visible = window.get_attributes().map_state == X.IsViewable  # Qt has others besides
            except BadWindow:
                continue  # it has just been closed
            if visible and told is not None and told.value.decode() == title:
                return window
        return None

    def press(self, *names: str) -> None:
        """Press keys by X's names (`Tab`, `Return`, `Escape`), all together."""
        codes = [self._display.keysym_to_keycode(XK.string_to_keysym(name)) for name in names]
        for code in codes:
            xtest.fake_input(self._display, X.KeyPress, code)
        for code in reversed(codes):
            xtest.fake_input(self._display, X.KeyRelease, code)
        self._display.sync()

    def type(self, text: str) -> None:
        """Type letters and digits."""
        for character in text:
            name = _NAMES.get(character, character)
            self.press(*((_SHIFT, name) if character.isupper() else (name,)))
