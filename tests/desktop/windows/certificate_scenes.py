"""Scenes of the windows of request, installation, renewal, PINs and doctor, for pictures and tests.

Each opens a window on a played desk and brings it to where the picture is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtWidgets import QCheckBox

from custode.desktop.windows.window import Window
from custode.doctor.registry import REGISTRY
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

from .conftest import PlayedDesk, settle

WHO: Final = {"code": "ROSSI01", "codice_fiscale": "RSSNNA80A01H501H", "name": "Anna Rossi"}
SERIAL: Final = "0A12 77F3 9B4C"
OTHER: Final = "3C55 01AA 2E10"


def seen(serial: str = SERIAL, label: str = "ROSSI ANNA", **more: Any) -> dict[str, Any]:
    """A token as `status` has it."""
    return {
        "serial": serial,
        "label": label,
        "present": True,
        "state": "primary",
        "user_pin_initialized": True,
        "pin_attempts_remaining": 3,
        "pin_locked": False,
        "pin_final_try": False,
        "so_pin_attempts_remaining": None,
        "so_pin_locked": False,
        "so_pin_final_try": False,
        **more,
    }


def fit(serial: str = SERIAL, label: str = "ROSSI ANNA", **more: Any) -> dict[str, Any]:
    """A token as `request.standing` has it."""
    return {
        "serial": serial,
        "label": label,
        "model": "M",
        "pin_set": True,
        "keys": ["rsa2048", "rsa3072", "p256"],
        "copyable": True,
        "refusal": None,
        **more,
    }


def row(state: str, *, installed: bool = False, **more: Any) -> dict[str, Any]:
    """A certificate, or the request for one."""
    return {
        "id_operazione": "9F41-77C0-2A6E",
        "file_name": "ROSSI01_2026-03-01_5f0c1a2b.csr",
        "state": state,
        "key_sha256": "k",
        "requested_at": "2026-03-01T09:12:00Z",
        "expires_at": None if state in {"generating", "rejected"} else "2029-03-01T09:12:00Z",
        "outcome": None,
        "installed": installed,
        "token": {"serial": SERIAL},
        **more,
    }


def need(kind: str, **text_args: Any) -> dict[str, Any]:
    """One need, about the one token."""
    token = {"manufacturer": "Maker", "model": "M", "serial": SERIAL}
    return {
        "need": kind,
        "key": kind,
        "critical": False,
        "token": token,
        "label": "ROSSI ANNA",
        "text_args": text_args,
    }


def status(**more: Any) -> dict[str, Any]:
    """What the agent says of everything."""
    told = {"identity": WHO, "tokens": [seen()], "certificates": [], "needs": []}
    return {**told, **more}


def standing(*tokens: Any, **more: Any) -> dict[str, Any]:
    """What it says of the way to a certificate."""
    return {"tokens": list(tokens), "begun": [], "unsent": None, "looks": [], **more}


UNSENT: Final = {
    "file_name": "ROSSI01_2026-03-01_5f0c1a2b.csr",
    "serial": SERIAL,
    "key": "rsa2048",
    "made_at": "2026-03-01T09:12:00Z",
}
ARRIVED: Final = [need("install_certificate", id_operazione="9F41-77C0-2A6E")]


def answer(desk: PlayedDesk, method: str, told: Any) -> None:
    """Answer the newest call of that method; an error is a refusal."""
    call = next(one for one in reversed(desk.calls) if one.method == method)
    (call.failed if isinstance(told, CustodeError) else call.done).emit(told)
    settle()


def on_the_way(
    desk: PlayedDesk, told: Mapping[str, Any], stands: Mapping[str, Any], **args: str
) -> Window:
    """The window of the request, where the agent says so."""
    desk.told(**told)
    window = desk.open("request", **args)
    settle()
    answer(desk, "request.standing", stands)
    return window


def _key_copyable(desk: PlayedDesk) -> Window:
    other = fit(OTHER, "NEGOZIO")
    window = on_the_way(desk, status(), standing(fit(), other))
    window.findChildren(QCheckBox)[0].click()
    settle()
    return window


def _making(desk: PlayedDesk) -> Window:
    window = on_the_way(desk, status(), standing(fit()))
    press_primary(window)
    call = desk.calls[-1]
    call.progress.emit("csr.key", "")
    call.progress.emit("csr.signing", "")
    settle()
    return window


def _not_sent(desk: PlayedDesk) -> Window:
    window = on_the_way(desk, status(), standing(fit()))
    press_primary(window)
    made = {"csr": "PEM", "file_name": UNSENT["file_name"], "token": SERIAL, "key": "rsa2048"}
    answer(desk, "csr.create", made)
    answer(
        desk, "request.create", CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why="ConnectError")
    )
    return window


def _arrived(desk: PlayedDesk, *tokens: Any) -> Window:
    told = status(certificates=[row("active")], needs=ARRIVED, tokens=list(tokens))
    return on_the_way(desk, told, standing(fit()))


def _looked(window: Window, *ids: tuple[str, str, dict[str, Any]]) -> None:
    """Have the doctor tell that, and all the others that they are well."""
    examination: Any = window._examination  # type: ignore[attr-defined] # what its process tells
    told = {check: (code, data) for check, code, data in ids}
    examination._take({"begun": [{"id": check.id, "about": ""} for check in REGISTRY]})
    for check in REGISTRY:
        well = next(code for code, means in check.says.items() if means.value == "pass")
        code, data = told.get(check.id, (well, WELL))
        outcome = check.outcome(code).value
        line = {"id": check.id, "about": "", "outcome": outcome, "code": code, "data": data}
        examination._take({"finding": line})


WELL: Final = {"path": "/home/anna/.local/share/custode", "free": 5_000_000_000, "entries": 12}
FAULTS: Final = (
    ("pcsc.service", "not_installed", {}),
    ("pcsc.cards", "no_service", {}),
    ("agent.journal", "left", {"what": "renew", "serial": SERIAL}),
    ("agent.version", "other", {"agent": "0.1.0", "installed": "0.2.0"}),
)


def opened(desk: PlayedDesk, name: str, told: Mapping[str, Any], **args: str) -> Window:
    """A window that only follows the agent's status."""
    desk.told(**told)
    window = desk.open(name, **args)
    settle()
    return window


def doctor(desk: PlayedDesk, *, ends: bool) -> Window:
    """The doctor's window, with a doctor that is played."""
    window = opened(desk, "doctor", status())
    examination: Any = window._examination  # type: ignore[attr-defined] # as above
    examination._process.blockSignals(True)
    _looked(window, *FAULTS)
    if ends:
        examination._take({"ok": False})
    else:
        del examination.findings[9:]
        window._tell_progress()  # type: ignore[attr-defined] # as above
    settle()
    return window


def press_primary(window: Window) -> None:
    """Press the button that goes on."""
    button: Any = window._primary  # type: ignore[attr-defined] # of the wizard
    button.click()
    settle()


def _renewed(desk: PlayedDesk) -> Window:
    held = [row("active", installed=True)]
    window = opened(desk, "renew", status(certificates=held))
    press_primary(window)
    done = {
        "id_operazione": "A000-11D2-93BB",
        "label": "ROSSI ANNA",
        "expires_at": "2032-03-01T09:12:00Z",
        "old": "9F41-77C0-2A6E",
        "old_state": "cancelled",
        "old_on_token": [],
        "retired_backups": ["5b1f7e2a90c4"],
    }
    answer(desk, "renew", done)
    return window


def _file(desk: PlayedDesk) -> Window:
    window: Any = opened(desk, "install", status())
    window._certificate, window._file = "PEM", Path("/home/anna/Scaricati/certificato.cer")
    window.go("file")
    settle()
    return window


HELD: Final = [row("active", installed=True)]
BROKE_OFF: Final = [need("operation_can_go_on", what="renew")]
FRESH: Final = seen(user_pin_initialized=False, label="Token nuovo")
SCENES: Final[Mapping[str, Callable[[PlayedDesk], Window]]] = {
    "request-identity": lambda desk: on_the_way(desk, status(identity=None), standing()),
    "request-token": lambda desk: on_the_way(
        desk,
        status(tokens=[]),
        standing(fit(refusal={"code": "token_retired", "data": {}})),
    ),
    "request-pin": lambda desk: on_the_way(desk, status(), standing(fit(pin_set=False))),
    "request-key": lambda desk: on_the_way(desk, status(), standing(fit(copyable=False))),
    "request-key-copyable": _key_copyable,
    "request-making": _making,
    "request-not-sent": _not_sent,
    "request-unsent": lambda desk: on_the_way(desk, status(), standing(fit(), unsent=UNSENT)),
    "request-waiting": lambda desk: on_the_way(
        desk,
        status(certificates=[row("generating")]),
        standing(fit(), looks=[{"key_sha256": "k", "next_look_at": "2036-03-01T10:30:00Z"}]),
    ),
    "request-rejected": lambda desk: on_the_way(
        desk,
        status(certificates=[row("rejected", outcome="codice fiscale non abilitato")]),
        standing(fit()),
    ),
    "request-arrived": lambda desk: _arrived(desk, seen()),
    "request-arrived-elsewhere": lambda desk: _arrived(desk, seen(present=False)),
    "request-backup": lambda desk: on_the_way(
        desk, status(certificates=HELD, needs=[need("backup_missing")]), standing(fit())
    ),
    "request-there": lambda desk: on_the_way(desk, status(certificates=HELD), standing(fit())),
    "request-suspended": lambda desk: on_the_way(
        desk, status(certificates=[row("suspended", installed=True)]), standing(fit())
    ),
    "install-none": lambda desk: opened(desk, "install", status()),
    "install-arrived": lambda desk: opened(
        desk, "install", status(certificates=[row("active")], needs=ARRIVED)
    ),
    "install-file": _file,
    "renew-ready": lambda desk: opened(desk, "renew", status(certificates=HELD)),
    "renew-absent": lambda desk: opened(desk, "renew", status(certificates=HELD, tokens=[])),
    "renew-goes-on": lambda desk: opened(desk, "renew", status(certificates=HELD, needs=BROKE_OFF)),
    "renew-none": lambda desk: opened(desk, "renew", status()),
    "renew-done": _renewed,
    "pin-change": lambda desk: opened(desk, "pin_change", status()),
    "pin-change-last": lambda desk: opened(
        desk,
        "pin_change",
        status(tokens=[seen(pin_attempts_remaining=1), seen(OTHER, "NEGOZIO")]),
    ),
    "pin-change-none": lambda desk: opened(desk, "pin_change", status(tokens=[])),
    "pin-unblock": lambda desk: opened(
        desk, "pin_unblock", status(tokens=[seen(pin_attempts_remaining=0, pin_locked=True)])
    ),
    "token-init": lambda desk: opened(desk, "token_init", status(tokens=[FRESH])),
    "doctor-looking": lambda desk: doctor(desk, ends=False),
    "doctor-found": lambda desk: doctor(desk, ends=True),
}
