"""The copy of this computer's authority, and a token that is freed."""

from typing import Any

from tests.desktop.windows.situations.backup import VOLUMES
from tests.desktop.windows.situations.panel import SPARE, token
from tests.desktop.windows.situations.table import Situation

MADE = {
    "path": "/media/anna/COPIE/custode-authority-2026-03-15.crx",
    "authority_name": "Custode Test CA",
    "sha256": "9f86d081884c7d65",
}
FREED = token(**SPARE, label="RISERVA", state="spare", uri="pkcs11:serial=77c1d0aa5e21")
PREVIEW = {
    "token": SPARE["serial"],
    "label": "RISERVA",
    "backups": [{"backup_id": "b1", "state": "retired", "created_at": "2026-03-15T10:00:00Z"}],
    "unfinished": 1,
}
DONE = {"token": SPARE["serial"], "destroyed": ["01"], "kept": []}


def saved(_desk: Any, window: Any) -> None:
    window._kept(MADE)


def sure(_desk: Any, window: Any) -> None:
    window._see(PREVIEW)


def freed(_desk: Any, window: Any) -> None:
    window._freed(DONE)


SITUATIONS = {
    "authority-copy": Situation("authority_copy", answers={"volumes.list": VOLUMES}),
    "authority-copy-saved": Situation("authority_copy", play=saved),
    "free-spare": Situation("free_spare", status={"tokens": [FREED]}),
    "free-spare-sure": Situation("free_spare", status={"tokens": [FREED]}, play=sure),
    "free-spare-done": Situation("free_spare", status={"tokens": [FREED]}, play=freed),
}
