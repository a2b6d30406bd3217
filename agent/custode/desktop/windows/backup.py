"""The backup wizard, the client's own story: where → what → PINs → saving → saved."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from custode.desktop.view import backup as view
from custode.desktop.view import failure, needs
from custode.desktop.windows.choices import Choices
from custode.desktop.windows.folders import choice_of, left, opened, points
from custode.desktop.windows.mounts import Mounts
from custode.desktop.windows.picking import pick_files, pick_folder
from custode.desktop.windows.pieces import Banner, Kind, card, column, facts, pressed, text
from custode.desktop.windows.window import keyed
from custode.desktop.windows.wizard import Page, Wizard
from custode.error_codes import ErrorCode
from custode.locale import backup_lines
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from custode.desktop.windows.desk import Desk
    from custode.errors import CustodeError

_OF_THE_PLACE: Final = frozenset(
    {
        ErrorCode.FILE_MISSING,
        ErrorCode.FILE_UNWRITABLE,
        ErrorCode.FILE_UNREADABLE,
        ErrorCode.NO_SPACE,
    }
)
_SHOWN: Final = ("tokens", "certificates", "backups", "identity")


class Backup(Wizard):
    """Makes one backup. `spare`: serial of the second token that is meant."""

    start = "where"
    width_em = 48

    def __init__(self, desk: Desk, args: Mapping[str, str]) -> None:
        super().__init__(desk, args)
        spare = args.get("spare", "")
        self.plan = view.Plan(view.on_spare(spare) if spare else "")
        self.done: dict[str, Any] = {}
        self._standing: dict[str, Any] | None = None
        self._volumes: dict[str, Any] | None = None
        self._named = ""
        self._last_step = ""
        self._not_opened = False
        self._known = self._of_status()
        self._mounts = Mounts(self)
        self._mounts.changed.connect(self._look_for_places)
        desk.changed.connect(self._heard)
        self._look_around()

    def title(self) -> str:
        return t("Backup of your certificate")

    def steps(self) -> Sequence[str]:
        contents = () if self.plan.spare else (t("Contents"),)
        return (t("Where"), *contents, t("PINs"), t("Saving"), t("Saved"))

    def pages(self) -> Mapping[str, Callable[[], Page]]:
        return {
            "where": self._where,
            "contents": self._contents,
            "pins": self._pins,
            "saved": self._saved,
        }

    def depends_on(self) -> object:
        """What is left to do stands on the last page."""
        return self.desk.status.get("needs") if self.at == "saved" else None

    def again(self, args: Mapping[str, str]) -> bool:
        """What is saved is over: asked for once more, it begins anew."""
        return self.at != "saved" and super().again(args)

    def closing(self) -> None:
        super().closing()
        self._mounts.close()

    # --- what there is ---

    def _look_around(self) -> None:
        self.desk.call("backup.standing", done=self._stands, failed=self._unknown)
        self._look_for_places()

    def _look_for_places(self) -> None:
        if not self.busy and self.at != "saved":
            asked = {"folder": self._named or None}
            self.desk.call("volumes.list", asked, done=self._see, failed=self._without_named)

    def _stands(self, found: dict[str, Any]) -> None:
        self._standing = found
        self._choose_first()

    def _see(self, found: dict[str, Any]) -> None:
        self._volumes = found
        self._choose_first()

    def _without_named(self, error: CustodeError) -> None:
        """The folder that was chosen by hand is gone: the others are looked for without it."""
        if error.code is ErrorCode.FILE_MISSING and self._named:
            self.desk.call("volumes.list", done=self._see, failed=self._unknown)
        else:
            self._unknown(error)

    def _unknown(self, error: CustodeError) -> None:
        if not self.busy and self.at == "where":
            self.show_error(error)

    def _choose_first(self) -> None:
        if self._standing is None or self._volumes is None or self.busy:
            return
        if not self.plan.place:
            self.plan = replace(self.plan, place=view.first_choice(self._spots()))
        if self.at in {"where", "pins"}:
            self.error = None if self.at == "where" else self.error
            self.refill()

    def _spots(self) -> Sequence[view.Spot]:
        return view.spots(self._volumes or {}, self._standing or {}, self._named)

    def _of_status(self) -> list[Any]:
        return [self.desk.status.get(name) for name in _SHOWN]

    def _heard(self) -> None:
        """A token came or went, or something else that a backup depends on."""
        if (known := self._of_status()) != self._known and not self.busy and self.at != "saved":
            self._known = known
            self.desk.call("backup.standing", done=self._stands, failed=self._unknown)

    # --- where ---

    def _where(self) -> Page:
        heading = t("Save a backup of your certificate")
        if self._standing is None or self._volumes is None:
            return self._looking(heading)
        if (refused := view.refusal(self._standing)) is not None:
            return Page(heading, body=[self._refused(refused)], sign="backup", leave=t("Close"))
        spots = self._spots()
        choices = Choices(t("Where to save it"), [choice_of(one) for one in spots], self.plan.place)
        choices.chosen.connect(self._chosen)
        more = keyed(pressed(t("Another folder…"), self._pick), "another")
        had = view.had_already(self._standing)
        return Page(
            heading,
            view.what_for(self._standing),
            body=[
                text(had, "muted") if had else None,
                text(t("Where is it to be saved? Best on something you keep elsewhere."), "strong"),
                choices,
                left(more),
            ],
            sign="backup",
            primary=t("Continue"),
            then=self._go_on,
            ready=view.still_there(spots, self.plan.place),
        )

    def _looking(self, heading: str) -> Page:
        if self.error is not None:
            return Page(heading, sign="backup", primary=t("Try again"), then=self._look_again)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName(t("Looking for places to save it"))
        words = text(t("Looking for places to save it…"), "muted")
        return Page(heading, body=[bar, words], sign="backup")

    def _look_again(self) -> None:
        self.error = None
        self.refill()
        self._look_around()

    def _refused(self, error: CustodeError) -> Banner:
        told = failure.tell(error)
        buttons = []
        if (action := told.action) is not None and told.button:
            buttons.append(pressed(told.button, lambda: self.desk.do(action)))
        hint = told.hint
        if error.code is ErrorCode.TOKEN_GONE:
            hint = t("Insert it: then this goes on by itself.")
        return Banner(self.desk.theme, Kind.WARNING, told.message, hint, buttons)

    def _chosen(self, place: str) -> None:
        was_spare = bool(self.plan.spare)
        self.plan = replace(self.plan, place=place)
        if was_spare is not bool(self.plan.spare):
            self.refill()  # the steps are others
        else:
            self.set_ready(view.still_there(self._spots(), place))

    def _pick(self) -> None:
        found = pick_folder(self, t("Where is the backup's folder to be made?"), self._named)
        if found:
            self._named = found
            self.plan = replace(self.plan, place=found)
            self._look_for_places()

    def _go_on(self) -> None:
        self.go("pins" if self.plan.spare else "contents")

    # --- what ---

    def _contents(self) -> Page:
        standing = self._standing or {}
        kinds = view.kinds(standing)
        chosen = Choices(t("Kind of backup"), [choice_of(one) for one in kinds], self.plan.kind)
        chosen.chosen.connect(self._chosen_kind)
        return Page(
            t("What goes into it"),
            t(
                "The backup's folder holds a key, encrypted, and Leggimi.rtf, which says what to do"
                " with it."
            ),
            body=[
                text(t("Which kind of backup?"), "strong") if kinds else None,
                chosen if kinds else None,
                self._files(),
            ],
            step=1,
            sign="folder",
            primary=t("Continue"),
            then=lambda: self.go("pins"),
            back=lambda: self.go("where"),
        )

    def _chosen_kind(self, kind: str) -> None:
        self.plan = replace(self.plan, kind=kind)

    def _files(self) -> QWidget:
        rows = [self._file(path) for path in self.plan.include]
        add = keyed(pressed(t("Add files…"), self._add), "add")
        return card(
            text(t("Files to take along"), "strong"),
            text(
                t(
                    "For example the files you log in with. They are copied into the folder as they"
                    " are, not encrypted. You need not add any."
                ),
                "muted",
            ),
            column(*rows, gap=4) if rows else None,
            left(add),
        )

    def _file(self, path: str) -> QWidget:
        name = view.file_name(path)
        told = text(name)
        told.setToolTip(path)
        remove = pressed(t("Remove"), lambda: self._drop(path), "quiet")
        remove.setAccessibleName(t("Remove {name}", name=name))
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(told, 1)
        row.addWidget(keyed(remove, f"remove-{path}"))
        return made

    def _add(self) -> None:
        if found := pick_files(self, t("Which files are to be taken along?")):
            self.plan = replace(self.plan, include=view.with_files(self.plan.include, found))
            self.refill()

    def _drop(self, path: str) -> None:
        left = tuple(one for one in self.plan.include if one != path)
        self.plan, self.error = replace(self.plan, include=left), None
        self.refill()

    # --- PINs ---

    def _pins(self) -> Page:
        asked = view.will_ask(self._standing or {}, self.plan)
        cards = [
            card(text(f"{number}. {one.title}", "strong"), text(one.text, "muted"), gap=4)
            for number, one in enumerate(asked, 1)
        ]
        return Page(
            t("Two PINs will be asked for"),
            t("Each in a small window of its own, which says what for. Nothing of them is kept."),
            body=[self._elsewhere(), *cards, card(facts(view.summary(self._spots(), self.plan)))],
            step=self._step(t("PINs")),
            sign="lock",
            primary=t("Save the backup"),
            then=self._save,
            back=lambda: self.go("where" if self.plan.spare else "contents"),
        )

    def _elsewhere(self) -> QWidget | None:
        """What can be done when the place failed: a stick was pulled, is full or broken."""
        if self.error is None or self.error.code not in _OF_THE_PLACE:
            return None
        again = t("Was it unplugged? Plug it in again and save once more: what you chose is kept.")
        other = pressed(t("Choose another place…"), lambda: self.go("where"))
        return column(text(again), left(keyed(other, "elsewhere")))

    def _step(self, name: str) -> int:
        return list(self.steps()).index(name)

    # --- saving ---

    def _save(self) -> None:
        self._last_step = ""
        self.run(
            "backup.create",
            self.plan.params(),
            mark("Saving the backup"),
            step=self._step(t("Saving")),
            done=self._made,
            failed=self._not_made,
        )

    def _worked(self) -> None:
        if self._working is not None and self._working.told:
            self._last_step = self._working.told[-1][0]

    def _made(self, done: dict[str, Any]) -> None:
        self.done = done
        self._not_opened = False
        self.go("saved")

    def _not_made(self, error: CustodeError) -> bool:
        """Tell what is unchanged, on the page where it can be mended; what was chosen stays."""
        if error.code is ErrorCode.CANCELLED:
            self.show_error(view.given_up(self._last_step, self.plan))
            return True
        if error.code is ErrorCode.INCLUDE_REFUSED:
            self.go("contents")
            self.show_error(error)
            return True
        if error.code in _OF_THE_PLACE:
            self._look_for_places()
        return False

    # --- saved ---

    def _saved(self) -> Page:
        path = str(self.done.get("path") or "")
        show = keyed(pressed(t("Open folder"), self._open), "open")
        return Page(
            t(backup_lines.SAVED),
            t("Keep it well: it is for the day on which the original is lost, stolen or broken."),
            body=[
                card(facts(backup_lines.saved_facts(self.done)), left(show) if path else None),
                text(t("It could not be opened here. Look for it by its path."), "warning")
                if self._not_opened
                else None,
                points(view.advice(self.done, unplugged=self._on_stick())),
                self._still_to_do(),
                self._better_one(),
            ],
            step=self._step(t("Saved")),
            sign="done",
            colour="good",
            last=True,
        )

    def _on_stick(self) -> bool:
        return any(one.better for one in self._spots() if one.value == self.plan.place)

    def _open(self) -> None:
        self._not_opened = not opened(str(self.done["path"]))
        if self._not_opened:
            self.refill()

    def _still_to_do(self) -> QWidget | None:
        """The copy of the authority, without which a backup is lost with the computer."""
        for need in needs.all_shown(self.desk.status):
            if need.kind == "recovery_export_missing":
                button = pressed(need.button, partial(self.desk.do, need.action))
                return Banner(self.desk.theme, Kind.WARNING, need.title, need.text, [button])
        return None

    def _better_one(self) -> QWidget | None:
        if (offered := backup_lines.spare_at_hand(self.done)) is None:
            return None
        serial, told = offered
        button = pressed(t("Save one on it, too…"), lambda: self._anew(serial))
        return Banner(self.desk.theme, Kind.INFO, told, buttons=[button])

    def _anew(self, serial: str) -> None:
        self.plan, self.done = view.Plan(view.on_spare(serial)), {}
        self.at, self._standing = "where", None
        self.refill()
        self._look_around()
