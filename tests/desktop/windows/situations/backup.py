"""The backup wizard, page by page, and the window that checks a backup."""

from __future__ import annotations

from typing import Any

from tests.desktop.windows.played import PlayedDesk
from tests.desktop.windows.situations.table import Situation

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

Row = dict[str, Any]

GB = 10**9
STICK: Row = {
    "path": "/media/anna/COPIE",
    "label": "COPIE",
    "filesystem": "vfat",
    "free": 7_410_000_000,
    "total": 8 * GB,
    "removable": True,
    "network": False,
    "read_only": False,
    "writable": True,
    "same_disk": False,
    "why": None,
}
LOCKED: Row = {
    **STICK,
    "path": "/media/anna/FOTO",
    "label": "FOTO",
    "free": 2 * GB,
    "total": 32 * GB,
    "read_only": True,
    "why": "read_only",
}
SHARE: Row = {
    **STICK,
    "path": "/srv/ufficio",
    "label": "ufficio",
    "filesystem": "cifs",
    "free": None,
    "total": None,
    "removable": False,
    "network": True,
}
COMPUTER: Row = {
    **STICK,
    "path": "/home/anna",
    "label": "",
    "filesystem": "ext4",
    "free": 120 * GB,
    "total": 500 * GB,
    "removable": False,
    "same_disk": True,
}
VOLUMES: Row = {"volumes": [STICK, LOCKED, SHARE], "computer": COMPUTER, "folder": None}
STANDING: Row = {
    "refusal": None,
    "original": {
        "serial": "8f3c21aa90b14d02",
        "label": "Firma Anna Rossi",
        "present": True,
        "id_operazione": "20260214-0001",
        "expires_at": "2028-03-14T10:00:00+00:00",
    },
    "copyable": False,
    "spares": [],
    "backups": [],
}
BEFORE: Row = {
    "backup_id": "0123456789abcdef" * 2,
    "kind": "successor",
    "state": "registered",
    "created_at": "2026-02-14T10:00:00+00:00",
    "folder": "ROSSI01_2026-02-14",
    "folder_name": "ROSSI01_2026-02-14",
    "folder_path": "/media/anna/COPIE/ROSSI01_2026-02-14",
    "path": "/media/anna/COPIE/ROSSI01_2026-02-14",
    "place": "folder",
    "token": None,
}
RICH: Row = {
    **STANDING,
    "copyable": True,
    "spares": [{"serial": "5b2e77c0d1a94e11", "label": "Riserva"}],
    "backups": [BEFORE],
}
GONE: Row = {
    **STANDING,
    "refusal": {"code": "token_gone", "data": {"token": "Firma Anna Rossi"}},
}
NONE_YET: Row = {**STANDING, "refusal": {"code": "no_certificate", "data": {}}, "original": None}
FILES = ("/home/anna/Documenti/accesso.txt", "/home/anna/Documenti/istruzioni del portale.pdf")
SAVED: Row = {
    "backup_id": "fedcba9876543210" * 2,
    "kind": "successor",
    "folder": "ROSSI01_2026-05-04",
    "path": "/media/anna/COPIE/ROSSI01_2026-05-04",
    "files": ["Leggimi.rtf", "accesso.txt", "iw.iwk"],
    "spare_at_hand": [],
}
ON_SPARE: Row = {
    "backup_id": "fedcba9876543210" * 2,
    "kind": "successor",
    "place": "token",
    "token": "5b2e77c0d1a94e11",
    "label": "Riserva",
    "foreign_certificates": ["Tessera del Comune"],
}
SEEN: Row = {
    "backup_id": BEFORE["backup_id"],
    "kind": "successor",
    "identity_code": "ROSSI01",
    "created_at": BEFORE["created_at"],
    "authority_name": "Custode Test CA",
    "path": BEFORE["path"],
    "registered": True,
    "state": "registered",
}
PULLED = CustodeError(
    ErrorCode.FILE_UNWRITABLE, path="/media/anna/COPIE", why="No such device or address"
)
EXPORT = {
    "need": "recovery_export_missing",
    "key": "recovery_export_missing",
    "critical": False,
    "token": None,
    "label": None,
    "text_args": {},
}


def contents(_desk: PlayedDesk, window: Any) -> None:
    window.plan = window.plan.__class__(STICK["path"], "successor", FILES)
    window.go("contents")


def pins(desk: PlayedDesk, window: Any) -> None:
    contents(desk, window)
    window.go("pins")


def working(desk: PlayedDesk, window: Any) -> None:
    pins(desk, window)
    window._save()
    for step in ("backup.sealing", "backup.writing"):
        desk.calls[-1].progress.emit(step, "")


def pulled(desk: PlayedDesk, window: Any) -> None:
    working(desk, window)
    desk.calls[-1].failed.emit(PULLED)


def given_up(desk: PlayedDesk, window: Any) -> None:
    working(desk, window)
    desk.calls[-1].failed.emit(CustodeError(ErrorCode.CANCELLED))


def refused_file(desk: PlayedDesk, window: Any) -> None:
    pins(desk, window)
    window._save()
    desk.calls[-1].failed.emit(
        CustodeError(ErrorCode.INCLUDE_REFUSED, name="accesso.txt", why="holds_identity")
    )


def saved(desk: PlayedDesk, window: Any) -> None:
    working(desk, window)
    desk.calls[-1].done.emit(SAVED)


def saved_beside_a_spare(desk: PlayedDesk, window: Any) -> None:
    working(desk, window)
    offered = [{"serial": "5b2e77c0d1a94e11", "label": "Riserva"}]
    desk.calls[-1].done.emit({**SAVED, "kind": "copy", "spare_at_hand": offered})


def on_spare(desk: PlayedDesk, window: Any) -> None:
    window.go("pins")


def saved_on_spare(desk: PlayedDesk, window: Any) -> None:
    window.go("pins")
    window._save()
    desk.calls[-1].done.emit(ON_SPARE)


def check(desk: PlayedDesk, window: Any) -> None:
    window._chosen = BEFORE["path"]
    window._check()


_ANSWERS = {"backup.standing": STANDING, "volumes.list": VOLUMES}
_RICH = {"backup.standing": RICH, "volumes.list": VOLUMES}
_SPARE = {"spare": "5b2e77c0d1a94e11"}

SITUATIONS = {
    "backup-looking": Situation("backup"),
    "backup-where": Situation("backup", answers=_ANSWERS),
    "backup-where-many": Situation("backup", answers=_RICH),
    "backup-token-gone": Situation(
        "backup", answers={"backup.standing": GONE, "volumes.list": VOLUMES}
    ),
    "backup-no-certificate": Situation(
        "backup", answers={"backup.standing": NONE_YET, "volumes.list": VOLUMES}
    ),
    "backup-contents": Situation("backup", answers=_ANSWERS, play=contents),
    "backup-contents-kinds": Situation("backup", answers=_RICH, play=contents),
    "backup-pins": Situation("backup", answers=_ANSWERS, play=pins),
    "backup-pins-spare": Situation("backup", _SPARE, answers=_RICH, play=on_spare),
    "backup-working": Situation("backup", answers=_ANSWERS, play=working),
    "backup-stick-pulled": Situation("backup", answers=_ANSWERS, play=pulled),
    "backup-given-up": Situation("backup", answers=_ANSWERS, play=given_up),
    "backup-file-refused": Situation("backup", answers=_ANSWERS, play=refused_file),
    "backup-saved": Situation("backup", status={"needs": [EXPORT]}, answers=_ANSWERS, play=saved),
    "backup-saved-copy": Situation("backup", answers=_RICH, play=saved_beside_a_spare),
    "backup-saved-spare": Situation("backup", _SPARE, answers=_RICH, play=saved_on_spare),
    "verify-which": Situation("verify", status={"backups": [BEFORE]}),
    "verify-none": Situation("verify"),
    "verify-whole": Situation("verify", answers={"backup.verify": SEEN}, play=check),
    "verify-over": Situation(
        "verify", answers={"backup.verify": {**SEEN, "state": "retired"}}, play=check
    ),
}
