"""`install-desktop` and `uninstall-desktop` with a person's own systemd, and without one."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import pytest

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.lock import is_locked

from .conftest import Session

DEADLINE_S = 20.0
# What the agent and its settings leave behind is not of the session.
OWN = (".config/custode", ".local/share/custode", ".local/state")


def answer(session: Session, *words: str, **environment: str) -> Mapping[str, Any]:
    done = session.custode(*words, "--json", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    told: Mapping[str, Any] = json.loads(done.stdout)
    return told


def without_own(tree: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in tree.items() if not path.startswith(OWN)}


def shown(session: Session, name: str) -> str:
    done = session.run(
        "systemctl", "--user", "show", "--value", f"--property={name}", "custode-agent.service"
    )
    return done.stdout.strip()


def test_systemd_starts_the_agent_when_somebody_connects(managed: Session) -> None:
    by_itself = answer(managed, "status")  # one that runs already ends for it
    assert by_itself["agent"]["version"]
    before = managed.tree()
    told = answer(managed, "install-desktop")
    assert told["agent"] == {"state": "listening", "why": None}
    assert len(told["put"]) == 7
    assert not is_locked(managed.paths)
    assert answer(managed, "install-desktop")["agent"]["state"] == "listening"  # once more
    assert managed.run("systemctl", "--user", "is-enabled", "custode-agent.socket").returncode == 0

    with managed.connect() as client:
        assert shown(managed, "ActiveState") == "active"
        assert shown(managed, "MainPID") == str(client.agent["pid"])
    by_hand = managed.custode("agent", "--json")
    assert json.loads(by_hand.stdout)["error"]["code"] == "agent_running"

    status = managed.run("cat", f"/proc/{shown(managed, 'MainPID')}/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    killed = shown(managed, "MainPID")
    managed.run("kill", "-9", killed)
    until = time.monotonic() + DEADLINE_S
    while shown(managed, "MainPID") in {killed, "0"} or shown(managed, "ActiveState") != "active":
        assert time.monotonic() < until  # a crash: it comes back by itself
        time.sleep(0.05)

    # Settings that are wrong: who connects is told, and once they are right it works again.
    assert managed.custode("agent", "stop").returncode == 0
    config = managed.paths.config
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("nonsense = 1\n")
    for _ in range(6):  # more often than systemd starts a failing service by itself
        with pytest.raises(CustodeError) as refused:
            managed.connect()
        assert refused.value.code is ErrorCode.CONFIG_INVALID
    config.unlink()
    assert answer(managed, "status")["agent"]["version"]

    assert len(answer(managed, "uninstall-desktop")["removed"]) == 7
    assert not is_locked(managed.paths)
    assert not list((managed.runtime / "custode").iterdir())
    assert without_own(managed.tree()) == without_own(before)
    listed = managed.run("systemctl", "--user", "list-units", "--all", "custode-*").stdout
    assert "custode-agent" not in listed
    assert answer(managed, "status")["agent"]["version"]  # as it was before


def test_without_systemd_every_trace_goes_as_well(session: Session) -> None:
    before = session.tree()
    without = {"PATH": str(session.root)}  # no systemctl
    told = answer(session, "install-desktop", **without)
    assert told["agent"] == {"state": "no_systemd", "why": None}
    autostart = session.home / ".config/autostart/custode-tray.desktop"
    assert autostart.exists()
    told = answer(session, "install-desktop", "--no-autostart", **without)
    assert told["removed"] == [str(autostart)]
    assert len(told["unchanged"]) == 6
    said = session.custode("uninstall-desktop", "--lang", "it", **without)
    assert said.stdout.count("tolto: ") == 6
    assert session.tree() == before
    said = session.custode("uninstall-desktop", "--lang", "it", **without)
    assert said.stdout == "Non c'è nulla da togliere.\n"
    assert not is_locked(session.paths)


def test_a_changed_file_is_kept_and_told(session: Session) -> None:
    session.custode("install-desktop", LC_ALL="C.UTF-8")
    entry = session.home / ".local/share/applications/custode.desktop"
    entry.write_text(entry.read_text() + "# mine\n")
    said = session.custode("install-desktop", "--lang", "it").stdout
    assert "Un file non è come l'ha scritto Custode" in said
    assert answer(session, "uninstall-desktop")["kept"] == [str(entry)]
    assert entry.read_text().endswith("# mine\n")
    assert [path for path, text in session.tree().items() if text != "/"] == [
        os.path.relpath(entry, session.home)
    ]


def test_what_the_windows_are_made_of_is_looked_for_first(session: Session) -> None:
    empty = session.root / "site"
    empty.mkdir()
    (empty / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'PySide6' else find(name, *more)\n"
    )
    before = session.tree()
    refused = session.custode("install-desktop", "--json", PYTHONPATH=str(empty))
    error = json.loads(refused.stdout)["error"]
    assert (error["code"], error["data"]["why"]) == ("part_missing", "PySide6")
    assert session.tree() == before
