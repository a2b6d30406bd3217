"""Renew, re-issue, report: what takes an old certificate's place, or its force."""

from __future__ import annotations

from typing import Any, Final

from .lab import Lab
from .referee import Point
from .rules import Operation, active, check_always, check_kept, expect, on_token, states


def working(lab: Lab) -> int:
    """How many active certificates lie on the token in the reader.

    SoftHSM keeps a public object's value in the clear, so its files are looked at, at any moment.
    """
    files = [path.read_bytes() for path in lab.here.files.directory.glob("*.object")]
    rows = lab.authority("SELECT der FROM certificates WHERE state='active'")
    return sum(any(der in content for content in files) for (der,) in rows)


def _pending(lab: Lab, kind: str) -> bool:
    return any(op["kind"] == kind for op in lab.pending())


def _in_place(lab: Lab, kind: str) -> bool:
    """One active certificate, on the token, known as such; those before it have ended."""
    held = states(lab)
    row = lab.plugged()
    told = [c["installed"] for c in lab.call("status")["certificates"] if c["state"] == "active"]
    return (
        not _pending(lab, kind)
        and held.count("active") == 1
        and held.count("cancelled") == len(held) - 1 > 0
        and (working(lab), told, row["state"]) == (1, [True], "primary")
    )


def _answered(lab: Lab, made: Any) -> None:
    """What was said to be on the token is there, and in force."""
    rows = {row["id_operazione"]: row for row in lab.call("certificates.list")["certificates"]}
    row = rows[made["id_operazione"]]
    expect((row["state"], row["installed"]) == ("active", True), f"the new one is lost: {row}")
    held = [c["fingerprint_sha256"] for c in lab.plugged()["certificates"]]
    expect(made["fingerprint_sha256"] in held, "the new one is not on the token")


def _one_key(_lab: Lab) -> int:
    return 1


# --- renew ------------------------------------------------------------------------------------


def _renew(lab: Lab) -> Any:
    return lab.call("renew", destroy_old_key=True)


def _renew_watch(lab: Lab, point: Point) -> None:
    if point.name == "commit after" or point.role == "token":
        expect(working(lab) >= 1, f"no working certificate at {point}")
        expect(active(lab) <= 2, f"{active(lab)} active certificates at {point}")


def _renew_broken_off(lab: Lab) -> None:
    expect(working(lab) >= 1, "no working certificate is left")
    found = on_token(lab)
    expect(set(found["certificate"]) <= set(found["private"]), f"a key is gone: {found}")
    untouched = states(lab) == ["active"] and not _pending(lab, "renew")
    expect(
        untouched or _pending(lab, "renew") or _in_place(lab, "renew"),
        f"neither undone nor done, and nothing goes on: {states(lab)}",
    )


def _renew_acknowledged(lab: Lab, made: Any) -> None:
    _answered(lab, made)
    rows = {row["id_operazione"]: row for row in lab.call("certificates.list")["certificates"]}
    old = rows[made["old"]]
    expect((old["state"], old["crl_reason"]) == ("cancelled", "superseded"), f"the old one: {old}")
    expect(made["old_on_token"] == [], f"left on the token: {made['old_on_token']}")


# --- re-issue ---------------------------------------------------------------------------------


def _reissue(lab: Lab) -> Any:
    seen = lab.call("reissue.preview")
    return lab.call("reissue.run", token=seen["token"], given_up=seen["given_up"])


def _reissue_watch(lab: Lab, point: Point) -> None:
    if point.name == "commit after":
        expect(active(lab) <= 1, "two active certificates")
    if point.name == "C init_token before":
        expect(active(lab) == 0, "a token with a living certificate is erased")


def _reissue_broken_off(lab: Lab) -> None:
    if _pending(lab, "reissue"):
        seen = lab.call("reissue.preview")
        expect(seen["goes_on"], "a re-issue that broke off is not told")
        return
    before = states(lab) == ["suspended"] or (states(lab) == ["active"] and working(lab) == 1)
    expect(
        before or _in_place(lab, "reissue"),
        f"neither undone nor done, and nothing goes on: {states(lab)}",
    )


# --- report -----------------------------------------------------------------------------------


def _report_reached(lab: Lab) -> bool:
    known = [row["state"] for row in lab.call("status")["certificates"]]
    return states(lab) == ["suspended"] == known


def _report_acknowledged(lab: Lab, made: Any) -> None:
    expect(states(lab) == ["suspended"] == [made["state"]], "the report is gone")
    kept = [backup["state"] for backup in made["usable"]]
    expect(kept == ["registered"], f"the backup it should be activated from: {kept}")


OPERATIONS: Final = (
    Operation(
        "renew",
        "backed",
        "renew",
        _renew,
        lambda lab: _in_place(lab, "renew"),
        _renew_acknowledged,
        watch=_renew_watch,
        broken_off=_renew_broken_off,
        always=check_kept,  # for a while the old and the new one are active
        keys=_one_key,
    ),
    Operation(
        "reissue",
        "backed",
        "reissue",
        _reissue,
        lambda lab: _in_place(lab, "reissue"),
        _answered,
        watch=_reissue_watch,
        broken_off=_reissue_broken_off,
        keys=_one_key,
    ),
    Operation(
        "reissue elsewhere",
        "lost",
        "reissue",
        _reissue,
        lambda lab: _in_place(lab, "reissue"),
        _answered,
        watch=_reissue_watch,
        broken_off=_reissue_broken_off,
        keys=_one_key,
    ),
    Operation(
        "report",
        "backed",
        "report",
        lambda lab: lab.call("report", reason="lost"),
        _report_reached,
        _report_acknowledged,
        always=check_always,
    ),
)
