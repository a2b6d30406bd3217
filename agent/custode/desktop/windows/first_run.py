"""The first day: who are you, which token; it ends where the certificate is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from custode.desktop.view import owner
from custode.desktop.view.owner import Owner
from custode.desktop.windows.fields import Field
from custode.desktop.windows.pieces import Banner, Kind, card, facts, text
from custode.desktop.windows.tokens import TokenChoice
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtWidgets import QWidget

    from custode.desktop.windows.desk import Desk


class FirstRun(Wizard):
    """Also shows and corrects name and mail later on."""

    start: ClassVar[str] = "who"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self._owner = Owner.of(desk.status.get("identity"))
        self._touched = False
        self._left: set[str] = set()
        self._token = args.get("token", "")

    def title(self) -> str:
        return t("Who the certificate is for")

    def steps(self) -> Sequence[str]:
        return (t("Who you are"), t("Which token"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"who": self._who, "token": self._which, "done": self._done}

    def depends_on(self) -> object:
        known = self.desk.status.get("identity")
        if known and not self._touched and not self._owner.known:
            self._owner = Owner.of(known)  # the agent's first word came after the window
        return known

    def would_lose(self) -> str:
        if self._touched and self.at == "who" and not self.busy:
            return t("What you typed is not saved yet. Close the window?")
        return super().would_lose()

    # --- who ---

    def _who(self) -> Page:
        known = self._owner.known
        return Page(
            t("Who are you?"),
            t("The certificate is made out to this codice fiscale. Nothing is sent yet.")
            if not known
            else t("Name and mail can be changed; the two codes belong to the account."),
            body=[
                self._field(
                    owner.CODE,
                    t("Identity code"),
                    t("As in your contract: 3 to 16 letters and digits, for example ROSSI01."),
                ),
                self._field(
                    owner.CODICE_FISCALE,
                    t("Codice fiscale"),
                    t("It has 16 characters, or 11 digits for a company."),
                ),
                self._field(owner.NAME, t("Name"), t("For the texts on screen.")),
                self._field(owner.MAIL, t("Mail (optional)"), t("Where support may write to you.")),
                None if known else self._about_password(),
            ],
            sign="person",
            primary=t("Save") if known else t("Open the account…"),
            then=self._save,
            ready=self._owner.ready,
        )

    def _field(self, name: str, called: str, hint: str = "") -> QWidget:
        value, seen = getattr(self._owner, name), name in self._left
        field = Field(called, value, hint, lambda: self._owner.fault(name), seen=seen)
        fixed = self._owner.known and name in {owner.CODE, owner.CODICE_FISCALE}
        field.line.setEnabled(not fixed)
        field.edited.connect(lambda typed: self._type(name, typed))
        field.left.connect(lambda: self._left.add(name))
        return field

    def _about_password(self) -> QWidget:
        return Banner(
            self.desk.theme,
            Kind.INFO,
            t("The account gets a password of its own"),
            t(
                "You choose it in the next window. It is asked when you report a loss, so it must"
                " not be the token's PIN."
            ),
        )

    def _type(self, name: str, typed: str) -> None:
        self._touched = True
        self._owner = self._owner.typed(name, typed)
        self.set_ready(self._owner.ready)

    def _save(self) -> None:
        doing = mark("Opening the account")
        self.run("identity.set", self._owner.params(), doing, done=self._saved)

    def _saved(self, identity: Any) -> None:
        self._touched = False
        self._owner = Owner.of(identity)
        self.go("done" if self.desk.status.get("certificates") else "token")

    # --- which token ---

    def _which(self) -> Page:
        wanted = t("Insert the token that is to carry your certificate.")
        choice = TokenChoice(self.desk, self._token, _why_not, wanted)
        self._token = choice.value
        choice.chosen.connect(self._choose)
        return Page(
            t("Which token is yours?"),
            t("Your certificate and its key live on it; they cannot be copied from it."),
            body=[choice],
            step=1,
            sign="token",
            primary=t("Next"),
            then=lambda: self.go("done"),
            ready=bool(self._token),
            leave=t("Later"),
        )

    def _choose(self, token: str) -> None:
        self._token = token
        self.set_ready(bool(token))

    # --- done ---

    def _done(self) -> Page:
        one = self._owner
        rows = [
            (t("Name"), one.name),
            (t("Codice fiscale"), one.codice_fiscale),
            (t("Identity code"), one.code),
            (t("Mail"), one.mail),
        ]
        if self.desk.status.get("certificates"):
            return Page(t("Saved."), body=[card(facts(rows))], step=2, sign="done", last=True)
        return Page(
            t("Recorded, and the account is open."),
            body=[
                card(facts(rows)),
                text(t("Next: ask for your certificate. It takes a few minutes and your token.")),
            ],
            step=2,
            sign="done",
            colour="good",
            primary=t("Ask for a certificate…"),
            then=self._request,
            last=True,
        )

    def _request(self) -> None:
        args = {"token": self._token} if self._token else {}
        self.give_way_to("request", **args)


def _why_not(row: Mapping[str, Any]) -> str:
    match row.get("state"):
        case "foreign":
            return t("It carries certificates of somebody else.")
        case "retired":
            return t("It carries an original that is no longer valid.")
        case _:
            return ""
