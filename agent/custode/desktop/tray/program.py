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
from custode.desktop.view.action import window
from custode.desktop.view.menu import menu
from custode.desktop.view.note import Button, Note
from custode.errors import CustodeError
from custode.locale import catalogue, choice, failures
from custode.locale.catalogue import t
from custode.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from custode.desktop.tray.notifications import Notifier
    from custode.desktop.tray.port import Tray
    from custode.desktop.view.action import Action

NAME: Final = "custode-tray"
# A panel may start after us, when the person logs in.
LATE_S: Final = 15
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
        # As the command line says it, which may have become this program.
        print(f"custode: error: {message}", file=sys.stderr)  # noqa: T201 - there is no face
        print(f"custode: hint: {hint}", file=sys.stderr)  # noqa: T201 - as above
        return error.exit


def look(status: dict[str, Any] | None, why: CustodeError | None) -> Look:
    """What is to be seen of that."""
    wanted = ((status or {}).get("tray") or {}).get("icons")
    icon = f"custode-{sign.sign(status, why).value}{_VARIANTS.get(str(wanted), '')}"
    standing = sign.standing(status, why)
    return Look(standing, icon, sign.title(status, why), menu(status, why))


class Program:
    """Runs on the main thread; the agent is followed in another."""

    def __init__(self, paths: Paths) -> None:
        indicator = toolkit.load()
        from gi.repository import GLib

        from custode.desktop.tray.prompts import SUBSCRIPTION, Prompts

        GLib.set_prgname(NAME)
        self._glib = GLib
        self._doer = Doer(paths, self._quit, self._failed)
        self._alone = False  # whether there is no agent
        self._tray: Tray = indicator(ICONS, look(None, None), self._clicked)
        self._prompts = Prompts(paths, self._notifier_for, self._clicked, self._later)
        self._link = Link(
            paths, self._on_status, self._on_event, name=NAME, subscription=SUBSCRIPTION
        )

    def run(self) -> int:
        """Be there until quit, or told to end."""
        from custode.desktop.tray.host import HostWatch

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._glib.unix_signal_add(self._glib.PRIORITY_HIGH, number, self._ended)
        host = HostWatch(self._placed, self._no_host, LATE_S)
        self._link.start()
        try:
            self._tray.run()
        finally:
            self._link.close()
            host.close()
            self._prompts.close()
        return 0

    # --- what the agent says; in the link's thread ---

    def _on_status(self, status: dict[str, Any] | None, why: CustodeError | None) -> None:
        self._alone = status is None
        if status is not None:
            chosen = (status.get("agent") or {}).get("language") or catalogue.detect()
            if chosen != catalogue.current():
                catalogue.use(chosen)
                self._later(self._prompts.speak)
        self._later(lambda: self._prompts.on_status(status))
        self._tray.show(look(status, why))

    def _on_event(self, event: dict[str, Any]) -> None:
        self._later(lambda: self._prompts.on_event(event))

    def _later(self, work: Callable[[], None]) -> None:
        """Do it on the main loop; in the order in which it was said."""

        def once() -> bool:
            work()
            return False

        self._glib.idle_add(once, priority=self._glib.PRIORITY_DEFAULT)

    # --- what the person does ---

    def _clicked(self, action: Action) -> None:
        if self._alone:  # what kept the agent from starting may have been mended
            self._link.refresh()
        self._doer(action)

    def _quit(self) -> None:
        self._tray.stop()

    def _ended(self) -> bool:
        self._tray.stop()
        return True  # a second one does no harm either

    # --- what the tray itself has to say ---

    def _notifier_for(self, pressed: Callable[[Note, Button], None]) -> Notifier:
        from custode.desktop.tray.notifications import GioNotifier

        self._notifier = GioNotifier(pressed)
        return self._notifier

    def _failed(self, error: CustodeError) -> None:
        told = failure.tell(error)
        text = "\n".join(line for line in (told.message, told.hint) if line)
        failed = Note(key="failed", title=t("That could not be done"), text=text)
        self._later(lambda: self._notifier.show(failed))

    def _placed(self, there: bool) -> None:  # noqa: FBT001 - a callback
        self._tray.place(there=there)

    def _no_host(self) -> None:
        self._notifier.show(
            Note(
                key="no-host",
                title=t("No place for Custode's icon"),
                text=t(
                    "This desktop shows no tray icons. Start Custode again whenever you want to"
                    " see it: its window opens. On GNOME the extension “AppIndicator” shows the"
                    " icon."
                ),
                buttons=(Button(t("Open Custode…"), window("panel")),),
            )
        )
