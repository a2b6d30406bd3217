"""What each command sends, and what a person reads."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

ROW = {
    "id_operazione": "OP-7",
    "file_name": "ABC_2026-03-14.csr",
    "state": "active",
    "requested_at": "2026-03-14T09:00:00Z",
    "expires_at": "2028-03-14T09:00:00Z",
    "outcome": None,
    "serial_number": "9",
}

STATUS = {
    "agent": {"version": "0", "pid": 1},
    "identity": {"code": "ABC123", "codice_fiscale": "RSSMRA80A01H501U", "name": "Mario Rossi"},
    "tokens": [
        {"serial": "0A12", "label": "FIRMA", "state": "primary", "present": True},
        {"serial": "0B34", "label": "", "state": "retired", "present": False, "pin_locked": True},
    ],
    "certificates": [{**ROW, "state": "cancelled", "id_operazione": "OP-6"}, ROW],
    "backups": [{"folder_name": "ABC123_2026-03-14", "state": "registered"}],
    "gate": {
        "allowed": False,
        "reasons": [
            {
                "code": "original_present",
                "remedy": "remove_token",
                "text_args": {"label": "FIRMA", "serial": "0A12"},
            }
        ],
    },
    "needs": [{"need": "backup_missing", "label": "FIRMA", "text_args": {}}],
    "drivers": [
        {"module": "softhsm", "ok": True},
        {"module": "opensc", "ok": False, "why": "file not found"},
    ],
    "authority": {"mode": "embedded", "running": True, "reachable": None},
}


def test_status_tells_the_most_urgent_first(agent: FakeAgent, custode: Run) -> None:
    agent.answers["status"] = STATUS
    lines = custode("status", "--lang", "it").stdout.splitlines()
    assert lines[0] == "Esegui la copia di sicurezza!"
    assert lines[1] == "  → custode backup create --to CARTELLA"
    text = "\n".join(lines)
    for sentence in (
        "Identità     Mario Rossi · RSSMRA80A01H501U · ABC123",
        "Token        “FIRMA” (numero di serie 0A12), l'originale, inserito",
        "il vecchio originale, non più valido, non inserito, PIN BLOCCATO",
        "attivo, scade il 14/03/2028 (",
        "Copia        ABC123_2026-03-14, pronta, chiusa",
        "Driver       opensc: non funziona (file not found)",
        "Autorità     su questo computer, in esecuzione",
        "La copia è pronta e resta chiusa finché l'originale è attivo.",
    ):
        assert sentence in text
    assert "OP-6" not in text
    assert "non si può usare" not in text


def test_status_of_an_empty_home(agent: FakeAgent, custode: Run) -> None:
    empty: dict[str, Any] = {"identity": None, "gate": {"allowed": True, "reasons": []}}
    agent.answers["status"] = empty
    said = custode("status").stdout
    assert "Identity  not set yet" in said
    assert said.endswith("The backup may be used now.\n")


def test_the_red_notice_is_red_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from custode.cli.face import _styled

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert _styled("x", Terminal(), bold=True, colour="red") == "\x1b[31m\x1b[1mx\x1b[0m"
    assert _styled("x", io.StringIO(), bold=True, colour="red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert _styled("x", Terminal(), bold=True, colour="red") == "x"


SIMPLE: list[tuple[tuple[str, ...], str, dict[str, Any], Any]] = [
    (("status",), "status", {}, STATUS),
    (("token", "list"), "token.list", {}, {"tokens": STATUS["tokens"]}),
    (("token", "init", "--token", "1"), "token.init", {"serial": "1"}, {"serial": "1"}),
    (("token", "forget", "1", "--yes"), "token.forget", {"serial": "1", "in_use": True}, {}),
    (
        ("token", "pin", "change", "--token", "1"),
        "token.pin.change",
        {"token": "1", "so": False},
        {"serial": "1", "label": "L", "role": "user"},
    ),
    (
        ("token", "pin", "change", "--so", "--use-last-attempt"),
        "token.pin.change",
        {"so": True, "use_last_attempt": True},
        {"serial": "1", "label": "L", "role": "so"},
    ),
    (
        ("token", "pin", "unblock", "--token", "pkcs11:serial=1"),
        "token.pin.unblock",
        {"token": "pkcs11:serial=1"},
        {"serial": "1", "label": "L", "role": "user"},
    ),
    (("identity", "show"), "identity.show", {}, {"code": "ABC", "codice_fiscale": "X"}),
    (
        ("identity", "set", "--code", "abc", "--codice-fiscale", "rssmra80a01h501u"),
        "identity.set",
        {"code": "ABC", "codice_fiscale": "RSSMRA80A01H501U"},
        {"code": "ABC", "codice_fiscale": "RSSMRA80A01H501U", "name": "", "mail": ""},
    ),
    (("request",), "request.create", {"wait": False}, {**ROW, "installed": False}),
    (("request", "--wait"), "request.create", {"wait": True}, {**ROW, "outcome": "ok"}),
    (("certificates",), "certificates.list", {}, {"certificates": [ROW]}),
    (("install",), "install", {}, {"id_operazione": "OP-7"}),
    (("install", "--operation", "OP-7"), "install", {"operation": "OP-7"}, {}),
    (
        ("renew",),
        "renew",
        {"destroy_old_key": False},
        {"old": "OP-6", "old_state": "cancelled", "old_on_token": ["certificate", "key"]},
    ),
    (
        ("renew", "--key", "p384", "--destroy-old-key"),
        "renew",
        {"key": "p384", "destroy_old_key": True},
        {"old": "OP-6", "old_state": "expired", "old_on_token": [], "retired_backups": ["b1"]},
    ),
    (
        ("reissue", "--preview", "--token", "T"),
        "reissue.preview",
        {"token": "T"},
        {"resets": True, "goes_on": True, "keys": 2, "certificates": [ROW], "token": "T"},
    ),
    (("backup", "list"), "backup.list", {}, {"backups": [{"backup_id": "b", "state": "locked"}]}),
    (("backup", "retire", "b1", "--yes"), "backup.retire", {"backup_id": "b1"}, {}),
    (("audit", "show"), "audit.show", {"limit": 50}, {"entries": [{"seq": 1, "name": "X"}]}),
    (("audit", "verify"), "audit.verify", {}, {"ok": True, "entries": 3, "head": "00"}),
    (
        ("config", "show"),
        "config.show",
        {},
        {"file": "c.toml", "settings": [{"key": "a.b", "value": True, "source": "default"}]},
    ),
    (("agent", "stop"), "agent.stop", {}, True),
]


@pytest.mark.parametrize(("args", "method", "params", "answer"), SIMPLE)
def test_a_command_calls_its_method_and_passes_the_answer_on(
    agent: FakeAgent,
    custode: Run,
    args: tuple[str, ...],
    method: str,
    params: dict[str, Any],
    answer: Any,
) -> None:
    agent.answers[method] = answer
    before, after = custode("--json", *args), custode(*args, "--json")
    assert json.loads(before.stdout) == json.loads(after.stdout) == answer
    assert agent.calls == [(method, params)] * 2
    for language in ("it", "en"):
        told = custode(*args, "--lang", language)
        assert told.exit_code == 0
        assert told.stdout.strip()


FOLDER = [
    ("show", {"state": "registered", "gate": {"allowed": True}}, {}),
    ("verify", {"registered": False}, {}),
    ("open", {"would": ["import_key", "install_certificate", "confirm_restored"]}, {}),
    ("activate", {"state": "collected"}, {"reason": "lost", "wait": True}),
    ("restore", {"label": "NUOVO"}, {"token": "0B34"}),
]


@pytest.mark.parametrize(("name", "answer", "extra"), FOLDER)
def test_folders_are_sent_as_the_agent_finds_them(
    agent: FakeAgent,
    custode: Run,
    name: str,
    answer: dict[str, Any],
    extra: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    agent.answers[f"backup.{name}"] = answer
    options = {"activate": ("--reason", "lost", "--wait"), "restore": ("--token", "0B34")}
    result = custode("backup", name, "here", *options.get(name, ()), "--lang", "it")
    assert result.exit_code == 0
    assert agent.calls == [(f"backup.{name}", {"folder": str(tmp_path / "here"), **extra})]


def test_saving_a_backup_shows_name_and_path_of_the_folder(
    agent: FakeAgent, custode: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    agent.answers["backup.create"] = {
        "folder": "ABC123_2026-03-14",
        "path": "/media/stick/ABC123_2026-03-14",
        "backup_id": "b1",
        "files": ["iw.iwk", "Leggimi.rtf"],
    }
    args = ("backup", "create", "--to", "stick", "--include", "a.txt", "--include", "b.txt")
    lines = custode(*args, "--lang", "it").stdout.splitlines()
    assert lines[0] == "La copia di sicurezza è stata salvata."
    assert "Cartella  ABC123_2026-03-14" in lines
    assert "Percorso  /media/stick/ABC123_2026-03-14" in lines
    assert "File      iw.iwk, Leggimi.rtf" in lines
    assert agent.params("backup.create") == {
        "to": str(tmp_path / "stick"),
        "kind": "successor",
        "include": [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")],
    }


def test_after_a_restore_the_red_notice_is_back(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.restore"] = {"label": "NUOVO", "token": "0B34"}
    said = custode("backup", "restore", "f", "--token", "0B34", "--lang", "it").stdout
    assert "Il token “NUOVO” ora è il tuo originale" in said
    assert "Esegui la copia di sicurezza!" in said


def test_a_backup_the_authority_does_not_know_is_said(agent: FakeAgent, custode: Run) -> None:
    agent.answers["backup.verify"] = {"registered": False}
    assert "cannot be activated" in custode("backup", "verify", "f").stdout
    agent.answers["backup.verify"] = {"registered": True, "state": "registered"}
    said = custode("backup", "verify", "f").stdout
    assert "cannot be activated" not in said
    assert "make a new one" not in said


@pytest.mark.parametrize("state", ["retired", "locked", "restored"])
def test_a_whole_but_dead_backup_is_not_praised(agent: FakeAgent, custode: Run, state: str) -> None:
    agent.answers["backup.verify"] = {"registered": True, "state": state}
    assert "It can never be activated any more: make a new one." in (
        custode("backup", "verify", "f").stdout
    )


def test_certificates_are_a_table_with_the_pages_columns(agent: FakeAgent, custode: Run) -> None:
    agent.answers["certificates.list"] = {"certificates": [ROW, {**ROW, "state": "generating"}]}
    lines = custode("certificates", "--lang", "it").stdout.splitlines()
    columns = ["IdOperazione", "File", "Stato", "Data richiesta", "Data scadenza", "Esito"]
    assert [" ".join(column.split()) for column in re.split(r"  +", lines[0])] == columns
    assert "attivo" in lines[1]
    assert "14/03/2026" in lines[1]
    assert "14/03/2028" in lines[1]
    assert "in generazione" in lines[2]


def test_progress_is_told_beside_the_answer(agent: FakeAgent, custode: Run) -> None:
    def create(_params: Any, talk: Any) -> dict[str, Any]:
        talk.progress("request.generating")
        return ROW

    agent.answers["request.create"] = create
    result = custode("request", "--json", "--lang", "it")
    assert json.loads(result.stdout) == ROW
    assert result.stderr == "… il portale sta generando il certificato\n"


@pytest.mark.parametrize("state", ["requested", "generating"])
def test_a_request_that_is_still_in_generation_is_told_and_is_exit_23(
    agent: FakeAgent, custode: Run, state: str
) -> None:
    row = {**ROW, "state": state, "retry_after_s": 3}
    agent.answers["request.create"] = row
    result = custode("request", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (23, row)
    told = custode("request", "--lang", "it")
    assert (told.exit_code, told.stderr) == (23, "")
    assert "lo sta generando" in told.stdout


def test_a_request_file_is_sent_with_its_name(
    agent: FakeAgent, custode: Run, tmp_path: Path
) -> None:
    pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    (tmp_path / "mine.csr").write_text(pem)
    agent.answers["request.create"] = ROW
    custode("request", "--csr", str(tmp_path / "mine.csr"))
    assert agent.params("request.create") == {"wait": False, "csr": pem, "file_name": "mine.csr"}


@pytest.mark.parametrize(
    ("content", "status"), [(None, 2), (b"\x30\x82\x00\x00", 1), (b"-----BEGIN \xff", 1)]
)
def test_a_request_file_that_is_none_is_not_sent(
    agent: FakeAgent, custode: Run, tmp_path: Path, content: bytes | None, status: int
) -> None:
    path = tmp_path / "mine.csr"
    if content is not None:
        path.write_bytes(content)
    assert custode("request", "--csr", str(path)).exit_code == status
    assert not agent.calls


def test_a_broken_log_is_exit_30(agent: FakeAgent, custode: Run) -> None:
    agent.answers["audit.verify"] = CustodeError(ErrorCode.AUDIT_BROKEN, path="audit.log", seq=4)
    assert custode("audit", "verify").exit_code == 30
    agent.answers["audit.verify"] = {"ok": False, "first_bad": 4}
    assert custode("audit", "verify").exit_code == 30


def test_the_version_is_told(custode: Run) -> None:
    from importlib.metadata import version

    assert custode("--version").stdout == f"custode {version('custode')}\n"
    assert json.loads(custode("status", "--version", "--json").stdout) == {
        "version": version("custode")
    }


def test_a_reader_that_leaves_is_no_error(agent: FakeAgent, home: Path) -> None:
    agent.answers["certificates.list"] = {"certificates": [ROW] * 5000}
    command = f"{sys.executable} -m custode certificates | head -1"
    ran = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout.startswith("IdOperazione")
    assert ran.stderr == ""


def test_the_authority_is_saved_and_brought_back(
    agent: FakeAgent, custode: Run, tmp_path: Path
) -> None:
    agent.answers["authority.backup"] = {
        "path": "/elsewhere/custode-authority_2026-11-21.iwr",
        "authority_name": "Custode Test CA",
        "sha256": "ab" * 32,
    }
    ran = custode("authority", "backup", "--to", str(tmp_path))
    assert ran.exit_code == 0, ran.stderr
    said = ran.stdout
    assert "/elsewhere/custode-authority_2026-11-21.iwr" in said
    assert "never together with a backup's folder" in said
    agent.answers["authority.restore"] = {
        "exported_at": "2026-11-21T11:00:00Z",
        "locked_backups": ["b" * 32],
        "ended_certificates": ["c" * 64],
        "moved_aside": "/home/authority.replaced-1",
    }
    said = custode("authority", "restore", "x.iwr", "--replace", "--lang", "it").stdout
    assert "L'autorità è tornata, com'era il 21/11/2026 12:00." in said
    for told in ("b" * 32, "c" * 64, "/home/authority.replaced-1"):
        assert told in said
    literal = custode("authority", "backup", "--to", str(tmp_path), "--export-pin", "12345678")
    assert literal.exit_code == 2
    assert "12345678" not in literal.stdout + literal.stderr


@pytest.mark.parametrize("ends", [True, False])
def test_stopping_waits_until_the_agent_has_ended(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    from custode.cli import agent as command

    looked: list[bool] = []

    def is_locked(_paths: Any) -> bool:
        looked.append(True)
        return not ends or len(looked) < 3

    monkeypatch.setattr(command, "is_locked", is_locked)
    monkeypatch.setattr(command, "STOP_S", 5.0 if ends else 0.2)
    agent.answers["agent.stop"] = {}
    said = custode("agent", "stop").stdout
    assert said.startswith("The agent has stopped." if ends else "The agent stops.")
    assert len(looked) >= 3
