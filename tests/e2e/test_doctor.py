"""`custode doctor` over a whole life: all is well, each thing is broken, the advice mends it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from custode.container.search import find
from custode.demo.stage import processes_of
from custode.release import VERSION

from .conftest import Player

pytestmark = pytest.mark.e2e

SHIFTED = Path(__file__).with_name("shifted")
NOT_ROOT_ALMIGHTY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")

Rows = dict[str, dict[str, Any]]


class Doctor:
    """The command over one person's home, and the person who follows its advice."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.home = player.person.home
        self.answer: dict[str, Any] = {}

    def looks(
        self, *, faults: int, env: Mapping[str, str] | None = None, via: tuple[str, ...] = ()
    ) -> Rows:
        """Run it; the finding of each check (of several: the last), and how many are faults."""
        done = subprocess.run(
            [*via, sys.executable, "-m", "custode", "doctor", "--json"],
            env={**self.player.person.environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=90,
            check=False,
        )
        self.answer = json.loads(done.stdout)
        found = [row for row in self.answer["checks"] if row["outcome"] == "fail"]
        assert len(found) == faults, [(row["id"], row["what"]) for row in found]
        assert done.returncode == (1 if faults else 0)
        assert self.answer["ok"] is not bool(faults)
        for row in found:
            assert row["mend"], row
        return {row["id"]: row for row in self.answer["checks"]}

    def is_content(self) -> Rows:
        """Nothing is wrong, and everything that could be looked at was."""
        rows = self.looks(faults=0)
        assert not [row for row in rows.values() if row["outcome"] == "not_made"]
        return rows

    def follow(self) -> None:
        """Type each command that it told."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        for row in self.answer["checks"]:
            if row["outcome"] == "fail" and "command" in row["mend"]:
                subprocess.run(  # noqa: S602 - as it was told to the person
                    row["mend"]["command"],
                    shell=True,
                    env={**self.player.person.environment(), "PATH": path},
                    check=True,
                    timeout=60,
                )

    def stop(self) -> None:
        """End the agent and its authority."""
        self.player.run("agent", "stop")
        until = time.monotonic() + 20
        while processes_of(self.home):
            assert time.monotonic() < until
            time.sleep(0.05)


def codes(rows: Rows, *checks: str) -> list[str]:
    return [rows[check]["code"] for check in checks]


def test_each_thing_is_found_and_mended(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player.certified()
    doctor, home, person = Doctor(player), player.person.home, player.person
    config = home / "config.toml"
    good = config.read_text()

    rows = doctor.is_content()
    assert codes(rows, "agent.starts", "pkcs11.module", "portals.authority", "portals.clock") == [
        "ran",
        "works",
        "reached",
        "right",
    ]
    assert rows["pkcs11.module"]["data"]["tokens"] == 1
    assert doctor.answer["took_s"] < 20  # a second or two; much more on a busy machine

    # While the agent runs: permissions, the authority kept stopped, other modules, an old agent.
    (home / "state.sqlite").chmod(0o644)
    home.chmod(0o755)
    person.configure(autostart=False)
    with config.open("a") as file:
        file.write('\n[[module]]\npath = "/nowhere/x.so"\nwatch = "none"\n')
    config.chmod(0o666)
    rows = doctor.looks(faults=6)
    assert codes(rows, "agent.files", "agent.modules", "pkcs11.module", "portals.authority") == [
        "writable",
        "changed",
        "missing",
        "stopped",
    ]
    assert rows["portals.clock"]["outcome"] == "not_made"
    config.write_text(good)  # "correct its path", "set autostart = true"
    doctor.follow()

    # This computer's clock; and an agent of another version than the one that is installed.
    old = tmp_path / "old"
    old.mkdir()
    (old / "sitecustomize.py").write_text("import custode.release as r\nr.VERSION = '0.0.9'\n")
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(old))
        player.run("status")
    shifted = {"PYTHONPATH": str(SHIFTED)}
    rows = doctor.looks(faults=2, env={**shifted, "CUSTODE_TEST_CLOCK": "agent:1"})
    assert rows["portals.clock"]["code"] == "wrong"
    assert abs(rows["portals.clock"]["data"]["difference_s"] - 86_400) < 60
    assert rows["agent.version"]["data"] == {"agent": "0.0.9", "installed": VERSION}
    assert rows["agent.version"]["mend"] == {"command": "custode agent stop"}
    doctor.follow()

    # The embedded authority is gone; the next agent finds it missing.
    (home / "authority" / "authority.json").rename(tmp_path / "authority.json")
    rows = doctor.looks(faults=1)
    assert codes(rows, "portals.authority", "portals.clock") == ["lost", "not_asked"]
    (tmp_path / "authority.json").rename(home / "authority" / "authority.json")
    doctor.is_content()


def test_when_the_agent_cannot_start_the_rest_is_looked_at(player: Player, tmp_path: Path) -> None:
    player.run("status")
    doctor, home = Doctor(player), player.person.home
    config = home / "config.toml"
    good = config.read_text()
    doctor.stop()
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("state.sqlite", "audit.log"):
        shutil.copy2(home / name, kept)

    # Settings at fault, a damaged database and log, and something where the socket should be.
    config.write_text(f"{good}idle_s = 1\n\n[nonsense]\n")
    database = bytearray((home / "state.sqlite").read_bytes())
    database[4096:8192] = bytes(4096)
    (home / "state.sqlite").write_bytes(database)
    log = (home / "audit.log").read_text().replace("agent_started", "agent_starred", 1)
    (home / "audit.log").write_text(log)
    (home / "run" / "agent.sock").mkdir()
    rows = doctor.looks(faults=6)
    assert codes(rows, "agent.config", "agent.socket", "agent.state", "agent.audit") == [
        "unknown_key",
        "in_the_way",
        "damaged",
        "broken",
    ]
    lines = len(good.splitlines())
    assert [
        row["data"]["line"] for row in doctor.answer["checks"] if row["id"] == "agent.config"
    ] == [lines + 1, lines + 3]
    assert rows["agent.starts"]["outcome"] == "fail"
    # Without an agent: the module in a worker of the doctor's own; what needs the agent is said.
    assert codes(rows, "pkcs11.module", "softhsm.folder", "volumes.room") == [
        "works",
        "there",
        "enough",
    ]
    missed = {row["id"] for row in doctor.answer["checks"] if row["outcome"] == "not_made"}
    assert missed == {
        *("agent.version", "agent.modules", "agent.cards", "agent.found", "agent.journal"),
        *("agent.rollback", "portals.authority", "portals.clock"),
    }
    config.write_text(good)
    for name in ("state.sqlite", "audit.log"):
        shutil.copy2(kept / name, home / name)
    doctor.follow()

    # Closed to ourselves; root sees through everything, and is kept from it here.
    via = NOT_ROOT_ALMIGHTY if os.geteuid() == 0 else ()
    if via and shutil.which(via[0]) is None:
        pytest.skip("setpriv is not installed")
    for name in ("state.sqlite", "audit.log", "config.toml"):
        (home / name).chmod(0)
    rows = doctor.looks(faults=4, via=via)
    for check in ("agent.config", "agent.state", "agent.audit"):
        assert rows[check]["code"] == "closed"
    assert codes(rows, "agent.starts", "pkcs11.module")[1] == "no_settings"
    doctor.follow()
    assert codes(doctor.is_content(), "agent.starts") == ["started"]


def test_the_report_holds_nobodys_data(player: Player, tmp_path: Path) -> None:
    """A full life; then everything personal of it is looked for in every encoding."""
    person = player.person
    player.initialised()
    names = ("--name", "Verdi Carla Zoë", "--mail", "carla.verdi@studio-verdi.example")
    player.run(
        *("identity", "set", "--code", person.code, "--codice-fiscale", person.codice_fiscale),
        *names,
        password=person.password,
    )
    csr = person.folder / "first.csr"
    player.run("csr", "--key", "p256", "--out", csr, pin=player.token.pin)
    player.run("request", "--csr", csr, "--wait")
    player.run("install", pin=player.token.pin)
    folder = player.backup("la chiavetta di Carla")
    watched = person.folder / "copie di Carla"
    watched.mkdir()
    with (person.home / "config.toml").open("a") as file:
        file.write(
            f'\n[backup]\nwatch = ["{watched}"]\n[support]\naddress = "help@verdi.example"\n'
        )
    wrong = {"pin": b"0" * 8}
    player.run("cancel", "1" * 16, "--reason", "other", "--yes", expect=None, **wrong)
    log = person.home / "agent.log"
    with log.open("a") as lines:  # what a library of the future might write
        lines.write(f"INFO asked for {person.codice_fiscale} of {folder}\n")
        lines.write(f"INFO body {json.dumps('Zoë Verdi')} at {watched}/Leggimi.rtf\n")
        lines.write("INFO " + b"carla.verdi@studio-verdi.example".hex(" ") + "\n")
        lines.write("INFO a line that stays\n")

    status = player.run("status").answer
    (certificate,) = status["certificates"]
    (backup,) = status["backups"]
    token = next(row for row in status["tokens"] if row["present"])
    home = str(Path.home())
    keys = [path.read_text().strip() for path in (person.home / "authority").rglob("*.key")]
    bundle = tmp_path / "report.zip"
    env = {**person.environment(), "HOME": str(person.folder), "LANG": "it_IT.UTF-8"}
    argv = [sys.executable, "-m", "custode", "doctor", "--json", "--bundle", str(bundle)]
    done = subprocess.run(argv, env=env, capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["bundle"] == str(bundle)
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    again = subprocess.run(argv, env=env, capture_output=True, timeout=90, check=False)
    assert again.returncode == 2, "it never writes over a file"
    assert json.loads(again.stdout)["error"]["code"] == "file_exists"

    personal = {
        "code": person.code,
        "codice fiscale": person.codice_fiscale,
        "name": "Verdi Carla",
        "given name": "Carla",
        "umlaut": "Zoë Verdi",
        "mail": "carla.verdi@studio-verdi.example",
        "support": "help@verdi.example",
        "token": token["serial"],
        "label": token["label"],
        "id_operazione": certificate["id_operazione"],
        "serial": certificate["serial_number"],
        "fingerprint": certificate["fingerprint_sha256"],
        "key": certificate["key_sha256"],
        "backup": backup["backup_id"],
        "folder": folder.name,
        "stick": str(folder.parent),
        "watched": str(watched),
        "home": str(person.folder),
        "real home": home if home != "/" else str(person.folder),
        "pin": player.token.pin.decode(),
        "so pin": player.token.so_pin.decode(),
        "backup pin": person.backup_pin.decode(),
        "password": person.password.decode(),
        **{f"api key {number}": key for number, key in enumerate(keys)},
    }
    assert keys
    members = dict(_members(bundle))
    assert {"report.json", "config.json", "summary.json", "audit.json"} <= set(members)
    assert {"logs/agent.log", "logs/authority.log"} <= set(members)
    for where, content in [*members.items(), ("the file", bundle.read_bytes())]:
        for what, text in personal.items():
            assert find(content, [text]) is None, (what, where)
    # And yet it tells something.
    report = json.loads(members["report.json"])
    assert {row["id"] for row in report["checks"]} >= {"pkcs11.module", "portals.authority"}
    assert b"a line that stays" in members["logs/agent.log"]
    assert re.search(rb"(?m)^\d{4}-\d\d-\d\d .* ready, process", members["logs/agent.log"])
    assert b"<left out>" in members["logs/agent.log"]
    assert json.loads(members["summary.json"])["certificates"][0]["state"] == "active"
    assert [entry["name"] for entry in json.loads(members["audit.json"])]
    config = json.loads(members["config.json"])
    assert config["module.0"]["value"]["env"] == {"SOFTHSM2_CONF": "<set>"}

    # Where it cannot be known whose data it is, the logs stay out.
    player.run("agent", "stop")
    with sqlite3.connect(person.home / "state.sqlite") as database:
        database.execute("UPDATE identities SET body = '{'")
    bundle.unlink()
    subprocess.run(argv, env=env, capture_output=True, timeout=90, check=False)
    members = dict(_members(bundle))
    assert members["logs/agent.log"] == b"<left out>\n"
    assert find(b"".join(members.values()), [person.codice_fiscale]) is None


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            yield entry.filename, archive.read(entry)
