"""What is interrupted: the operations, how each is run again, and what has to be true then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from custode.container import folder as container_folder
from custode.container.leggimi import FILE_NAME as LEAFLET
from custode_drivers.softhsm import tokens as softhsm

from .lab import Lab

OBJECTS: Final = Path(__file__).parent / "objects_of.py"


class Violation(Exception):
    """Something that a crash must not do."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation under fire.

    `run` calls it; `reached` tells whether its effect is there; `again` are the codes a second run
    may answer once the effect is there; `acknowledged` holds an answer against what is there.
    """

    name: str
    stage: str
    kind: str
    run: Callable[[Lab], Any]
    reached: Callable[[Lab], bool]
    acknowledged: Callable[[Lab, Any], None]
    again: frozenset[str] = frozenset()


def expect(told: object, what: str) -> None:
    """Or it is a violation."""
    if not told:
        raise Violation(what)


# --- what is there ----------------------------------------------------------------------------


def active(lab: Lab) -> int:
    """How many certificates the authority holds active."""
    return int(lab.authority("SELECT count(*) FROM certificates WHERE state='active'")[0][0])


def on_token(lab: Lab) -> dict[str, list[str]]:
    """Ids of the objects on the token in the reader, by class; looked at with its PIN."""
    environment = {**os.environ, "SOFTHSM2_CONF": str(lab.person.folder / "softhsm2.conf")}
    environment.pop("CUSTODE_FAULTS", None)
    done = subprocess.run(
        [sys.executable, str(OBJECTS), softhsm.find_module(), lab.here.serial],
        env=environment,
        input=lab.here.pin,
        capture_output=True,
        check=True,
        timeout=30,
    )
    found: dict[str, list[str]] = msgspec.json.decode(done.stdout)
    return found


def folders(lab: Lab) -> dict[str, Path]:
    """Every folder on the stick by the hash of its container; half a one is a violation."""
    found: dict[str, Path] = {}
    for place in sorted(lab.stick.iterdir()):
        expect(not place.name.startswith("."), f"half a folder stays: {place.name}")
        container = container_folder.read_container(place)
        expect((place / LEAFLET).is_file(), f"{place.name} has no leaflet")
        found[container.sha256] = place
    return found


def registered(lab: Lab) -> set[str]:
    """Containers that the authority holds as registered, or as more than that."""
    rows = lab.authority("SELECT container_sha256 FROM backups WHERE container_sha256 IS NOT NULL")
    return {row[0] for row in rows}


def check_always(lab: Lab) -> None:
    """What holds after every start, whatever was killed."""
    lab.call("audit.verify")
    expect(active(lab) <= 1, f"{active(lab)} active certificates")
    have, known = set(folders(lab)), registered(lab)
    expect(have <= known, "a folder stays that the authority does not know")
    expect(known <= have, "a registered backup has no folder")
    told = {row["container_sha256"] for row in lab.call("status")["backups"]}
    expect(known <= told, "the agent does not know of a registered backup")


# --- the operations ---------------------------------------------------------------------------


def _csr_reached(lab: Lab) -> bool:
    return any(lab.operations()[-1:]) and any(
        op["kind"] == "csr" and op["state"] == "done" for op in lab.operations()
    )


def _csr_acknowledged(lab: Lab, made: Any) -> None:
    kept = lab.person.home / "requests" / made["file_name"]
    expect(kept.read_text("ascii") == made["csr"], "the request's file was lost")
    ended = [op["result"] for op in lab.operations() if op["state"] == "done"]
    expect(made["key_id"] in [r.get("key_id") for r in ended], "the journal forgot the key")


def _request(lab: Lab) -> Any:
    return lab.call("request.create", wait=True)


def _request_reached(lab: Lab) -> bool:
    return active(lab) == 1


def _request_acknowledged(lab: Lab, made: Any) -> None:
    rows = lab.call("certificates.list")["certificates"]
    expect([row["id_operazione"] for row in rows] == [made["id_operazione"]], "another operation")
    expect(rows[0]["state"] == "active", "an issued certificate was lost")
    expect(rows[0]["token"] == lab.token.serial, "it is not known where the key lies")


def _install_reached(lab: Lab) -> bool:
    row = lab.plugged()
    installed = [c["installed"] for c in lab.call("status")["certificates"]]
    return bool(row["certificates"]) and row["state"] == "primary" and installed == [True]


def _install_acknowledged(lab: Lab, made: Any) -> None:
    expect(_install_reached(lab), "an installed certificate is not installed")
    held = [c["fingerprint_sha256"] for c in lab.plugged()["certificates"]]
    expect(held == [made["fingerprint_sha256"]], "another certificate")


def _backup(lab: Lab) -> Any:
    return lab.call("backup.create", to=str(lab.stick), kind="successor")


def _backup_reached(lab: Lab) -> bool:
    rows = lab.call("status")["backups"]
    return any(row["state"] == "registered" and row["folder_path"] for row in rows)


def _backup_acknowledged(lab: Lab, made: Any) -> None:
    expect(made["container_sha256"] in folders(lab), "the folder is gone")
    expect(made["container_sha256"] in registered(lab), "the registration is gone")
    places = [row["folder_path"] for row in lab.call("status")["backups"]]
    expect(made["path"] in places, "the agent forgot where it is")


def _activate(lab: Lab) -> Any:
    return lab.call("backup.activate", folder=str(lab.backup), reason="lost", wait=True)


def _states(lab: Lab) -> list[str]:
    return sorted(row[0] for row in lab.authority("SELECT state FROM certificates"))


def _backup_state(lab: Lab) -> str:
    return str(lab.authority("SELECT state FROM backups WHERE state != 'reserved'")[0][0])


def _activate_reached(lab: Lab) -> bool:
    return _backup_state(lab) == "collected" and _states(lab) == ["active", "cancelled"]


def _activate_acknowledged(lab: Lab, made: Any) -> None:
    expect(_activate_reached(lab), f"{_backup_state(lab)}, {_states(lab)}")
    rows = lab.call("certificates.list")["certificates"]
    alive = [row["fingerprint_sha256"] for row in rows if row["state"] == "active"]
    expect(alive == [made["successor_sha256"]], "another successor")


def _restore(lab: Lab) -> Any:
    return lab.call("backup.restore", folder=str(lab.backup), token=lab.spare.serial)


def _restore_reached(lab: Lab) -> bool:
    row = lab.plugged()
    return (
        _backup_state(lab) == "restored"
        and row["state"] == "primary"
        and len(row["certificates"]) == 1
    )


def _restore_acknowledged(lab: Lab, made: Any) -> None:
    expect(_restore_reached(lab), f"{_backup_state(lab)}, {lab.plugged()}")
    held = [c["fingerprint_sha256"] for c in lab.plugged()["certificates"]]
    expect(held == [made["successor_sha256"]], "another certificate on the token")


def _cancel(lab: Lab) -> Any:
    rows = lab.call("certificates.list")["certificates"]
    asked = {"operations": [rows[0]["id_operazione"]], "reason": "other"}
    covered = lab.call("cancel.preview", **asked)["covered"]
    serials = [row["serial_number"] for row in covered]
    return lab.call("cancel.run", **asked, covered=serials, note="")


def _cancel_reached(lab: Lab) -> bool:
    known = [row["state"] for row in lab.call("status")["certificates"]]
    return _states(lab) == ["cancelled"] == known


def _cancel_acknowledged(lab: Lab, made: Any) -> None:
    expect(_states(lab) == ["cancelled"], "the cancellation is gone")
    covered = [row["state"] for row in made["covered"]]
    expect(covered == ["cancelled"], "another answer")


OPERATIONS: Final = (
    Operation(
        "csr",
        "fresh",
        "csr",
        lambda lab: lab.call("csr.create", key="p256"),
        _csr_reached,
        _csr_acknowledged,
    ),
    Operation("request", "asked", "request", _request, _request_reached, _request_acknowledged),
    Operation(
        "install",
        "issued",
        "install",
        lambda lab: lab.call("install"),
        _install_reached,
        _install_acknowledged,
    ),
    Operation(
        "backup create",
        "certified",
        "backup.create",
        _backup,
        _backup_reached,
        _backup_acknowledged,
    ),
    Operation(
        "activate",
        "lost",
        "backup.activate",
        _activate,
        _activate_reached,
        _activate_acknowledged,
    ),
    Operation(
        "restore",
        "activated",
        "backup.restore",
        _restore,
        _restore_reached,
        _restore_acknowledged,
        frozenset({"gate_closed"}),
    ),
    Operation(
        "cancel",
        "certified",
        "cancel",
        _cancel,
        _cancel_reached,
        _cancel_acknowledged,
        frozenset({"nothing_to_cancel"}),
    ),
)
BY_NAME: Final = {operation.name: operation for operation in OPERATIONS}
