"""A re-issue: the PIN is gone for good, or the token is, with no backup that could be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.desktop.view import restoring
from custode.desktop.windows.ending import parts_card, typed
from custode.desktop.windows.pieces import Banner, Kind, card, facts, text
from custode.desktop.windows.tokens import TokenChoice
from custode.desktop.windows.wizard import Page, Wizard
from custode.locale import endings, outcomes
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk


class Reissue(Wizard):
    """Which token, what is lost, the typed yes, done."""

    start = "token"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        self.token = args.get("token", "")
        self.typed = ""
        self.seen: dict[str, Any] = {}
        self.made: dict[str, Any] = {}

    def title(self) -> str:
        return t("Re-issue of the certificate")

    def steps(self) -> Sequence[str]:
        return (t("Token"), t("Check"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"token": self._token, "check": self._check, "done": self._done}

    def _token(self) -> Page:
        tokens = TokenChoice(
            self.desk,
            self.token,
            restoring.why_not_reissued,
            t("Insert the token whose PIN is lost, or a new one."),
        )
        self.token = tokens.value
        tokens.chosen.connect(self._choose)
        return Page(
            t("Which token gets the new certificate?"),
            t(
                "The token whose PIN is lost is erased. If the token itself is gone and was"
                " reported, insert a new one."
            ),
            body=[
                tokens,
                text(
                    t(
                        "Do you still have a backup that works? Then report a fault and activate"
                        " it instead: nothing is lost that way."
                    ),
                    "muted",
                ),
            ],
            sign="token",
            primary=t("Next"),
            then=self._preview,
            ready=bool(self.token),
        )

    def _choose(self, token: str) -> None:
        self.token = token
        self.set_ready(bool(token))

    def _preview(self) -> None:
        self.typed = ""
        self.run(
            "reissue.preview",
            {"token": self.token},
            mark("Looking at what would be lost"),
            done=self._previewed,
        )

    def _previewed(self, seen: dict[str, Any]) -> None:
        self.seen = seen
        self.go("check")

    def _check(self) -> Page:
        erased = endings.reissue_erases(self.seen)
        goes_on = endings.reissue_goes_on(self.seen)
        word = restoring.give_up_word()
        return Page(
            t("This is given up for good"),
            t(
                "You are asked for your account's password, and for the token's SO PIN (PUK) if it"
                " is erased."
            ),
            body=[
                Banner(self.desk.theme, Kind.INFO, goes_on) if goes_on else None,
                Banner(self.desk.theme, Kind.DANGER, erased[0], " ".join(erased[1:]))
                if erased
                else None,
                parts_card(endings.reissue_gives_up(self.seen)),
                typed(t("To confirm, type: {word}", word=word), self.typed, self._type),
            ],
            step=1,
            sign="warning",
            colour="danger",
            primary=t("Issue anew…"),
            then=self._reissue,
            ready=restoring.given_up(self.typed),
            danger=True,
            back=lambda: self.go("token"),
        )

    def _type(self, words: str) -> None:
        self.typed = words
        self.set_ready(restoring.given_up(words))

    def _reissue(self) -> None:
        params = {"token": self.seen.get("token"), "given_up": self.seen.get("given_up")}
        self.run("reissue.run", params, mark("Issuing anew"), done=self._over)

    def _over(self, made: dict[str, Any]) -> None:
        self.made = made
        self.go("done")

    def _done(self) -> Page:
        return Page(
            t("Issued again"),
            t("The new certificate is on the token and has proved itself."),
            body=[
                card(facts(outcomes.certificate(self.made))),
                Banner(self.desk.theme, Kind.DANGER, t(outcomes.BACK_UP_NOW)),
            ],
            step=2,
            sign="done",
            colour="good",
            primary=t("Save a backup…"),
            then=self.back_up,
            last=True,
        )
