"""Puts a certificate that has come onto its token; also one that lies in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from custode import files
from custode.desktop.view import requesting
from custode.desktop.windows import sheets
from custode.desktop.windows.picking import pick_file
from custode.desktop.windows.pieces import card, facts, text
from custode.desktop.windows.wizard import Page, Wizard
from custode.errors import CustodeError
from custode.locale import outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode.desktop.windows.desk import Desk


class Install(Wizard):
    """Installs a certificate. args: `id_operazione`, of the one that is meant."""

    follows = True

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._file: Path | None = None
        self._certificate = ""
        self._done: dict[str, Any] = {}

    def title(self) -> str:
        return t("Install the certificate")

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"start": self._arrived, "file": self._from_file, "done": self._over}

    def depends_on(self) -> object:
        return sheets.standing(self.desk.status)

    def _arrived(self) -> Page:
        status = self.desk.status
        row = requesting.arrived_one(status, self.args.get("id_operazione", ""))
        choose = sheets.going(t("From a file…"), self._choose, "file")
        if row is None:
            return Page(
                t("No certificate waits to be installed"),
                t("You are told when yours is there. If it lies in a file, open that."),
                sign="certificate",
                primary=t("Open the file…"),
                then=self._choose,
                leave=t("Close"),
            )
        paper = requesting.arrived(row, status)
        wanted = {"operation": row["id_operazione"]}
        return Page(
            paper.title,
            "" if paper.lacks else sheets.first_line(paper),
            [
                sheets.lacking(self.desk.theme, paper),
                *sheets.said(paper),
                None if paper.lacks else self._pin_line(),
            ],
            sign="certificate",
            primary=t("Install"),
            then=lambda: self._install(wanted),
            ready=not paper.lacks,
            extra=[choose],
        )

    def _pin_line(self) -> QWidget:
        return text(t("You are asked for the token's PIN."), "muted")

    def _choose(self) -> None:
        """Have a file chosen; nothing of it is believed: the agent judges it."""
        kinds = (f"{t('Certificates')} (*.pem *.crt *.cer *.der)", f"{t('All files')} (*)")
        chosen = pick_file(self, t("The certificate's file"), kinds)
        if chosen:
            self.take(Path(chosen))

    def take(self, file: Path) -> None:
        """Go on with that file."""
        try:
            self._certificate = files.read_certificate(str(file))
        except CustodeError as error:
            self.show_error(error)
            return
        self._file = file
        self.go("file")

    def _from_file(self) -> Page:
        assert self._file is not None  # noqa: S101 - take() came before
        return Page(
            t("A certificate from a file"),
            t("It is put onto the token that holds its key, once it has proved to be yours."),
            [
                card(facts([(t("File"), self._file.name), (t("Folder"), str(self._file.parent))])),
                self._pin_line(),
            ],
            sign="certificate",
            primary=t("Install"),
            then=lambda: self._install({"certificate": self._certificate}),
            back=lambda: self.go("start"),
            extra=[sheets.going(t("Another file…"), self._choose, "file")],
        )

    def _install(self, wanted: dict[str, str]) -> None:
        doing = mark("The certificate goes onto the token")
        self.run("install", wanted, doing, done=self._put)

    def _put(self, answer: Any) -> None:
        self._done = answer
        self.go("done")

    def _over(self) -> Page:
        return Page(
            t("Your certificate is on its token"),
            t(outcomes.INSTALLED),
            [card(facts(outcomes.certificate(self._done))), sheets.back_up_banner(self.desk)],
            sign="done",
            colour="good",
            last=True,
            primary=t("Save a backup…"),
            then=self.back_up,
            leave=t("Later"),
        )
