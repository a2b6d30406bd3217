"""Renewal and re-issue from end to end: on time, too late, interrupted, with a PIN that is gone."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any, Final

import pytest

from custode.demo.stage import Ran, der, processes_of

from .conftest import Player

pytestmark = pytest.mark.e2e

# Every journaled step with CUSTODE_EVERY_STEP=1; else the one after which most is half done.
EVERY: Final = bool(os.environ.get("CUSTODE_EVERY_STEP"))
RENEWAL: Final = (
    ("key", "signed", "sent", "issued", "installed", "superseded") if EVERY else ("installed",)
)
REISSUE: Final = ("superseded", "reset", "signed", "issued", "installed") if EVERY else ("issued",)


def states(player: Player) -> list[str]:
    """The states of all certificates, oldest first."""
    return [row["state"] for row in player.run("certificates").answer["certificates"]]


def test_renewed_the_old_one_ends_and_the_red_notice_returns(player: Player) -> None:
    folder = player.backed_up()
    (old,) = player.run("certificates").answer["certificates"]
    assert "backup_missing" not in player.needs()

    done = player.run("renew", pin=player.token.pin).answer
    assert hashlib.sha256(der(done, "certificate")).hexdigest() == done["fingerprint_sha256"]
    assert (done["old"], done["old_state"]) == (old["id_operazione"], "cancelled")
    assert len(done["retired_backups"]) == 1
    assert done["old_on_token"] == ["key"]
    before, after = player.run("certificates").answer["certificates"]
    assert (before["state"], before["crl_reason"], before["installed"]) == (
        "cancelled",
        "superseded",
        False,
    )
    assert (after["state"], after["installed"]) == ("active", True)

    needs = player.needs()
    assert "backup_missing" in needs
    assert not {"operation_can_go_on", "install_certificate"} & set(needs)
    ran = player.run("backup", "open", folder, expect=10)
    assert "backup_retired" in ran.reasons
    (row,) = player.run("token", "list").answer["tokens"]
    assert row["state"] == "primary"
    player.backup("second")
    assert "backup_missing" not in player.needs()
    # The first cancellation a person asks for is still the cumulative one.
    shown = player.run("cancel", after["id_operazione"], "--reason", "other", "--preview").answer
    assert shown["cumulative"] is True


def test_a_wrong_pin_a_missing_token_and_a_suspended_one_change_nothing(player: Player) -> None:
    assert player.run("renew", expect=1).error["code"] == "no_identity"
    player.certified()
    assert player.run("renew", pin=b"999999", expect=12).error["code"] == "pin_incorrect"
    player.pull()
    assert player.run("renew", pin=player.token.pin, expect=11).error["code"] == "token_gone"
    player.plug()
    player.run("report", "malfunction", password=player.person.password)
    ran = player.run("renew", pin=player.token.pin, expect=1)
    assert (ran.error["code"], ran.error["data"]["state"]) == ("state_not_allowed", "suspended")
    assert states(player) == ["suspended"]


def reissue(player: Player, *words: str, expect: int | None = 0, **other: bytes) -> Ran:
    """Run `custode reissue` with every secret it may want; `other` replaces some."""
    secrets: dict[str, Any] = {
        "password": player.person.password,
        "so_pin": player.token.so_pin,
        "new_pin": b"81726354",
        "pin": b"81726354",
        **other,
    }
    return player.run("reissue", *words, expect=expect, **secrets)


def test_issued_again_when_the_pin_is_gone(player: Player) -> None:
    folder = player.backed_up()
    seen = player.run("reissue", "--preview").answer
    assert (seen["resets"], seen["goes_on"], seen["token"]) == (True, False, player.token.serial)
    assert [row["state"] for row in seen["certificates"]] == ["active"]
    assert len(seen["backups"]) == 1

    ran = reissue(player, "--yes", so_pin=b"999999999999", expect=12)
    assert ran.error["code"] == "pin_incorrect"
    ran = reissue(player, "--yes", password=b"not the password", expect=22)
    assert ran.error["code"] == "wrong_password"
    assert states(player) == ["active"]
    assert "operation_can_go_on" not in player.needs()

    # Given up, but the new PIN is no PIN: the next run goes on from there and asks no password.
    ran = reissue(player, "--yes", new_pin=b"1", expect=None)
    assert ran.error["code"] == "pin_length"
    assert states(player) == ["cancelled"]
    assert "operation_can_go_on" in player.needs()
    assert player.run("reissue", "--preview").answer["goes_on"] is True
    done = reissue(player, "--yes", password=b"not asked again").answer
    assert len(done["retired_backups"]) == 1
    before, after = player.run("certificates").answer["certificates"]
    assert (before["state"], before["crl_reason"]) == ("cancelled", "superseded")
    assert (after["state"], after["installed"]) == ("active", True)
    assert "backup_retired" in player.run("backup", "open", folder, expect=10).reasons
    needs = player.needs()
    assert "backup_missing" in needs
    assert "operation_can_go_on" not in needs
    player.token.pin = b"81726354"
    player.backup("second")


def test_issued_again_on_another_token_when_token_and_backup_are_gone(player: Player) -> None:
    player.certified()
    player.pull()
    player.run("report", "lost", password=player.person.password)
    spare = player.stage.factory_token("Spare")
    player.plug(spare)
    player.token = spare
    ran = reissue(player, "--yes", expect=None, pin=spare.pin)
    assert ran.error["code"] == "pin_not_set"
    player.run("token", "init", so_pin=spare.so_pin, new_pin=spare.pin)
    seen = player.run("reissue", "--preview").answer
    assert (seen["resets"], [row["state"] for row in seen["certificates"]]) == (
        False,
        ["suspended"],
    )
    reissue(player, "--yes", pin=spare.pin)
    before, after = player.run("certificates").answer["certificates"]
    assert (before["state"], before["crl_reason"]) == ("cancelled", "keyCompromise")
    assert (after["state"], after["token"]) == ("active", spare.serial)


DIES = '''
"""Ends the agent with SIGKILL once a journaled step is on the disk; Python imports this itself."""
import os, signal, sys
if sys.orig_argv[-1:] == ["custode.daemon"]:
    import custode.daemon.journal as journal
    step = journal.Operation.step
    def fatal(self, name, **data):
        step(self, name, **data)
        if f"{self.kind}:{name}" == os.environ["CUSTODE_TEST_DIES_AFTER"]:
            os.kill(os.getpid(), signal.SIGKILL)
    journal.Operation.step = fatal
'''


def mortal_agent(player: Player, dies_after: str) -> None:
    """Have an agent run that is killed right after that step."""
    person = player.person
    hook = person.folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(DIES)
    player.run("agent", "stop")
    until = time.monotonic() + 20
    while processes_of(person.home) and time.monotonic() < until:
        time.sleep(0.1)
    environment = {
        **person.environment(),
        "PYTHONPATH": os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")]),
        "CUSTODE_TEST_DIES_AFTER": dies_after,
    }
    command = [sys.executable, "-m", "custode", "status", "--json"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)


def can_go_on(player: Player, *, wanted: bool) -> bool:
    """Whether the person is told to go on, once a restarted agent has found out what happened."""
    until = time.monotonic() + 60
    while (told := "operation_can_go_on" in player.needs()) is not wanted:
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    return told


def usable(player: Player) -> int:
    """How many certificates are active and on the token."""
    rows = player.run("certificates").answer["certificates"]
    return sum(row["state"] == "active" and row["installed"] for row in rows)


def test_a_renewal_killed_at_every_step_goes_on_and_never_leaves_nothing(player: Player) -> None:
    player.certified()
    pin = player.token.pin
    for step in RENEWAL:
        mortal_agent(player, f"renew:{step}")
        killed = player.run("renew", pin=pin, expect=40)
        assert killed.error["code"] == "agent_died", step
        assert usable(player) >= 1, step
        if step == RENEWAL[0]:
            person = player.person
            person.configure(autostart=False)
            assert player.run("renew", pin=pin, expect=20).error["code"] == "authority_stopped"
            person.configure(autostart=True)
            player.pull()
            assert player.run("renew", pin=pin, expect=11).error["code"] == "token_gone"
            player.plug()
        if step != "superseded":
            assert can_go_on(player, wanted=True), step
    if RENEWAL[-1] != "superseded":
        player.run("renew", pin=pin)
    # Else, with the new one proved and the old one ended, the agent saw that it is done.
    assert not can_go_on(player, wanted=False)
    assert states(player) == ["cancelled", "active"]
    assert usable(player) == 1


def test_a_reissue_killed_at_every_step_goes_on(player: Player) -> None:
    player.certified()
    for step in REISSUE:
        mortal_agent(player, f"reissue:{step}")
        assert reissue(player, "--yes", expect=40).error["code"] == "agent_died", step
        if step != "installed":
            assert can_go_on(player, wanted=True), step
    if REISSUE[-1] != "installed":
        reissue(player, "--yes")
    assert not can_go_on(player, wanted=False)
    assert states(player) == ["cancelled", "active"]
    assert usable(player) == 1


def test_an_expired_certificate_is_renewed(player: Player) -> None:
    """The authority's policy approves it: an expired certificate signs nothing any more."""
    player.certified()
    database = player.person.home / "authority" / "authority.sqlite"
    with sqlite3.connect(database, timeout=10) as authority:
        authority.execute("UPDATE certificates SET not_after = datetime('now', '-1 day')")
    authority.close()
    assert states(player) == ["expired"]
    assert "expiry" in player.needs()
    done = player.run("renew", "--key", "rsa2048", "--destroy-old-key", pin=player.token.pin).answer
    assert (done["old_state"], done["old_on_token"]) == ("expired", [])
    assert states(player) == ["expired", "active"]
    needs = player.needs()
    assert "backup_missing" in needs
    assert not {"expiry", "operation_can_go_on"} & set(needs)


def test_watch_tells_and_survives_an_agent_that_ends(player: Player) -> None:
    player.run("status")
    command = [sys.executable, "-m", "custode", "watch", "--json"]
    watch = subprocess.Popen(
        command, env=player.person.environment(), stdout=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    names = (json.loads(line)["name"] for line in watch.stdout)
    try:
        assert next(names) == "agent_connected"
        player.plug()
        assert "token_inserted" in itertools.islice(names, 5)
        player.run("agent", "stop")
        assert "agent_ended" in itertools.islice(names, 20)
        player.run("status")
        assert next(names) == "agent_connected"
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 0
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
