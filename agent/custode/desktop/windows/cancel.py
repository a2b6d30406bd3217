"""Cancel certificates: which, why, all that it takes in, the typed yes, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from custode.desktop.parts import label
from custode.desktop.view import cancelling
from custode.desktop.windows.choices import Choice, Choices
from custode.desktop.windows.ending import parts_card, typed
from custode.desktop.windows.folders import points
from custode.desktop.windows.pieces import Banner, Kind, card, column, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.locale import endings
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError


class Cancel(Wizard):
    """Nothing is cancelled that was not shown before."""

    start = "which"

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        named = args.get("operation", "")
        self.operations: set[str] = {named} if named else set()
        self.reason = ""
        self.note = ""
        self.typed = ""
        self.seen: dict[str, Any] = {}
        self.cancelled: dict[str, Any] = {}

    def title(self) -> str:
        return t("Cancel certificates")

    def steps(self) -> Sequence[str]:
        if self.at == "which" and not cancelling.certificates(self.desk.status):
            return ()
        return (t("Which"), t("Why"), t("Check"), t("Done"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {"which": self._which, "why": self._why, "check": self._check, "done": self._done}

    def depends_on(self) -> object:
        return cancelling.certificates(self.desk.status) if self.at == "which" else None

    # --- which ---

    def _which(self) -> Page:
        found = cancelling.certificates(self.desk.status)
        self.operations &= {one.operation for one in found}
        if len(found) == 1:
            self.operations = {found[0].operation}
        return Page(
            t("Which certificate is to be cancelled?"),
            t("A cancellation cannot be undone; a new certificate can be requested at any time.")
            if found
            else t("There is no active certificate: nothing can be cancelled."),
            body=[self._box(one) for one in found],
            sign="certificate",
            primary=t("Next") if found else "",
            then=lambda: self.go("why"),
            ready=bool(self.operations),
            last=not found,
            leave=t("Close"),  # “Cancel” would be read as the cancellation
        )

    def _box(self, one: cancelling.Cancellable) -> QWidget:
        box = QCheckBox(one.title)
        box.setAccessibleName(one.title)
        box.setAccessibleDescription(one.text)
        box.setChecked(one.operation in self.operations)

        def toggled(on: bool) -> None:  # noqa: FBT001 - Qt's signal
            (self.operations.add if on else self.operations.discard)(one.operation)
            self.set_ready(bool(self.operations))

        box.toggled.connect(toggled)
        return card(keyed(box, f"operation-{one.operation}"), text(one.text, "muted"), gap=3)

    # --- why ---

    def _why(self) -> Page:
        cards = Choices(
            t("Reason"),
            [Choice(one.reason, one.title, one.text) for one in cancelling.reasons()],
            self.reason,
        )
        cards.chosen.connect(self._choose)
        return Page(
            t("Why is it cancelled?"),
            t("These are the agency's own six reasons."),
            body=[self._instead(), cards, self._note_field()],
            step=1,
            sign="certificate",
            primary=t("Next"),
            then=self._preview,
            ready=bool(self.reason),
            back=lambda: self.go("which"),
            leave=t("Close"),
        )

    def _note_field(self) -> QWidget:
        field = QLineEdit(self.note)
        asked = t("A note for your own log (may be empty)")
        field.setAccessibleName(asked)
        field.textChanged.connect(self._take_note)
        words = label(asked, "muted", wraps=True)
        words.setBuddy(field)
        return column(words, keyed(field, "note"), gap=5)

    def _take_note(self, note: str) -> None:
        self.note = note

    def _instead(self) -> QWidget:
        def report() -> None:
            self.desk.open("report")

        return keyed(pressed(t("Report a loss, theft or fault…"), report, "quiet"), "report")

    def _choose(self, reason: str) -> None:
        self.reason = reason
        self.set_ready(True)

    # --- what it takes in ---

    def _params(self) -> dict[str, Any]:
        return {"operations": sorted(self.operations), "reason": self.reason}

    def _preview(self) -> None:
        self.typed = ""
        self.run(
            "cancel.preview",
            self._params(),
            mark("Looking at what would be cancelled"),
            done=self._previewed,
        )

    def _previewed(self, seen: dict[str, Any]) -> None:
        self.seen = seen
        self.go("check")

    def _check(self) -> Page:
        word = cancelling.confirmation_word()
        why = endings.cancellation_why(self.seen)
        cumulative = (
            Banner(self.desk.theme, Kind.WARNING, why[-1]) if self.seen.get("cumulative") else None
        )
        return Page(
            t("This will be cancelled for good"),
            t("Your token signs it: keep it plugged in, and its PIN at hand."),
            body=[
                cumulative,
                parts_card(endings.cancellation(self.seen)),
                text(why[0]),
                typed(t("To confirm, type: {word}", word=word), self.typed, self._type),
            ],
            step=2,
            sign="warning",
            colour="danger",
            primary=t("Cancel for good…"),
            then=self._cancel,
            ready=cancelling.confirmed(self.typed),
            danger=True,
            back=lambda: self.go("why"),
            leave=t("Close"),
        )

    def _type(self, words: str) -> None:
        self.typed = words
        self.set_ready(cancelling.confirmed(words))

    def _cancel(self) -> None:
        covered = sorted(str(row["serial_number"]) for row in self.seen.get("covered") or ())
        self.run(
            "cancel.run",
            {**self._params(), "note": self.note, "covered": covered},
            mark("Cancelling"),
            done=self._over,
            failed=self._changed,
        )

    def _changed(self, error: CustodeError) -> bool:
        """What it takes in is another by now: it is shown anew before anything is done."""
        if error.code is ErrorCode.COVERED_CHANGED:
            self.at = "why"
        return False

    def _over(self, cancelled: dict[str, Any]) -> None:
        self.cancelled = cancelled
        self.go("done")

    def _done(self) -> Page:
        part = endings.cancelled(self.cancelled)
        stolen = self.cancelled.get("reason") == "theft"
        return Page(
            part.text,
            body=[
                card(points(part.rows)),
                self._stolen_too() if stolen else None,
                text(t("A new certificate can be requested at any time."), "muted"),
            ],
            step=3,
            sign="done",
            colour="good",
            last=True,
            primary=t("Ask for a certificate…"),
            then=self._request,
        )

    def _stolen_too(self) -> QWidget:
        def report() -> None:
            self.desk.open("report", reason="theft")

        button = keyed(pressed(t("Report the theft…"), report), "report")
        return Banner(
            self.desk.theme, Kind.WARNING, t("Was the backup stolen too? Report it."), "", [button]
        )

    def _request(self) -> None:
        self.give_way_to("request")
