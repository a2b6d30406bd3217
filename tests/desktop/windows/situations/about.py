"""The window about this program."""

from tests.desktop.windows.situations.table import Situation

SITUATIONS = {
    "about": Situation("about", status={"agent": {"version": "0.9"}}),
    "about-support": Situation(
        "about",
        status={
            "agent": {"version": "0.9"},
            "config": {"support": "assistenza@example.com, 06 555 0100"},
        },
    ),
}
