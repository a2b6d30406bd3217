"""The main window, from the first day to a theft."""

from typing import Any

from tests.desktop.windows.situations.table import Situation

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

TOKEN = {"manufacturer": "SoftHSM project", "model": "SoftHSM v2", "serial": "0a1277f39b4c"}
SPARE = {**TOKEN, "serial": "77c1d0aa5e21"}
AGENT = {"version": "0.1.0"}
IDENTITY = {
    "code": "ROSSI01",
    "codice_fiscale": "RSSNNA80A41H501X",
    "name": "Anna Rossi",
    "mail": "anna@example.invalid",
    "ceased": False,
    "primary": TOKEN,
}


def token(**more: Any) -> dict[str, Any]:
    """A token as `status` tells it."""
    return {
        **TOKEN,
        "label": "ROSSI ANNA",
        "state": "primary",
        "present": True,
        "uri": "pkcs11:serial=0a1277f39b4c",
        "user_pin_initialized": True,
        "pin_attempts_remaining": 3,
        **more,
    }


def certificate(**more: Any) -> dict[str, Any]:
    return {
        "id_operazione": "202600000017",
        "state": "active",
        "requested_at": "2025-03-14T08:00:00Z",
        "expires_at": "2028-03-14T08:00:00Z",
        "token": TOKEN,
        "installed": True,
        "original": True,
        "cancellable": True,
        **more,
    }


def backup(**more: Any) -> dict[str, Any]:
    return {
        "backup_id": "b1",
        "kind": "successor",
        "state": "registered",
        "created_at": "2026-03-15T10:00:00Z",
        "folder_name": "ROSSI01 2026-03-15",
        "folder_path": "/media/anna/CHIAVETTA/ROSSI01 2026-03-15",
        "place": "folder",
        **more,
    }


def need(kind: str, **text_args: Any) -> dict[str, Any]:
    return {
        "need": kind,
        "key": f"{kind}:x",
        "critical": kind == "backup_missing",
        "token": TOKEN,
        "label": "ROSSI ANNA",
        "text_args": text_args,
        "snoozed_until": None,
    }


CLOSED = {
    "allowed": False,
    "reasons": [{"code": "original_active", "remedy": "report", "text_args": {"state": "active"}}],
}
NEW = {
    "agent": AGENT,
    "identity": IDENTITY,
    "tokens": [token()],
    "certificates": [certificate()],
    "backups": [],
    "gate": {"allowed": False, "reasons": []},
    "needs": [need("backup_missing"), need("expiry", days_left=14)],
}
WELL = {**NEW, "backups": [backup()], "gate": CLOSED, "needs": []}
LOST = {
    **NEW,
    "tokens": [
        token(present=False),
        token(**SPARE, label="RISERVA", state="unknown", pin_attempts_remaining=1),
    ],
    "certificates": [certificate(state="suspended", expires_at="2025-12-05T08:00:00Z")],
    "backups": [backup(state="approved"), backup(backup_id="b2", place="token", token=SPARE)],
    "gate": {
        "allowed": False,
        "reasons": [{"code": "original_suspended", "text_args": {"said_at": "2026-03-15T10:00Z"}}],
    },
    "needs": [
        need("last_pin_attempt", role="user", serial=SPARE["serial"]),
        need("operation_can_go_on", what="backup.collect", folder="/media/anna/CHIAVETTA"),
        {**need("recovery_export_missing"), "snoozed_until": "2026-03-16T06:00:00Z"},
    ],
    "running": [{"id": "1", "what": "backup.create", "step": "backup.writing", "text": ""}],
}
BROKEN = {
    **WELL,
    "tokens": [],
    "readers": {"ok": False, "why": "no_service"},
    "drivers": [
        {"module": "opensc", "ok": False, "why": "ended"},
        {"module": "bit4id", "ok": True, "held_by": "aruba-key"},
    ],
    "cards": [{"reader": "ACS ACR39U", "state": "unknown"}],
    "authority": {"mode": "embedded", "reachable": False},
    "config": {"modules_changed": True},
}
FIRST = {"agent": AGENT, "identity": None, "needs": [{**need("identity_missing"), "token": None}]}


def no_agent(desk: Any, _window: Any) -> None:
    desk.on_status(None, CustodeError(ErrorCode.AGENT_UNAVAILABLE, log="agent.log"))


SITUATIONS = {
    "panel-first": Situation("panel", status=FIRST),
    "panel-no-backup": Situation("panel", status=NEW),
    "panel-well": Situation("panel", status=WELL),
    "panel-lost": Situation("panel", status=LOST),
    "panel-broken": Situation("panel", status=BROKEN),
    "panel-no-agent": Situation("panel", play=no_agent),
}
