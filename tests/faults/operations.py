"""What is interrupted: the operations, how each is run again, and what has to be true then."""

from __future__ import annotations

from typing import Any, Final

from .lab import Lab
from .rules import Operation, active, expect, folders, registered, states
from .sparing import OPERATIONS as SPARING
from .starting import OPERATIONS as STARTING
from .succeeding import OPERATIONS as SUCCEEDING

# --- the operations ---------------------------------------------------------------------------


def _one(_lab: Lab) -> int:
    return 1


def _csr_keys(lab: Lab) -> int:
    done = [op for op in lab.operations() if (op["kind"], op["state"]) == ("csr", "done")]
    return max(1, len(done))


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


def _copy(lab: Lab) -> Any:
    return lab.call("backup.create", to=str(lab.stick), kind="copy")


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


def _backup_state(lab: Lab) -> str:
    return str(lab.authority("SELECT state FROM backups WHERE state != 'reserved'")[0][0])


def _activate_reached(lab: Lab) -> bool:
    return _backup_state(lab) == "collected" and states(lab) == ["active", "cancelled"]


def _activate_acknowledged(lab: Lab, made: Any) -> None:
    expect(_activate_reached(lab), f"{_backup_state(lab)}, {states(lab)}")
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
    return states(lab) == ["cancelled"] == known


def _cancel_acknowledged(lab: Lab, made: Any) -> None:
    expect(states(lab) == ["cancelled"], "the cancellation is gone")
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
        keys=_csr_keys,
    ),
    Operation("request", "asked", "request", _request, _request_reached, _request_acknowledged),
    Operation(
        "install",
        "issued",
        "install",
        lambda lab: lab.call("install"),
        _install_reached,
        _install_acknowledged,
        keys=_one,
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
        "backup create copy",
        "certified",
        "backup.create",
        _copy,
        _backup_reached,
        _backup_acknowledged,
        keys=_one,
    ),
    Operation(
        "restore copy",
        "copied",
        "backup.restore",
        _restore,
        _restore_reached,
        _restore_acknowledged,
        frozenset({"gate_closed"}),
        keys=_one,
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
        keys=_one,
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
    *SUCCEEDING,
    *STARTING,
    *SPARING,
)
BY_NAME: Final = {operation.name: operation for operation in OPERATIONS}
