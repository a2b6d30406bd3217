"""Which backup is meant: those that are known, another folder, and a stick that is not here yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custode.desktop.view import activating
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.folders import left
from custode.desktop.windows.mounts import Mounts
from custode.desktop.windows.picking import pick_folder
from custode.desktop.windows.pieces import Banner, Kind, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QWidget

    from custode.desktop.view.activating import Candidate
    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_AWAY: Final = frozenset({ErrorCode.FILE_MISSING, ErrorCode.FILE_UNREADABLE})


class WithBackup(Wizard):
    """A wizard about one backup: `row` as the agent tells it, `folder` where it lies, if in one."""

    start = "which"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.row: dict[str, Any] = {}
        self.folder = args.get("folder", "")
        self._asked = args
        self._begun = False
        self._chosen = ""
        self._mounts: Mounts | None = None
        desk.happened.connect(self._happened)
        desk.changed.connect(self._begin)

    # --- what the wizards say ---

    def question(self) -> str:
        """Asks which backup."""
        raise NotImplementedError  # abstract, as in window.py

    def suits(self, candidate: Candidate) -> bool:
        """Whether that one can be chosen here."""
        raise NotImplementedError  # abstract, as in window.py

    def chosen(self) -> None:
        """`row` and `folder` are known: go on."""
        raise NotImplementedError  # abstract, as in window.py

    def nothing(self) -> str:
        """What to say where there is none."""
        return t("No backup is known here that could be chosen.")

    def choosing(self) -> dict[str, Callable[[], Page]]:
        """The pages of this part."""
        return {"which": self._which, "away": self._away}

    def depends_on(self) -> object:
        return [one.row for one in self.candidates()] if self.at == "which" else self.state()

    def state(self) -> object:
        """What of `desk.status` the other pages show."""
        return None

    # --- what is known ---

    def candidates(self) -> list[Candidate]:
        """Those that can be chosen."""
        return [one for one in activating.candidates(self.desk.status) if self.suits(one)]

    def backup(self) -> Mapping[str, Any]:
        """The backup as the agent knows it by now."""
        known = activating.find(self.desk.status, backup_id=str(self.row.get("backup_id") or ""))
        return known if known is not None else self.row

    # --- beginning ---

    def present(self) -> None:
        super().present()
        self._begin()

    def _begin(self) -> None:
        """Once: take the one that was named, or the only one there is."""
        if self._begun or not self.desk.status or not self.isVisible():
            return
        self._begun = True
        self._asked = dict(self._asked)
        found = activating.find(
            self.desk.status,
            backup_id=self._asked.get("backup_id", ""),
            folder=self.folder,
            serial=self._asked.get("spare", ""),
        )
        fitting = self.candidates()
        if found is None and not self.folder and len(fitting) == 1:
            found = fitting[0].row
        if found is not None:
            self._take(found)
        elif self.folder:
            self._show()

    def _take(self, row: Mapping[str, Any]) -> None:
        self.row = dict(row)
        self.folder = self.folder or str(row.get("folder_path") or "")
        if activating.on_token(row):
            self.chosen()
        elif self.folder:
            self._show()
        else:
            self._wait()

    def _show(self) -> None:
        """Have the agent read the folder."""
        self._wait_no_more()
        self.run(
            "backup.show",
            {"folder": self.folder},
            mark("Looking at the backup"),
            done=self._shown,
            failed=self._not_shown,
            step=0,
        )

    def _shown(self, shown: dict[str, Any]) -> None:
        self.row = {**shown, "folder_path": shown.get("path")}
        self.folder = str(shown.get("path") or self.folder)
        self.chosen()

    def _not_shown(self, error: CustodeError) -> bool:
        if error.code in _AWAY:
            self._wait()
            return True
        self.at = "which"
        return False

    # --- which one ---

    def _which(self) -> Page:
        fitting = self.candidates()
        cards = Choices(
            self.question(),
            [Choice(one.backup_id, one.name, one.state) for one in fitting],
            self._chosen,
        )
        cards.chosen.connect(self._choose)
        return Page(
            self.question(),
            "" if fitting else self.nothing(),
            body=[cards if fitting else None, self._other()],
            primary=t("Next") if fitting else "",
            then=self._after_which,
            ready=bool(self._chosen),
        )

    def _other(self) -> QWidget:
        return left(keyed(pressed(t("Another folder…"), self._choose_folder), "folder"))

    def _choose(self, backup_id: str) -> None:
        self._chosen = backup_id
        self.set_ready(True)

    def _after_which(self) -> None:
        for one in self.candidates():
            if one.backup_id == self._chosen:
                self.folder = ""
                self._take(one.row)
                return

    def _choose_folder(self) -> None:
        title = t("The backup's folder (it holds the file iw.iwk)")
        if found := pick_folder(self, title):
            self.folder = found
            self._show()

    # --- a stick that is not here ---

    def _away(self) -> Page:
        name = str(self.row.get("folder_name") or Path(self.folder).name or "–")
        return Page(
            t("Plug in the stick with your backup"),
            t("It is noticed by itself as soon as it is here."),
            body=[
                Banner(
                    self.desk.theme,
                    Kind.INFO,
                    t("The folder “{name}” is not here now", name=name),
                    t("It was last at {place}", place=self.folder) if self.folder else "",
                ),
                text(t("Or say where it is now:"), "muted"),
                self._other(),
            ],
            sign="token",
            back=self._leave_away,
        )

    def _wait(self) -> None:
        """Until a stick comes, the agent tells of the folder, or the person says where it is."""
        if self._mounts is None:
            self._mounts = Mounts(self)
            self._mounts.changed.connect(self._look_there)
        self.go("away")

    def _wait_no_more(self) -> None:
        if self._mounts is not None:
            self._mounts.close()
            self._mounts.deleteLater()
            self._mounts = None

    def _leave_away(self) -> None:
        self._wait_no_more()
        self.folder = ""
        self.go("which")

    def _look_there(self) -> None:
        if self.at == "away" and not self.busy and self.folder and Path(self.folder).is_dir():
            self._show()

    def _happened(self, event: dict[str, Any]) -> None:
        """A folder with a backup has appeared somewhere."""
        if event.get("name") != "backup_folder" or self.at != "away" or self.busy:
            return
        told = event.get("data") or event
        path = str(told.get("path") or "")
        wanted = {str(self.row.get("folder_name") or ""), Path(self.folder).name} - {""}
        if told.get("appeared") and Path(path).name in wanted:
            self.folder = path
            self._show()

    def closing(self) -> None:
        self._wait_no_more()
        super().closing()
