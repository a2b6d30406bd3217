"""A notification server that its bus starts when it is called: presses what it is shown, then ends.

`python -m tests.desktop.activated HOW_MANY`
"""

from __future__ import annotations

import os
import sys

from tests.desktop.session.notifications import Notifications


def main(how_many: int) -> None:
    with Notifications(os.environ["DBUS_SESSION_BUS_ADDRESS"]) as bubbles:
        for _ in range(how_many):
            bubble = bubbles.until(lambda _bubble: True, "something to press")
            bubbles.press(bubble, "Esegui ora…")


if __name__ == "__main__":
    main(int(sys.argv[1]))
