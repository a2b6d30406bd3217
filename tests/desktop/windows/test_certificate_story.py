"""From a factory-fresh token to a renewed certificate, through windows alone.

The agent, its authority, SoftHSM, the PIN dialog and the doctor are the real ones.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QComboBox
from tests.desktop.hands import press, texts
from tests.desktop.windows.real_person import NEW, ONCE_MORE, PIN, SO_PIN, Person

from custode.desktop.view.requesting import Stage
from custode.error_codes import ErrorCode


def test_the_whole_way(person: Person) -> None:
    desk, player, token = person.desk, person.player, person.player.token
    request: Any = desk.open("request")
    person.until_at(request, Stage.TOKEN)
    player.plug()
    person.until_at(request, Stage.PIN)
    _prepare_the_token(person, request)

    person.until_at(request, Stage.KEY)
    (kinds,) = request.findChildren(QComboBox)
    kinds.setCurrentIndex(kinds.findData("p256"))
    person.will_type((PIN, b"wrong-pin"))
    press(request, "Make the key and send the request")
    person.until(lambda: request.error is not None, "a wrong PIN is told")
    assert request.at == Stage.KEY
    assert any("is wrong" in text for text in texts(request))
    (kinds,) = request.findChildren(QComboBox)
    assert kinds.currentData() == "p256"

    person.will_type((PIN, token.pin))
    press(request, "Make the key and send the request")
    person.until(lambda: request.at in {Stage.WAITING, Stage.INSTALL}, "it was sent")
    request.close()  # nothing is lost
    request = desk.open("request")
    person.until_at(request, Stage.INSTALL)
    player.pull()
    person.until(lambda: not request._primary.isEnabled(), "the token is missed")
    player.plug()
    person.until(lambda: request._primary.isEnabled() is True, "it is back")
    person.will_type((PIN, token.pin))
    press(request, "Install the certificate")
    person.until_at(request, Stage.BACKUP)
    assert "Make your backup now!" in texts(request)
    request.close()

    _renew(person)
    _look_at_everything(person)
    assert person.typed_all()


def _prepare_the_token(person: Person, request: Any) -> None:
    token = person.player.token
    press(request, "Prepare the token…")
    init: Any = person.desk._windows["token_init"]
    person.until(lambda: init._primary is not None, "there is a token to prepare")
    person.will_wait()
    press(init, "Prepare the token")
    person.until(lambda: init._working._asking, "its SO PIN is asked for")
    person.player.pull()
    person.until(lambda: init.error is not None, "nobody can answer any more")
    assert init.error.code is ErrorCode.TOKEN_GONE
    person.player.plug()
    person.until(lambda: init._primary is not None, "it is back")
    person.will_type((SO_PIN, token.so_pin))
    person.will_type((NEW, token.pin), (ONCE_MORE, token.pin))
    press(init, "Prepare the token")
    person.until_at(init, "done")
    init.close()


def _renew(person: Person) -> None:
    window: Any = person.desk.open("renew")
    person.will_type((PIN, person.player.token.pin))
    press(window, "Renew")
    person.until_at(window, "done")
    assert any("is now: cancelled" in text for text in texts(window))
    window.close()


def _look_at_everything(person: Person) -> None:
    window: Any = person.desk.open("doctor")
    person.until_at(window, "found")
    assert not [one for one in window._examination.findings if one["code"] in {"broke", "hung"}]
    folder = person.player.person.folder
    window.save_into(folder)
    person.until(lambda: bool(window._saved), "the report is saved")
    (report,) = folder.glob("*.zip")
    assert report.stat().st_mode & 0o777 == 0o600
    assert str(report) in "".join(texts(window))
    window.close()
