"""What the backup wizard shows: places to choose from, kinds, what is asked, how it ended.

Rows are the answers of `volumes.list` and `backup.standing`; what speaks against a place is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import backup_lines, lines, moments
from custode.locale.catalogue import mark, t, tn
from custode.locale.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

SUCCESSOR: Final = "successor"
COPY: Final = "copy"
_ON_SPARE: Final = "spare:"
_WHY_NOT: Final[Mapping[str, str]] = {
    "read_only": mark("It can only be read: has it a switch that locks it?"),
    "not_writable": mark("You may not write there."),
    "full": mark("It is full."),
    "gone": mark("It is no longer here: plug it in again, or choose another place."),
}
# The steps of the agent after which giving up may come too late.
_REGISTERING: Final = "backup.confirming"


@dataclass(frozen=True, slots=True)
class Spot:
    """One card to choose. `better`: it can be kept apart from this computer."""

    value: str
    title: str
    explanation: str = ""
    why_not: str = ""
    better: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What the person has chosen so far; kept when something goes wrong.

    `place`: a folder's path, or a spare token's serial behind `spare:`; empty: nothing yet.
    """

    place: str = ""
    kind: str = SUCCESSOR
    include: tuple[str, ...] = ()

    @property
    def spare(self) -> str:
        """Serial of the spare token; empty when it goes into a folder."""
        return self.place.removeprefix(_ON_SPARE) if self.place.startswith(_ON_SPARE) else ""

    def params(self) -> dict[str, Any]:
        """What `backup.create` is told."""
        if self.spare:
            return {"on_token": self.spare}
        return {"to": self.place, "kind": self.kind, "include": list(self.include)}


def on_spare(serial: str) -> str:
    """The place that a spare token is."""
    return f"{_ON_SPARE}{serial}"


# --- where ---


def spots(volumes: Row, standing: Row, chosen: str = "") -> tuple[Spot, ...]:
    """Every place, the better ones first: a second token, sticks, other disks, this computer.

    `chosen`: a folder that the person named; it stands among them also when it is gone by now.
    """
    rows: list[Row] = list(volumes.get("volumes") or ())
    sticks = [row for row in rows if row.get("removable")]
    others = [row for row in rows if not row.get("removable")]
    computer = volumes.get("computer")
    found = [_token(row) for row in standing.get("spares") or ()]
    found += [_volume(row) for row in (*sticks, *others)]
    if computer is not None:
        found.append(_volume(computer))
    if chosen and not chosen.startswith(_ON_SPARE) and chosen not in {one.value for one in found}:
        found.append(_named(chosen, volumes.get("folder")))
    return tuple(found)


def first_choice(places: Sequence[Spot]) -> str:
    """What stands chosen at the beginning: the only token or stick, where there is only one.

    This computer's own disk is nobody's first choice: it has to be taken on purpose.
    """
    good = [one for one in places if one.better and not one.why_not]
    return good[0].value if len(good) == 1 else ""


def still_there(places: Sequence[Spot], value: str) -> bool:
    """Whether that place can be written to, as far as is known."""
    return any(one.value == value and not one.why_not for one in places)


def _token(row: Row) -> Spot:
    return Spot(
        on_spare(str(row["serial"])),
        t("On the token “{label}”", label=printable(str(row.get("label") or row["serial"]))),
        t(
            "A second token: the spare key is made inside it, never leaves it, and needs no PIN"
            " of its own."
        ),
        better=True,
    )


def _volume(row: Row, own: str = "") -> Spot:
    """`own`: what it is called where it lies on this computer's own disk."""
    path = str(row["path"])
    sort = own if own and row.get("same_disk") else _sort(row)
    sort_and_room = " · ".join(one for one in (sort, _room(row)) if one)
    told = "\n".join(one for one in (sort_and_room, printable(path), _caution(row)) if one)
    return Spot(path, _title(row), told, _why_not(row), bool(row.get("removable")))


def _named(path: str, row: Row | None) -> Spot:
    """A folder that the person chose by hand."""
    if row is None:
        name = PurePath(path).name or path
        return Spot(path, printable(name), printable(path), t(_WHY_NOT["gone"]))
    told = _volume(row, t("Folder of this computer"))
    return Spot(
        path,
        t("Folder “{name}”", name=printable(PurePath(path).name or path)),
        told.explanation,
        told.why_not,
    )


def _title(row: Row) -> str:
    if row.get("same_disk"):
        return t("This computer")
    if label := str(row.get("label") or ""):
        return printable(label)
    return t("Disk of {size}", size=moments.size(int(row.get("total") or 0)))


def _sort(row: Row) -> str:
    if row.get("removable"):
        return t("Stick or other disk that can be unplugged")
    if row.get("network"):
        return t("Folder on another computer")
    if row.get("same_disk"):
        return t("Your own folder")
    return t("Another disk of this computer")


def _room(row: Row) -> str:
    free, total = row.get("free"), row.get("total")
    if free is None or total is None:
        return ""
    return t("{free} free of {total}", free=moments.size(free), total=moments.size(total))


def _caution(row: Row) -> str:
    if row.get("same_disk"):
        return t("If this computer breaks or is stolen, the backup is gone with it.")
    if row.get("network"):
        return t("The backup can only be used while that computer can be reached.")
    return ""


def _why_not(row: Row) -> str:
    why = str(row.get("why") or "")
    return t(_WHY_NOT[why]) if why in _WHY_NOT else printable(why)


# --- whether ---


def refusal(standing: Row) -> CustodeError | None:
    """Why no backup can be made now, as an error; None: one can."""
    told = standing.get("refusal")
    return None if told is None else CustodeError(ErrorCode(told["code"]), **told["data"])


def what_for(standing: Row) -> str:
    """Of which certificate it will be."""
    found = standing.get("original") or {}
    name = found.get("label") or found.get("serial") or "–"
    day = moments.day(found.get("expires_at"))
    return t("Of your certificate on the token “{label}”, valid until {day}.", label=name, day=day)


def had_already(standing: Row) -> str:
    """Which backups there are already; empty: none."""
    rows: Sequence[Row] = standing.get("backups") or ()
    if not rows:
        return ""
    last = lines.backup_named(rows[-1])
    return tn(
        "You have a backup already ({last}). It stays good; this will be one more.",
        "You have {n} backups already, the last one is {last}. They stay good; this will be one"
        " more.",
        len(rows),
        last=last,
    )


# --- what ---


def kinds(standing: Row) -> tuple[Spot, ...]:
    """The kinds there are to choose from; none: there is nothing to choose."""
    if not standing.get("copyable"):
        return ()
    return (
        Spot(
            SUCCESSOR,
            t("A spare key (recommended)"),
            t(
                "A new key that takes the original's place. It serves in every case: loss, theft,"
                " fault."
            ),
        ),
        Spot(
            COPY,
            t("A copy of the key"),
            t(
                "The original's very own key. It serves after a fault only: after a loss or a theft"
                " it is void."
            ),
        ),
    )


def with_files(include: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """The files to take along, each one once, in the order in which they were chosen."""
    return tuple(dict.fromkeys((*include, *more)))


def file_name(path: str) -> str:
    """What a file is called."""
    return printable(PurePath(path).name)


# --- what is asked ---


@dataclass(frozen=True, slots=True)
class Asked:
    """A secret that will be asked for: which, and why."""

    title: str
    text: str


def will_ask(standing: Row, plan: Plan) -> tuple[Asked, ...]:
    """The secrets, in the order in which they are asked for."""
    found = standing.get("original") or {}
    original = printable(str(found.get("label") or found.get("serial") or "–"))
    own = Asked(
        t("The PIN of the token “{label}”", label=original),
        t("With it the original signs the backup. Only the token gets to see it."),
    )
    if plan.spare:
        rows = [row for row in standing.get("spares") or () if row.get("serial") == plan.spare]
        label = printable(str((rows[0].get("label") if rows else "") or plan.spare))
        return (
            own,
            Asked(
                t("The PIN of the spare token “{label}”", label=label),
                t("The spare key is made inside it."),
            ),
        )
    return (
        own,
        Asked(
            t("A new PIN, for the backup"),
            t(
                "You choose it now: at least 8 characters, and not the token's PIN. Custode can"
                " propose one. Without it the backup is useless, and nobody can find it again: keep"
                " it, but not together with the backup."
            ),
        ),
    )


def summary(places: Sequence[Spot], plan: Plan) -> list[tuple[str, str]]:
    """What was chosen, before it is done."""
    chosen = next((one for one in places if one.value == plan.place), None)
    where = plan.place if chosen is None else chosen.title
    rows = [(t("Where"), where)]
    if not plan.spare:
        rows.append((t("Path"), printable(plan.place)))
        if plan.kind == COPY:
            rows.append((t("Kind"), t("A copy of the key")))
        names = ", ".join(map(file_name, plan.include))
        rows.append((t("Taken along"), names))
    return rows


# --- how it ended ---


def advice(done: Row, *, unplugged: bool) -> list[str]:
    """What to know and to do now that it is saved; `unplugged`: its place will be."""
    told = backup_lines.saved_advice(done)
    if done.get("place") != "token":
        told.append(t("Leggimi.rtf, in the folder, says what to do on the day you need it."))
        if unplugged:
            told.append(t("Eject the stick before you unplug it."))
    return told


def given_up(last_step: str, plan: Plan) -> CustodeError:
    """What became of a backup that the person gave up while the agent was at that step."""
    if last_step == _REGISTERING:
        nothing = t(
            "It was just being registered: if that came through, the backup is good and"
            " stands among yours. Otherwise nothing of it stays."
        )
    elif plan.spare:
        nothing = t(
            "No backup was saved. A key that was made on the spare token already is used the next"
            " time."
        )
    else:
        nothing = t(
            "No backup was saved, and nothing stays of the one that was begun. The token"
            " and the certificate are as they were."
        )
    return CustodeError(ErrorCode.CANCELLED, nothing=nothing)
