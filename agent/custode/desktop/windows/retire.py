"""Make a backup void, for its stick is lost; the original's token signs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from custode.desktop.view import retiring
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.ending import agreed
from custode.desktop.windows.pieces import Banner, Kind, card, text
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import mark, t
from custode.locale.lines import plug_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk


class Retire(Wizard):
    """Which one, the yes to it, done."""

    start = "which"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.backup_id = args.get("backup_id", "")
        self.understood = False
        self.retired: dict[str, Any] = {}

    def title(self) -> str:
        return t("Make a backup void")

    def steps(self) -> Sequence[str]:
        return (t("Backup"), t("Check"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"which": self._which, "check": self._check, "done": self._done}

    def depends_on(self) -> object:
        status = self.desk.status
        return retiring.backups(status), retiring.signer(status) if self.at == "check" else None

    def _which(self) -> Page:
        found = retiring.backups(self.desk.status)
        if self.backup_id not in {one.backup_id for one in found}:
            self.backup_id = ""
        cards = Choices(
            t("Which backup"),
            [Choice(one.backup_id, one.name, one.state) for one in found],
            self.backup_id,
        )
        cards.chosen.connect(self._choose)
        return Page(
            t("Which backup is lost?"),
            t("It can never be activated again; your original stays as it is.")
            if found
            else t("There is no backup that could be made void."),
            body=[cards if found else None],
            sign="backup",
            primary=t("Next") if found else "",
            then=lambda: self.go("check"),
            ready=bool(self.backup_id),
            last=not found,
        )

    def _choose(self, backup_id: str) -> None:
        self.backup_id = backup_id
        self.understood = False
        self.set_ready(True)

    def _check(self) -> Page:
        found = retiring.backups(self.desk.status)
        backup = next((one for one in found if one.backup_id == self.backup_id), None)
        signer = retiring.signer(self.desk.status)
        return Page(
            t("Make this backup void?"),
            t("Whoever finds it can do nothing with it then, and neither can you."),
            body=[
                card(text(backup.name, "strong"), text(backup.state, "muted"), gap=3)
                if backup
                else None,
                self._signer(signer),
                agreed(t("Yes: make it void for good"), self.understood, self._understand),
            ],
            step=1,
            sign="warning",
            colour="danger",
            primary=t("Make it void…"),
            then=self._retire,
            ready=self._ready(),
            danger=True,
            back=lambda: self.go("which"),
        )

    def _signer(self, signer: Mapping[str, Any] | None) -> QWidget:
        if signer is None:
            what = t("Only a token with an active certificate can sign this, and there is none.")
            return Banner(self.desk.theme, Kind.WARNING, what)
        if not signer.get("present"):
            return Banner(self.desk.theme, Kind.INFO, plug_in(signer))
        told = t("Token “{label}” signs it: you are asked for its PIN.", label=signer["label"])
        return text(told, "muted")

    def _ready(self) -> bool:
        signer = retiring.signer(self.desk.status)
        return self.understood and signer is not None and bool(signer.get("present"))

    def _understand(self, understood: bool) -> None:  # noqa: FBT001 - Qt's signal
        self.understood = understood
        self.set_ready(self._ready())

    def _retire(self) -> None:
        params = {"backup_id": self.backup_id}
        self.run("backup.retire", params, mark("Making the backup void"), done=self._over)

    def _over(self, retired: dict[str, Any]) -> None:
        self.retired = retired
        self.go("done")

    def _done(self) -> Page:
        alone = not retiring.others(self.desk.status, self.backup_id)
        return Page(
            t("That backup is void now"),
            t("The original was not touched."),
            body=[
                Banner(
                    self.desk.theme,
                    Kind.DANGER,
                    t("Make your backup now!"),
                    t("It was your only one."),
                )
                if alone
                else None,
            ],
            step=2,
            sign="done",
            colour="good",
            primary=t("Save a backup…") if alone else "",
            then=self.back_up,
            last=True,
        )
