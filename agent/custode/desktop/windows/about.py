"""What this program is, whose work it stands on, and whom to write to."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import qVersion

from custode.desktop.windows.pieces import card, facts, text
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import t
from custode.release import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class About(Wizard):
    """One page."""

    start = "about"

    def title(self) -> str:
        return t("About Custode")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"about": self._about}

    def depends_on(self) -> object:
        status = self.desk.status
        return (status.get("agent") or {}).get("version"), _support(status)

    def _about(self) -> Page:
        agent = self.desk.status.get("agent") or {}
        rows = [
            (t("For help"), _support(self.desk.status)),
            (t("Version"), VERSION),
            (t("Agent"), str(agent.get("version") or t("it does not run"))),
            ("Python", platform.python_version()),
            ("Qt", str(qVersion())),
        ]
        licences = card(
            text(t("Licences"), "section"),
            text(t("Custode: Apache License 2.0.")),
            text(
                t(
                    "Qt and PySide6 (Qt for Python): GNU LGPL 3. They are used as they come, as"
                    " libraries of their own, so you may put other versions in their place."
                )
            ),
            text(t("The other libraries keep their own licences; they come with them."), "muted"),
        )
        return Page(
            "Custode",
            t("Takes care of the certificates on your tokens."),
            body=[card(facts(rows)), licences],
            last=True,
        )


def _support(status: Mapping[str, Any]) -> str:
    """Whom to write to; nothing where nobody is configured."""
    return str((status.get("config") or {}).get("support") or "")
