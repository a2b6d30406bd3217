"""Tokens that are pulled out: before a call, in the middle of one, after one; and put in again.

A session belongs to one insertion. Whatever happens to the token, no PIN goes to it by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from custode_drivers.testing.conformance.certificates import certificate_for, pkcs8
from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story
from custode_drivers.testing.conformance.worker import Refused, WorkerDied

NEW = b"271828"
GONE = {"token_gone", "session_unknown"}
IMPORTED = rsa.generate_private_key(65537, 2048)
LOCKED_UP_S = 20.0
Ask = Callable[[], Any]
# What is asked, given a desk with an open session and the key in it.
Call = Callable[[Desk, dict[str, Any]], Ask]


def in_session(method: str, **params: Any) -> Call:
    """Ask about the key in the session."""
    return lambda desk, key: lambda: desk.work(method, key_id=key["key_id"], **params)


def a_new_certificate(desk: Desk, key: dict[str, Any]) -> Ask:
    der = certificate_for(key["public_key"], serial=len(desk.session) + id(key) % 99991)
    return lambda: desk.work("install_certificate", key_id=key["key_id"], der=der, label="x")


def changed(desk: Desk, key: dict[str, Any]) -> Ask:
    """To and fro, so that the PIN is the same afterwards."""

    def ask() -> None:
        desk.call("change_pin", desk.token.pin, NEW)
        desk.call("change_pin", NEW, desk.token.pin)

    return ask


def made(desk: Desk) -> Ask:
    spec = desk.easiest
    return lambda: desk.work("generate_key", spec=spec, label="chiave")


NEEDS_NO_KEY: dict[str, Call] = {
    "list": lambda desk, _: lambda: desk.worker.call("list"),
    "login": lambda desk, _: desk.login,
    "generate_key": lambda desk, _: made(desk),
    "import_key": lambda desk, _: (
        lambda: desk.work("import_key", pkcs8(IMPORTED), label="copia", key_id="aa" * 20)
    ),
}
CALLS: dict[str, Call] = {
    **NEEDS_NO_KEY,
    "sign": in_session("sign", data=b"x"),
    "challenge": lambda desk, key: (
        lambda: desk.work("challenge", key_id=key["key_id"], public_key=key["public_key"])
    ),
    "csr": in_session("csr", common_name="x"),
    "install_certificate": a_new_certificate,
    "remove_certificate": in_session("remove_certificate"),
    "destroy_key": in_session("destroy_key"),
    "change_pin": changed,
}
WHOLE = [name for name in CALLS if name != "sign"]


@pytest.fixture(
    params=["sign", *(pytest.param(name, marks=pytest.mark.whole) for name in WHOLE)],
)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ready(desk: Desk, method: str) -> Ask:
    """Give a desk with an open session, and what is asked in it."""
    if method in {"generate_key", "import_key"}:
        desk.needs(Mean.CHANGE)
        desk.login()
        return CALLS[method](desk, {})
    if method in NEEDS_NO_KEY:
        return CALLS[method](desk, {})
    if method not in {"sign", "challenge", "csr"}:
        desk.needs(Mean.CHANGE)
    key = desk.key()
    if method == "remove_certificate":
        desk.certify(key, serial=7)
    return CALLS[method](desk, key)


def anew(desk: Desk, method: str) -> None:
    """Put the token in again; a fresh one where the method leaves something that stays."""
    if method in {"generate_key", "import_key", "destroy_key"}:
        desk.take(desk.bench.token())
    else:
        desk.take(desk.token)


def is_gone(desk: Desk, method: str, ask: Ask) -> None:
    """What is asked of a token that is not there is refused, and its session is over."""
    if method == "list":
        assert ask() == []
        return
    with desk.pins(0):
        assert desk.refused(ask).code in GONE
        if method not in {"login", "change_pin"}:
            assert desk.refused(ask).code == "session_unknown"


@pytest.mark.story(Story.REMOVED)
@pytest.mark.needs(Mean.REMOVAL)
def test_removed_before_and_after_a_call(plugged: Desk, method: str) -> None:
    ask = ready(plugged, method)
    with plugged.offered():
        ask()
    plugged.token.remove()
    if plugged.session and method not in {"login", "change_pin"}:
        assert plugged.refused(lambda: plugged.work("sign", key_id="01", data=b"x")).code in GONE
    assert plugged.worker.call("list") == []
    anew(plugged, method)

    ask = ready(plugged, method)
    plugged.token.remove()
    is_gone(plugged, method, ask)
    assert plugged.worker.call("list") == []
    plugged.take(plugged.token)
    plugged.check(plugged.key())
    assert plugged.worker.starts == 1


@pytest.mark.story(Story.REMOVED)
@pytest.mark.parametrize(
    "done", [pytest.param(False, id="cut", marks=pytest.mark.whole), pytest.param(True, id="done")]
)
@pytest.mark.needs(Mean.REMOVAL, Mean.CUT)
def test_removed_in_the_middle_of_a_call(plugged: Desk, method: str, *, done: bool) -> None:
    ask = ready(plugged, method)
    plugged.token.cut(method, done=done)
    refused: Refused | WorkerDied | None = None
    if method == "login":
        plugged.worker.deadline_s = LOCKED_UP_S
    try:
        ask()
    except (Refused, WorkerDied) as exc:
        refused = exc
    was_cut = plugged.token.wait_cut()
    with plugged.unless("cut_locks_up", always=False) if method == "login" else nullcontext():
        assert not isinstance(refused, WorkerDied), refused
    if isinstance(refused, Refused) and refused.code == "not_supported" and not was_cut:
        plugged.not_offered(str(refused.data["capability"]))
    assert was_cut, f"{refused!r}, and the token was still there"
    if isinstance(refused, Refused):
        assert (refused.code, refused.data["serial"]) == ("token_gone", plugged.who["serial"])
    elif refused is None:
        assert method == "list", f"{method} succeeded on a token that was pulled out meanwhile"
    assert plugged.worker.call("list") == []
    plugged.take(plugged.token)
    if plugged.session and method != "login":
        left = plugged.refused(lambda: plugged.work("sign", key_id="01", data=b"x"))
        assert left.code == "session_unknown"
    # of a PIN that was changed nobody heard, and it is another one now
    plugged.login(NEW if method == "change_pin" and done else None)
    assert plugged.worker.starts == 1 + isinstance(refused, WorkerDied)


@pytest.mark.story(Story.BACK)
@pytest.mark.needs(Mean.REMOVAL)
def test_put_in_again_is_another_insertion(plugged: Desk) -> None:
    """Nobody looked meanwhile; the old session must not go on, and no PIN is sent by itself."""
    key = plugged.key()
    plugged.token.remove()
    plugged.token.insert()
    asked = {"session": plugged.session, "key_id": key["key_id"], "data": b"x"}
    with plugged.pins(0), plugged.unless("return_unseen"):
        assert plugged.refused(lambda: plugged.worker.call("sign", asked)).code in GONE
        again = plugged.refused(lambda: plugged.worker.call("sign", asked))
        assert again.code == "session_unknown"
    assert plugged.row()["serial"] == plugged.who["serial"]
    plugged.login()
    plugged.check(key)
