"""Tokens that come, go, are initialised and logged in to, on a real SoftHSM."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import convert

from custode.daemon.children import ChildError
from custode_drivers.api.types import TokenInfo
from custode_drivers.softhsm import tokens

if TYPE_CHECKING:
    from tests.integration.drivers.conftest import Worker

    from custode_drivers.softhsm.tokens import TokenFiles

SO_PIN = b"87654321"
PIN = b"123456"


def refused(worker: "Worker", *call: Any, fds: tuple[int, ...] = ()) -> tuple[str, dict[str, Any]]:
    """The code and data a call is refused with."""
    with pytest.raises(ChildError) as caught:
        worker.call(*call, fds=fds)
    return caught.value.code, caught.value.data


def test_a_factory_fresh_token_is_listed(
    worker: "Worker", fresh: Callable[[str], "TokenFiles"], reader: Path
) -> None:
    assert worker.call("list") == []  # SoftHSM's free slot is hidden
    token = tokens.move(fresh("nuovo"), reader)
    (row,) = worker.call("list")
    info = convert(row, TokenInfo)
    assert (info.serial, info.label, info.model) == (token.serial, "nuovo", "SoftHSM v2")
    assert info.identity.manufacturer == "SoftHSM project"
    assert (info.initialized, info.user_pin_initialized, info.removable) == (True, False, True)
    assert (info.min_pin, info.max_pin) == (4, 255)
    assert {"RSA_PKCS", "SHA256_RSA_PKCS", "ECDSA"} <= set(info.mechanisms)
    assert refused(worker, "login", {"token": token.identity}, PIN) == (
        "pin_not_set",
        {"role": "user"},
    )


def test_a_token_gets_its_pin_once(
    worker: "Worker", fresh: Callable[[str], "TokenFiles"], reader: Path
) -> None:
    token = tokens.move(fresh("mio"), reader)
    named = {"token": token.identity}
    wrong = refused(worker, "init_pin", named, b"00000000", PIN)
    assert wrong == ("pin_incorrect", {"attempts_remaining": None, "role": "so"})
    assert refused(worker, "init_pin", named, SO_PIN, b"12")[0] == "pin_length"
    assert refused(worker, "init_pin", named, SO_PIN)[0] == "secret_missing"
    worker.set_pin(token)
    assert worker.call("list")[0]["user_pin_initialized"]
    assert refused(worker, "init_pin", named, SO_PIN, b"654321")[0] == "already_initialized"

    assert worker.login(token)  # the first PIN still holds, and the SO's session is closed
    worker.call("init_pin", {**named, "force": True}, SO_PIN, b"654321")
    assert refused(worker, "login", named, PIN)[0] == "pin_incorrect"
    assert worker.login(token, b"654321")


def test_a_token_with_a_pin_is_erased_only_by_force(worker: "Worker", token: "TokenFiles") -> None:
    named = {"token": token.identity, "label": "altro"}
    session = worker.login(token)
    worker.call("generate_key", {"session": session, "spec": "p256", "label": "k"})
    assert refused(worker, "init_token", named, SO_PIN)[0] == "already_initialized"
    forced = {**named, "force": True}
    assert refused(worker, "init_token", forced, b"00000000")[0] == "pin_incorrect"
    assert worker.call("init_token", forced, SO_PIN) == {
        "serial": token.serial,
        "label": "altro",
    }
    assert refused(worker, "csr", {"session": session, "key_id": "aa", "common_name": "x"})[0] == (
        "session_unknown"
    )
    (row,) = worker.call("list")
    assert (row["serial"], row["label"], row["user_pin_initialized"], row["public_keys"]) == (
        token.serial,
        "altro",
        False,
        [],
    )


def test_the_pin_is_tried_once_and_a_failure_leaves_no_session(
    worker: "Worker", token: "TokenFiles"
) -> None:
    named = {"token": token.identity}
    assert refused(worker, "login", named, b"12") == (
        "pin_length",
        {"min": 4, "max": 255, "role": "user"},
    )
    assert refused(worker, "login", named) == ("secret_missing", {"why": "no_descriptor"})
    assert refused(worker, "login", named, b"")[0] == "secret_missing"
    assert refused(worker, "login", named, b"1" * 1025)[0] == "secret_missing"
    assert not worker.call("list")[0]["pin_count_low"]  # nothing of that was sent
    for _ in range(3):
        wrong = refused(worker, "login", named, b"000000")
        assert wrong == ("pin_incorrect", {"attempts_remaining": None, "role": "user"})
    assert worker.call("list")[0]["pin_count_low"]
    # CKR_SESSION_EXISTS would come here if a failed login had leaked its session
    worker.call("init_token", {**named, "label": "x", "force": True}, SO_PIN)


def test_a_second_login_ends_the_first_session(worker: "Worker", token: "TokenFiles") -> None:
    first = worker.login(token)
    assert refused(worker, "login", {"token": token.identity}, b"000000")[0] == "pin_incorrect"
    assert refused(worker, "logout", {"session": first})[0] == "session_unknown"
    second = worker.login(token)
    worker.call("logout", {"session": second})
    assert refused(worker, "logout", {"session": second})[0] == "session_unknown"


def test_list_ends_the_sessions_of_tokens_that_are_gone(
    worker: "Worker", token: "TokenFiles", drawer: Path, fresh: Callable[[str], "TokenFiles"]
) -> None:
    session = worker.login(token)
    other = tokens.move(fresh("altro"), token.directory.parent)
    assert [row["serial"] for row in worker.call("list")] == [token.serial]  # a session is open
    tokens.move(token, drawer)
    assert [row["serial"] for row in worker.call("list")] == [other.serial]
    assert refused(worker, "logout", {"session": session})[0] == "session_unknown"


def test_a_session_is_of_the_token_that_is_meant(worker: "Worker", token: "TokenFiles") -> None:
    named = {"session": worker.login(token), "spec": "p256", "label": "k"}
    for field in ("manufacturer", "model", "serial"):
        other = replace(token.identity, **{field: "other"})
        assert refused(worker, "generate_key", {**named, "token": other})[0] == "session_unknown"
    assert worker.call("generate_key", {**named, "token": token.identity})["key_id"]


def test_a_token_moved_away_blocks_nothing_once_the_slots_are_made_anew(
    worker: "Worker", token: "TokenFiles", drawer: Path, fresh: Callable[[str], "TokenFiles"]
) -> None:
    """SoftHSM says CKR_GENERAL_ERROR of it until C_Initialize, which `list` does where it can."""
    other = tokens.move(fresh("altro"), token.directory.parent)
    worker.call("list")
    pulled = tokens.move(other, drawer)
    assert [row.get("serial") for row in worker.call("list")] == [token.serial]

    reader = token.directory.parent
    other = tokens.move(pulled, reader)
    worker.call("list")
    session = worker.login(token)
    tokens.move(other, drawer)
    mute, row = worker.call("list")  # a session is open: whether it left cannot be told now
    assert mute["unreadable"] == "C_GetTokenInfo: CKR_GENERAL_ERROR"
    assert row["serial"] == token.serial
    worker.call("logout", {"session": session})
    assert [row.get("serial") for row in worker.call("list")] == [token.serial]


@pytest.mark.parametrize(("secret", "passes"), [(b"correct horse", True), (PIN, False)])
def test_a_secret_is_relayed_unless_it_is_the_pin(
    worker: "Worker", token: "TokenFiles", secret: bytes, *, passes: bool
) -> None:
    session = worker.login(token)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as relayed:
        if passes:
            worker.call("relay_distinct", {"session": session}, secret, fds=(writing,))
        else:
            code, _ = refused(
                worker, "relay_distinct", {"session": session}, secret, fds=(writing,)
            )
            assert code == "pin_equal"
        assert relayed.read() == (secret if passes else b"")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no_such_method", {}, "bad_request"),
        ("logout", {}, "bad_request"),
        ("logout", {"session": "s", "more": 1}, "bad_request"),
        ("sign", {"session": "s", "key_id": "aa", "data": b"", "hash": "md5"}, "not_supported"),
        ("generate_key", {"session": "s", "spec": "dsa", "label": ""}, "not_supported"),
    ],
)
def test_what_makes_no_sense_is_refused(
    worker: "Worker", method: str, params: dict[str, Any], code: str
) -> None:
    assert refused(worker, method, params)[0] == code
    assert worker.child.generation == 1  # and the worker lives on


def test_a_module_that_cannot_work_says_why(worker: "Worker", tmp_path: Path) -> None:
    worker.child._argv = (*worker.child._argv[:-1], "libc.so.6")
    code, data = refused(worker, "list")
    assert code == "module_failed"
    assert data["why"]


def test_the_worker_leaves_no_trace_of_itself(worker: "Worker", token: "TokenFiles") -> None:
    worker.login(token)
    log = Path(token.directory.parent.parent / "worker.log").read_bytes()
    assert PIN not in log
    pid = worker.child.pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits
    assert PIN not in Path(f"/proc/{pid}/environ").read_bytes()
