"""The window about this program."""

from tests.desktop.windows.situations.table import Situation

SITUATIONS = {
    "about": Situation("about", status={"agent": {"version": "0.9"}}),
}
