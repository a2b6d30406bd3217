"""What a new user trips over: no module, a slip in config.toml, a report that retires backups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from custode_authority.wire.rome import day_in_rome

from .conftest import Player

pytestmark = pytest.mark.e2e


def test_without_a_module_every_command_says_what_to_write(player: Player) -> None:
    config = player.person.home / "config.toml"
    good = config.read_text()
    config.write_text("[modules]\ndiscover = false\n")
    assert player.run("status").answer["drivers"] == []
    ran = player.run("token", "init", expect=11)
    assert (ran.error["code"], ran.error["data"]["file"]) == ("no_module", str(config))
    config.write_text(good)
    assert player.run("token", "list").answer["config"]["modules_changed"] is True
    assert player.run("token", "init", expect=11).error["code"] == "modules_changed"
    player.run("agent", "stop")
    config.write_text('[[module]]\npath = "libsofthsm2.so"\n')
    for words in (("config", "show"), ("status",)):
        ran = player.run(*words, expect=2)
        assert ran.error["code"] == "config_invalid"
        assert "config.toml, line 2: a module's path has to begin with /" in ran.error["message"]
    named = '[[module]]\npath = "/nowhere/libsofthsm2.so"\n[modules]\ndiscover = false\n'
    config.write_text(named)
    (driver,) = player.run("status").answer["drivers"]
    assert driver["why"] == "No such file or directory"
    assert player.run("token", "init", expect=1).error["code"] == "module_failed"
    player.run("agent", "stop")
    config.write_text(good)
    assert player.run("token", "init", expect=11).error["code"] == "no_such_token"


def test_a_report_that_retires_a_backup_shows_it_first(player: Player) -> None:
    folder = player.backed_up()
    player.pull()
    yesterday = day_in_rome(datetime.now(UTC)) - timedelta(days=1)
    report = ("report", "lost", "--last-held", yesterday.isoformat())
    player.run(*report, expect=2)  # nobody can be asked, so nothing was sent
    (certificate,) = player.run("certificates").answer["certificates"]
    assert certificate["state"] == "active"
    for retired in ([folder.name], []):  # a report that is repeated retires nothing more
        done = player.run(*report, "--yes", password=player.person.password).answer
        assert [backup["folder"] for backup in done["retired"]] == retired
        assert (done["state"], done["usable"]) == ("suspended", [])
    ran = player.run("backup", "open", folder, expect=10, backup_pin=player.person.backup_pin)
    (reason,) = [r for r in ran.error["data"]["reasons"] if r["code"] == "backup_retired"]
    assert reason["text_args"] == {"why": "registered after the token was last held"}


def test_what_cannot_be_written_is_said_before_any_pin_is_asked_for(player: Player) -> None:
    player.certified()
    stick = player.person.folder / "stick"
    stick.mkdir()
    create = ("backup", "create", "--to", stick)
    # No PIN is given: asked for one, the command would end as "no secret".
    ran = player.run(*create, "--include", stick / "gone.txt", expect=2)
    assert (ran.error["code"], ran.error["data"]["why"]) == ("include_refused", "unreadable")
    ran = player.run("backup", "retire", "nothing_2026-01-01", expect=1)
    assert ran.error["code"] == "no_such_backup"
