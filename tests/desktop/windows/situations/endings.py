"""Report, activation, restore, trial, cancellation, retirement, re-issue."""

from typing import Any

from PySide6.QtCore import QDate
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.table import Situation

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

FOLDER = "/media/anna/STICK/ROSSI01_2026-03-09"
TOKEN = {
    "manufacturer": "Acme",
    "model": "Key",
    "serial": "0A1277F39B4C",
    "label": "ROSSI ANNA",
    "state": "primary",
    "present": True,
    "user_pin_initialized": True,
    "uri": "pkcs11:serial=0A1277F39B4C",
}
NEW = {**TOKEN, "serial": "0B3420AA17E2", "label": "ROSSI 2", "state": "unknown"}
FRESH = {**NEW, "user_pin_initialized": False}
CERTIFICATE = {
    "id_operazione": "20260301-7f3a",
    "file_name": "rossi.csr",
    "state": "active",
    "requested_at": "2026-03-01T09:00:00Z",
    "expires_at": "2029-03-01T09:00:00Z",
    "fingerprint_sha256": "a" * 64,
    "serial_number": "11",
    "token": TOKEN,
    "installed": True,
}
SUSPENDED = {
    **CERTIFICATE,
    "state": "suspended",
    "reported": "lost",
    "reported_at": "2026-03-10T08:12:00Z",
}
CANCELLED = {**SUSPENDED, "state": "cancelled", "cancelled_at": "2026-03-11T10:00:00Z"}
BACKUP = {
    "backup_id": "b" * 32,
    "kind": "successor",
    "state": "registered",
    "original_sha256": "a" * 64,
    "created_at": "2026-03-09T09:00:00Z",
    "tries_remaining": 5,
    "folder_name": "ROSSI01_2026-03-09",
    "folder_path": FOLDER,
    "place": "folder",
}
OLDER = {
    **BACKUP,
    "backup_id": "c" * 32,
    "created_at": "2026-03-02T09:00:00Z",
    "folder_name": "ROSSI01_2026-03-02",
    "folder_path": "/media/anna/OLD/ROSSI01_2026-03-02",
}
ON_SPARE = {
    **BACKUP,
    "backup_id": "d" * 32,
    "place": "token",
    "folder_name": None,
    "folder_path": None,
    "token": {"serial": "0C99", "manufacturer": "Acme", "model": "Key"},
    "label": "RISERVA",
}
ASKED = {"state": "requested", "requested_at": "2026-03-10T08:20:00Z"}
APPROVED = {**ASKED, "state": "approved", "approved_at": "2026-03-11T09:40:00Z"}
SHOWN = {
    "backup_id": BACKUP["backup_id"],
    "path": FOLDER,
    "folder": "ROSSI01_2026-03-09",
    "state": "registered",
    "created_at": BACKUP["created_at"],
    "gate": {"allowed": False, "reasons": []},
}
IN_ANSWER = {**BACKUP, "folder": BACKUP["folder_name"], "path": FOLDER, "token": None}
REASONS = [
    {
        "code": "original_present",
        "remedy": "remove_token",
        "text_args": {"label": "ROSSI ANNA", "serial": "0A1277F39B4C"},
    },
    {
        "code": "original_active",
        "remedy": "report",
        "text_args": {"state": "active", "said_at": "2026-03-10T08:00:00Z"},
    },
    {"code": "no_grant", "remedy": "request_activation", "text_args": {"state": "registered"}},
]
PREVIEW = {
    "certificate": CERTIFICATE,
    "backups": [IN_ANSWER],
    "certificates": [],
}


def world(
    certificate: dict[str, Any] | None = None,
    backup: dict[str, Any] | None = None,
    *tokens: dict[str, Any],
) -> dict[str, Any]:
    return {
        "certificates": [certificate or CERTIFICATE],
        "backups": [OLDER, {**BACKUP, **(backup or {})}],
        "tokens": list(tokens),
        "gate": {"allowed": False, "reasons": REASONS},
    }


def activation(
    backup: dict[str, Any], certificate: dict[str, Any] = SUSPENDED, **more: Any
) -> Situation:
    return Situation(
        "activate",
        {"folder": FOLDER},
        world(certificate, backup),
        {"backup.show": {**SHOWN, **backup}},
        **more,
    )


def to_details(_desk: PlayedDesk, window: Any) -> None:
    window.reason = "theft"
    window.remembers = True
    window.last_held = QDate(2026, 3, 8)
    window.go("details")


def to_check(_desk: PlayedDesk, window: Any) -> None:
    window.reason = "theft"
    window._preview()


def reported(_desk: PlayedDesk, window: Any) -> None:
    window.reason = "lost"
    window._report()


def away(desk: PlayedDesk, window: Any) -> None:
    settle()
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.FILE_MISSING, path=FOLDER))


def wrong_pin(desk: PlayedDesk, window: Any) -> None:
    settle()
    window._activate()
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.WRONG_BACKUP_PIN, tries_remaining=3))


def activated(_desk: PlayedDesk, window: Any) -> None:
    window._activated({"expires_at": "2029-03-11T09:00:00Z"})


def restored(_desk: PlayedDesk, window: Any) -> None:
    window._come_back({"label": "ROSSI 2", "expires_at": "2029-03-11T09:00:00Z"})


def shut(desk: PlayedDesk, window: Any) -> None:
    settle()
    window._open()
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.GATE_CLOSED, reasons=REASONS))


def proved(_desk: PlayedDesk, window: Any) -> None:
    window._proved({"expires_at": "2029-03-11T09:00:00Z"})


def why(_desk: PlayedDesk, window: Any) -> None:
    window.reason = "malfunction"
    window.go("why")


def cancel_check(_desk: PlayedDesk, window: Any) -> None:
    window.reason = "ceased"
    window._preview()


def cancelled(_desk: PlayedDesk, window: Any) -> None:
    window._over({"reason": "theft", "id_operazione": "20260311-aa01", "covered": COVERED})


def retire_check(_desk: PlayedDesk, window: Any) -> None:
    window.backup_id = BACKUP["backup_id"]
    window.go("check")


def retired(desk: PlayedDesk, window: Any) -> None:
    window.backup_id = BACKUP["backup_id"]
    desk.told(**{**world(), "backups": []})
    window._over({})


def give_up(_desk: PlayedDesk, window: Any) -> None:
    window._preview()


def reissued(_desk: PlayedDesk, window: Any) -> None:
    window._over({"label": "ROSSI ANNA", "id_operazione": "20260311-bb02"})


COVERED = [CERTIFICATE, {**CERTIFICATE, "id_operazione": "20250110-1c22", "file_name": "old.csr"}]
CANCELLATION = {"cumulative": True, "reason": "ceased", "covered": COVERED}
GIVEN_UP = {
    "token": "0A1277F39B4C",
    "label": "ROSSI ANNA",
    "resets": True,
    "keys": 1,
    "certificates": [CERTIFICATE],
    "backups": [BACKUP],
    "given_up": ["a" * 64],
}
LOST = {"state": "suspended", "usable": [IN_ANSWER], "retired": [], "rejected_requests": ["77"]}

SITUATIONS = {
    "report": Situation("report", status=world()),
    "report-chosen": Situation("report", {"reason": "lost"}, world()),
    "report-details": Situation("report", status=world(), play=to_details),
    "report-check": Situation("report", {}, world(), {"report.preview": PREVIEW}, play=to_check),
    "report-done": Situation("report", {}, world(SUSPENDED), {"report": LOST}, play=reported),
    "report-no-backup": Situation(
        "report", {}, world(SUSPENDED), {"report": {**LOST, "usable": []}}, play=reported
    ),
    "activate-which": Situation("activate", status=world(SUSPENDED)),
    "activate-away": Situation("activate", {"folder": FOLDER}, world(SUSPENDED), play=away),
    "activate-report": activation({}, CERTIFICATE),
    "activate-request": activation({}),
    "activate-elsewhere": activation({}, {**SUSPENDED, "reported": None, "reported_at": None}),
    "activate-wrong-pin": activation({"tries_remaining": 3}, play=wrong_pin),
    "activate-waiting": activation(ASKED),
    "activate-collect": activation(APPROVED),
    "activate-restore": activation({**APPROVED, "state": "collected"}, CANCELLED),
    "activate-spare": Situation(
        "activate",
        {"backup_id": "d" * 32},
        {**world(SUSPENDED), "backups": [ON_SPARE]},
    ),
    "activate-dead": Situation(
        "activate",
        {"folder": FOLDER},
        world(CANCELLED, {"state": "retired", "retired_why": "stolen"}),
        {"backup.show": {**SHOWN, "state": "retired"}},
    ),
    "activate-done": activation({**APPROVED, "state": "collected"}, CANCELLED, play=activated),
    "restore-token": Situation(
        "restore",
        {"folder": FOLDER},
        world(CANCELLED, {"state": "collected"}, NEW, {**TOKEN, "state": "retired"}),
        {"backup.show": {**SHOWN, "state": "collected"}},
    ),
    "restore-fresh": Situation(
        "restore",
        {"folder": FOLDER},
        world(CANCELLED, {"state": "collected"}, FRESH),
        {"backup.show": {**SHOWN, "state": "collected"}},
    ),
    "restore-early": Situation(
        "restore",
        {"folder": FOLDER},
        world(SUSPENDED, ASKED, NEW),
        {"backup.show": {**SHOWN, **ASKED}},
    ),
    "restore-done": Situation(
        "restore",
        {"folder": FOLDER},
        world(CANCELLED, {"state": "restored"}, NEW),
        {"backup.show": {**SHOWN, "state": "restored"}},
        play=restored,
    ),
    "open": Situation("open", {"folder": FOLDER}, world(), {"backup.show": SHOWN}),
    "open-shut": Situation("open", {"folder": FOLDER}, world(), {"backup.show": SHOWN}, play=shut),
    "open-done": Situation(
        "open", {"folder": FOLDER}, world(CANCELLED), {"backup.show": SHOWN}, play=proved
    ),
    "blocked": Situation("blocked", status=world()),
    "blocked-not": Situation("blocked", status={**world(), "gate": {"allowed": True}}),
    "cancel": Situation("cancel", status={**world(), "certificates": COVERED}),
    "cancel-nothing": Situation("cancel", status=world(CANCELLED)),
    "cancel-why": Situation("cancel", status=world(), play=why),
    "cancel-check": Situation(
        "cancel", {}, world(), {"cancel.preview": CANCELLATION}, play=cancel_check
    ),
    "cancel-done": Situation("cancel", status=world(CANCELLED), play=cancelled),
    "retire": Situation("retire", status=world()),
    "retire-check": Situation(
        "retire", {}, world(None, None, {**TOKEN, "present": False}), play=retire_check
    ),
    "retire-done": Situation("retire", status=world(), play=retired),
    "reissue": Situation("reissue", status=world(None, None, TOKEN)),
    "reissue-check": Situation(
        "reissue", {}, world(None, None, TOKEN), {"reissue.preview": GIVEN_UP}, play=give_up
    ),
    "reissue-done": Situation("reissue", status=world(None, None, TOKEN), play=reissued),
}
