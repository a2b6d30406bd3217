"""A token whose PIN is gone: the SO PIN is checked without effect, then everything is made anew."""

from typing import TYPE_CHECKING

import pytest

from custode.daemon.children import ChildError

if TYPE_CHECKING:
    from tests.integration.drivers.conftest import Worker

    from custode_drivers.softhsm.tokens import TokenFiles

SO_PIN = b"87654321"
PIN = b"123456"


def code_of(worker: "Worker", *call: object) -> str:
    with pytest.raises(ChildError) as caught:
        worker.call(*call)  # type: ignore[arg-type] # method, params, secrets
    return caught.value.code


def test_a_reset_erases_everything_and_sets_the_new_pin(
    worker: "Worker", token: "TokenFiles"
) -> None:
    named = {"token": token.identity}
    session = worker.login(token)
    worker.call("generate_key", {"session": session, "spec": "p256", "label": "k"})
    worker.call("logout", {"session": session})

    assert code_of(worker, "check_so_pin", named, b"00000000") == "pin_incorrect"
    worker.call("check_so_pin", named, SO_PIN)
    anew = {**named, "label": "again"}
    assert code_of(worker, "reset_token", anew, b"00000000", b"654321") == "pin_incorrect"
    assert code_of(worker, "reset_token", anew, SO_PIN, b"12") == "pin_length"
    (row,) = worker.call("list")
    assert (row["label"], len(row["public_keys"])) == ("mine", 1)
    assert worker.login(token)  # nothing has happened yet: the old PIN still holds

    worker.call("reset_token", anew, SO_PIN, b"654321")
    (row,) = worker.call("list")
    assert (row["serial"], row["label"]) == (token.serial, "again")
    assert (row["user_pin_initialized"], list(row["public_keys"])) == (True, [])
    assert code_of(worker, "login", named, PIN) == "pin_incorrect"
    assert worker.login(token, b"654321")
