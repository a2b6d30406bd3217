"""What the commands that put Custode into the person's session, or take it away, tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale.catalogue import mark, t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from custode.cli.face import Face
    from custode.startup.putting import Done

_AGENT: Final[Mapping[str, str]] = {
    "listening": mark("systemd starts the agent as soon as it is needed."),
    "next_login": mark("From the next login on systemd starts the agent as soon as it is needed."),
    "no_systemd": mark("There is no systemd here: whichever program needs the agent starts it."),
    "failed": mark("systemd does not start the agent ({why}): whichever program needs it does."),
}


def rows(done: Done) -> dict[str, Any]:
    """The answer of both commands."""
    return {
        "put": done.put,
        "unchanged": done.unchanged,
        "removed": done.removed,
        "kept": done.kept,
    }


def tell_installed(face: Face, told: Mapping[str, Any]) -> None:
    """Tell what is in place, and who starts the agent."""
    for path in told["put"]:
        face.say(t("put: {path}", path=path))
    for path in told["removed"]:
        face.say(t("taken away: {path}", path=path))
    _tell_kept(face, told["kept"])
    if not (told["put"] or told["removed"]):
        face.say(t("Everything is in place already."))
    agent = told["agent"]
    face.say(t(_AGENT[agent["state"]], why=agent["why"]))


def tell_removed(face: Face, told: Mapping[str, Any]) -> None:
    """Tell what is gone."""
    for path in told["removed"]:
        face.say(t("taken away: {path}", path=path))
    _tell_kept(face, told["kept"])
    if not (told["removed"] or told["kept"]):
        face.say(t("There is nothing to take away."))


def _tell_kept(face: Face, kept: Sequence[str]) -> None:
    if not kept:
        return
    face.say(
        tn(
            "One file is not as Custode wrote it, and was left as it is:",
            "{n} files are not as Custode wrote them, and were left as they are:",
            len(kept),
        )
    )
    for path in kept:
        face.say(f"  {path}")
