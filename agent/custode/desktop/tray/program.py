"""The tray as a program: agent, icon, clicks and notifications put together."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.confinement import forbid_core_dumps
from custode.desktop.link import Link
from custode.desktop.opening import open_window
from custode.desktop.tray import single, toolkit
from custode.desktop.tray.doing import Doer
from custode.desktop.tray.port import Look
from custode.desktop.view import failure, sign
from custode.desktop.view.menu import menu
from custode.errors import CustodeError
from custode.locale import catalogue, choice, failures
from custode.locale.catalogue import t
from custode.paths import Paths

if TYPE_CHECKING:
    from custode.desktop.tray.port import Tray

NAME: Final = "custode-tray"
ICONS: Final = Path(__file__).parents[1] / "icons" / "tray"
_VARIANTS: Final = {"colour": "", "light": "-light", "dark": "-dark"}


def main() -> int:
    """Run it until it is quit; where one runs already, open the panel instead."""
    forbid_core_dumps()
    try:
        paths = Paths.find()
        choice.follow(paths.language)
        toolkit.check_display()
        paths.make()
        with single.place(paths) as ours:
            if not ours:
                open_window(paths, "panel")
                return 0
            return Program(paths).run()
    except CustodeError as error:
        message, hint = failures.translated(error)
        print(f"custode tray: {message}\n{hint}", file=sys.stderr)  # noqa: T201 - there is no face
        return error.exit


def look(status: dict[str, Any] | None, why: CustodeError | None) -> Look:
    """What is to be seen of that."""
    shown = sign.sign(status, why)
    wanted = ((status or {}).get("config") or {}).get("tray_icons")
    icon = f"custode-{shown.value}{_VARIANTS.get(str(wanted), '')}"
    return Look(shown, icon, sign.title(status, why), menu(status, why))


class Program:
    """Runs on the main thread; the agent is followed in another."""

    def __init__(self, paths: Paths) -> None:
        indicator = toolkit.load()
        from gi.repository import GLib

        GLib.set_prgname(NAME)
        self._glib = GLib
        self._doer = Doer(paths, self._quit, self._failed)
        self._tray: Tray = indicator(ICONS, look(None, None), self._doer)
        self._link = Link(paths, self._on_status, name=NAME, subscription={"notifies": False})

    def run(self) -> int:
        """Be there until quit, or told to end."""
        from custode.desktop.tray.host import HostWatch

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._glib.unix_signal_add(self._glib.PRIORITY_HIGH, number, self._ended)
        host = HostWatch(self._no_host)
        self._link.start()
        try:
            self._tray.run()
        finally:
            host.close()
            self._link.close()
        return 0

    def _on_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        if status is not None:
            chosen = (status.get("agent") or {}).get("language")
            catalogue.use(chosen or catalogue.detect())
        self._tray.show(look(status, why))

    def _quit(self) -> None:
        self._tray.stop()

    def _ended(self) -> bool:
        self._tray.stop()
        return True  # a second one does no harm either

    def _failed(self, error: CustodeError) -> None:
        told = failure.tell(error)
        self._say(told.message, told.hint)

    def _no_host(self) -> None:
        self._say(
            t("Custode has no place for its icon"),
            t(
                "This desktop shows no tray icons. Start Custode again whenever you want to see it:"
                " its window opens. On GNOME the extension “AppIndicator” shows the icon."
            ),
        )

    def _say(self, title: str, text: str) -> None:
        print(f"{title}\n{text}", file=sys.stderr, flush=True)  # noqa: T201 - until there is a port
