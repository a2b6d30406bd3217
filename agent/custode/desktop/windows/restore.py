"""An activated backup goes onto a new token, which is the original from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.view import activating, restoring
from custode.desktop.windows.pieces import Banner, Kind, card, pressed, text
from custode.desktop.windows.tokens import TokenChoice
from custode.desktop.windows.which_backup import WithBackup
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page
from custode.locale import moments, outcomes
from custode.locale.catalogue import mark, t
from custode.locale.lines import backup_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.view.activating import Candidate
    from custode.desktop.windows.desk import Desk


class Restore(WithBackup):
    """Which backup, onto which token, done: and a backup of the new one at once."""

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.token = args.get("token", "")
        self.restored: dict[str, Any] = {}

    def title(self) -> str:
        return t("Restore a backup")

    def steps(self) -> Sequence[str]:
        return (t("Backup"), t("New token"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {**self.choosing(), "token": self._token, "done": self._done}

    def question(self) -> str:
        return t("Which activated backup goes onto the new token?")

    def suits(self, candidate: Candidate) -> bool:
        row = candidate.row
        return row.get("state") == "collected" and not activating.on_token(row)

    def nothing(self) -> str:
        return t("No activated backup is known here. A backup has to be activated first.")

    def chosen(self) -> None:
        self.go("token")

    def state(self) -> object:
        return self.backup().get("state"), restoring.unprepared(self.desk.status)

    def _token(self) -> Page:
        tokens = TokenChoice(self.desk, self.token, restoring.why_not, t("Insert the new token."))
        self.token = tokens.value
        tokens.chosen.connect(self._choose_token)
        usable = self.backup().get("state") == "collected"
        return Page(
            t("Onto which token?"),
            t("It becomes your original. Every other copy of this folder is dead afterwards."),
            body=[
                text(t("Backup: {name}", name=backup_named(self.backup())), "muted"),
                None if usable else self._not_yet(),
                self._prepare(),
                tokens,
            ],
            step=1,
            sign="token",
            primary=t("Restore…"),
            then=self._restore,
            ready=bool(self.token) and usable,
            back=lambda: self.go("which"),
        )

    def _not_yet(self) -> Banner:
        told = activating.told(
            self.backup(), activating.original_of(self.desk.status, self.backup())
        )
        buttons = [keyed(pressed(t("Show how it stands…"), self._activation), "activation")]
        return Banner(self.desk.theme, Kind.WARNING, told.title, told.text, buttons)

    def _activation(self) -> None:
        self.desk.open("activate", folder=self.folder)

    def _prepare(self) -> Banner | None:
        """A token fresh from the factory has no PIN yet."""
        fresh = restoring.unprepared(self.desk.status)
        if not fresh:
            return None
        label, serial = fresh[0]
        button = pressed(t("Prepare the token…"), lambda: self._open("token_init", token=serial))
        return Banner(
            self.desk.theme,
            Kind.INFO,
            t("Token “{label}” has no PIN yet.", label=label),
            t("Give it one first, then come back here: this window stays open."),
            [keyed(button, "prepare")],
        )

    def _open(self, name: str, **args: str) -> None:
        self.desk.open(name, **args)

    def _choose_token(self, token: str) -> None:
        self.token = token
        self.set_ready(bool(token))

    def _restore(self) -> None:
        self.run(
            "backup.restore",
            {"folder": self.folder, "token": self.token},
            mark("Putting the backup onto the token"),
            done=self._come_back,
        )

    def _come_back(self, restored: dict[str, Any]) -> None:
        self.restored = restored
        self.go("done")

    def _done(self) -> Page:
        day = moments.day(self.restored.get("expires_at"))
        lines = [
            outcomes.original_now(self.restored),
            t("The certificate is valid until {day}.", day=day) if day else "",
            t("Every other copy of the backup's folder is dead."),
        ]
        return Page(
            t("Your certificate is back"),
            body=[
                card(*(text(line) for line in lines if line)),
                Banner(
                    self.desk.theme,
                    Kind.DANGER,
                    t(outcomes.BACK_UP_NOW),
                    t("The new original has no backup yet."),
                ),
            ],
            step=2,
            sign="done",
            colour="good",
            primary=t("Save a backup…"),
            then=self.back_up,
            last=True,
        )
