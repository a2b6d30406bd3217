"""The windows of request, installation, renewal, PINs and doctor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtWidgets import QCheckBox
from tests.desktop.windows.played import PlayedDesk, settle
from tests.desktop.windows.situations.table import Situation

from custode.doctor.registry import REGISTRY
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

Play = Callable[[PlayedDesk, Any], None]

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
        "original": installed,
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
    "csr": "PEM",
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


def way(
    told: Mapping[str, Any], stands: Mapping[str, Any], play: Play | None = None, **args: str
) -> Situation:
    """The window of the request, where the agent says so."""
    answers = {"request.standing": stands}
    return Situation("request", args, told, answers, play or _as_it_opens)


def plain(name: str, told: Mapping[str, Any], play: Play | None = None, **args: str) -> Situation:
    """A window that only follows the agent's status."""
    return Situation(name, args, told, {}, play or _as_it_opens)


def _as_it_opens(_desk: PlayedDesk, _window: Any) -> None:
    settle()


def _tick(_desk: PlayedDesk, window: Any) -> None:
    settle()
    window.findChildren(QCheckBox)[0].click()
    settle()


def _make(desk: PlayedDesk, window: Any) -> None:
    press_primary(window)
    call = desk.calls[-1]
    call.progress.emit("csr.key", "")
    call.progress.emit("csr.signing", "")
    settle()


def _not_sent(desk: PlayedDesk, window: Any) -> None:
    press_primary(window)
    made = {"csr": "PEM", "file_name": UNSENT["file_name"], "token": SERIAL, "key": "rsa2048"}
    answer(desk, "csr.create", made)
    desk.answers["request.standing"] = standing(fit(), unsent=UNSENT)
    answer(
        desk, "request.create", CustodeError(ErrorCode.AUTHORITY_UNAVAILABLE, why="ConnectError")
    )


def press_primary(window: Any) -> None:
    """Press the button that goes on."""
    settle()
    window._primary.click()
    settle()


WELL: Final = {"path": "/home/anna/.local/share/custode", "free": 5_000_000_000, "entries": 12}
FAULTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("pcsc.service", "not_installed", {}),
    ("pcsc.cards", "no_service", {}),
    ("agent.journal", "left", {"what": "renew", "serial": SERIAL}),
    ("agent.version", "other", {"agent": "0.1.0", "installed": "0.2.0"}),
)


def _examined(window: Any, *, ends: bool) -> None:
    """Have the doctor tell some faults, and that all else is well; the real one is not asked."""
    examination = window._examination
    examination._process.blockSignals(True)
    examination._process.kill()  # before it has loaded anything, let alone started an agent
    examination._process.waitForFinished(5000)
    told = {check: (code, data) for check, code, data in FAULTS}
    examination._take({"begun": [{"id": check.id, "about": ""} for check in REGISTRY]})
    for place, check in enumerate(REGISTRY):
        well = next(code for code, means in check.says.items() if means.value == "pass")
        code, data = told.get(check.id, (well, WELL))
        outcome = check.outcome(code).value
        line = {"id": check.id, "about": "", "outcome": outcome, "code": code, "data": data}
        if ends or place < HALF_WAY:
            examination._take({"finding": line})
    if ends:
        examination._take({"ok": False})
    settle()


def _renew(desk: PlayedDesk, window: Any) -> None:
    press_primary(window)
    answer(desk, "renew", RENEWED)


def _open_file(_desk: PlayedDesk, window: Any) -> None:
    window._certificate, window._file = "PEM", Path("/home/anna/Scaricati/certificato.cer")
    window.go("file")
    settle()


def _initialise(desk: PlayedDesk, window: Any) -> None:
    press_primary(window)
    desk.told(**status(needs=[need("unknown_token")]))
    answer(desk, "token.init", {"serial": SERIAL, "label": "ROSSI ANNA"})


def _fail(error: CustodeError) -> Play:
    def play(desk: PlayedDesk, window: Any) -> None:
        press_primary(window)
        desk.calls[-1].failed.emit(error)
        settle()

    return play


HALF_WAY: Final = 9
RENEWED: Final = {
    "id_operazione": "A000-11D2-93BB",
    "label": "ROSSI ANNA",
    "expires_at": "2032-03-01T09:12:00Z",
    "old": "9F41-77C0-2A6E",
    "old_state": "cancelled",
    "old_on_token": [],
    "retired_backups": ["5b1f7e2a90c4"],
}
HELD: Final = [row("active", installed=True)]
BROKE_OFF: Final = [need("operation_can_go_on", what="renew")]
FRESH: Final = seen(user_pin_initialized=False, label="Token nuovo")
LOOK: Final = {"key_sha256": "k", "next_look_at": "2036-03-01T10:30:00Z"}
WRONG: Final = CustodeError(
    ErrorCode.PIN_INCORRECT, pin="PIN", token="ROSSI ANNA", serial=SERIAL, attempts_remaining=2
)
PULLED: Final = CustodeError(ErrorCode.TOKEN_GONE, token="ROSSI ANNA")
RETIRED: Final = {"code": "token_retired", "data": {}}

SITUATIONS: Final[Mapping[str, Situation]] = {
    "request-identity": way(status(identity=None), standing()),
    "request-token": way(status(tokens=[]), standing(fit(refusal=RETIRED))),
    "request-pin": way(status(), standing(fit(pin_set=False))),
    "request-key": way(status(), standing(fit(copyable=False))),
    "request-key-copyable": way(status(), standing(fit(), fit(OTHER, "NEGOZIO")), _tick),
    "request-making": way(status(), standing(fit()), _make),
    "request-wrong-pin": way(status(), standing(fit()), _fail(WRONG)),
    "request-not-sent": way(status(), standing(fit()), _not_sent),
    "request-key-begun": way(
        status(),
        standing(fit(), begun=[{"serial": SERIAL, "key": "p256", "copyable": False}]),
    ),
    "request-unsent": way(status(), standing(fit(), unsent=UNSENT)),
    "request-waiting": way(status(certificates=[row("generating")]), standing(fit(), looks=[LOOK])),
    "request-rejected": way(
        status(certificates=[row("rejected", outcome="codice fiscale non abilitato")]),
        standing(fit()),
    ),
    "request-arrived": way(status(certificates=[row("active")], needs=ARRIVED), standing(fit())),
    "request-arrived-elsewhere": way(
        status(certificates=[row("active")], needs=ARRIVED, tokens=[seen(present=False)]),
        standing(),
    ),
    "request-backup": way(
        status(certificates=HELD, needs=[need("backup_missing")]), standing(fit())
    ),
    "request-there": way(status(certificates=HELD), standing(fit())),
    "request-suspended": way(
        status(certificates=[row("suspended", installed=True)]), standing(fit())
    ),
    "install-none": plain("install", status()),
    "install-arrived": plain("install", status(certificates=[row("active")], needs=ARRIVED)),
    "install-pulled": plain(
        "install", status(certificates=[row("active")], needs=ARRIVED), _fail(PULLED)
    ),
    "install-file": plain("install", status(), _open_file),
    "renew-ready": plain("renew", status(certificates=HELD), _tick),
    "renew-absent": plain("renew", status(certificates=HELD, tokens=[])),
    "renew-goes-on": plain("renew", status(certificates=HELD, needs=BROKE_OFF)),
    "renew-none": plain("renew", status()),
    "renew-waiting": plain(
        "renew", status(certificates=HELD), _fail(CustodeError(ErrorCode.STILL_GENERATING))
    ),
    "renew-done": plain("renew", status(certificates=HELD), _renew),
    "pin-change": plain("pin_change", status()),
    "pin-change-last": plain(
        "pin_change",
        status(tokens=[seen(pin_attempts_remaining=1), seen(OTHER, "NEGOZIO")]),
    ),
    "pin-change-none": plain("pin_change", status(tokens=[])),
    "pin-unblock": plain(
        "pin_unblock", status(tokens=[seen(pin_attempts_remaining=0, pin_locked=True)])
    ),
    "token-init": plain("token_init", status(tokens=[FRESH])),
    "token-init-done": plain("token_init", status(tokens=[FRESH]), _initialise),
    "doctor-looking": plain(
        "doctor", status(), lambda _desk, window: _examined(window, ends=False)
    ),
    "doctor-found": plain("doctor", status(), lambda _desk, window: _examined(window, ends=True)),
}
