"""Tokens without a serial number: NSS's database, and what tpm2-pkcs11 makes in a TPM.

The conformance suite has the rest of what they do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from custode_drivers.testing.conformance.certificates import certificate_for
from custode_drivers.testing.conformance.stack import Bench, Stack
from custode_drivers.testing.conformance.stacks.nss import Nss
from custode_drivers.testing.conformance.stacks.tpm import PIN, SO_PIN, Tpm
from custode_drivers.testing.conformance.worker import Refused, Worker

NEW = b"271828"
# What Firefox does with its own database: a user PIN that is empty.
_EMPTY_PIN = """
import sys
from custode_drivers.pkcs11.cryptoki import Cryptoki
from custode_drivers.pkcs11.layout import UserType

module = Cryptoki(*sys.argv[1:])
_, slot = module.slot_ids()
session = module.open_session(slot, rw=True)
module.login(session, UserType.SO, None)
module.init_pin(session, bytearray())
"""
Up = Callable[[Stack], tuple[Bench, Worker]]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Bring a stack up, with a worker over it."""
    with ExitStack() as ending:

        def bring(stack: Stack) -> tuple[Bench, Worker]:
            assert stack.missing() is None
            folder = tmp_path / "bench"
            folder.mkdir()
            bench = ending.enter_context(stack.bench(folder))
            worker = Worker(bench, tmp_path / "worker.log")
            ending.callback(worker.close)
            return bench, worker

        yield bring


def who(row: dict[str, Any]) -> dict[str, Any]:
    return {"token": {name: row[name] for name in ("manufacturer", "model", "serial")}}


def used(worker: Worker, token: dict[str, Any], pin: bytes) -> None:
    """Put a key and its certificate onto a token."""
    session = {"session": worker.call("login", token, pin)["session"]}
    key = worker.call("generate_key", {**session, "spec": "p256", "label": "chiave"})
    told = {"key_id": key["key_id"], "der": certificate_for(key["public_key"]), "label": "x"}
    worker.call("install_certificate", {**session, **told})
    worker.call("logout", session)
    (row,) = worker.call("list")
    assert len(row["certificates"]) == len(row["public_keys"]) == 1


def is_empty(worker: Worker, token: dict[str, Any], pin: bytes) -> None:
    (row,) = worker.call("list")
    assert (row["certificates"], row["public_keys"]) == ([], [])
    assert worker.call("login", token, pin)["keys"] == []


def test_a_database_is_erased_whole_and_has_a_new_pin(up: Up) -> None:
    bench, worker = up(Nss())
    bench.token("Firefox")
    (row,) = worker.call("list")  # not the slot for calculations, which nobody owns
    assert (row["serial"], row["has_so_pin"]) == ("Firefox", False)
    assert not row["user_pin_initialized"]
    token = who(row)
    worker.call("init_pin", token, PIN)
    used(worker, token, PIN)
    worker.call("check_so_pin", token)
    worker.call("reset_token", {**token, "label": "another"}, NEW)
    is_empty(worker, token, NEW)
    (row,) = worker.call("list")
    assert row["label"] == "Firefox"  # it keeps its own
    for method, told in {"unblock_pin": token, "change_pin": {**token, "role": "so"}}.items():
        with pytest.raises(Refused) as refused:
            worker.call(method, told, PIN, NEW)
        told_back = (refused.value.code, refused.value.data)
        assert told_back == ("not_supported", {"capability": method})
    worker.call("login", token, NEW)


def test_an_empty_pin_is_none(up: Up) -> None:
    bench, worker = up(Nss())
    bench.token("Firefox")
    words = [sys.executable, "-c", _EMPTY_PIN, str(bench.module), str(bench.init_args)]
    subprocess.run(words, check=True, timeout=30)
    (row,) = worker.call("list")
    assert row["initialized"]
    assert not row["user_pin_initialized"]
    with pytest.raises(Refused) as refused:
        worker.call("login", who(row), PIN)
    assert refused.value.code == "pin_not_set"
    worker.call("init_pin", who(row), PIN)
    worker.call("login", who(row), PIN)


def test_the_room_in_a_tpm_is_a_token_only_where_there_is_no_other(up: Up) -> None:
    _, worker = up(Tpm())
    (room,) = worker.call("list")
    assert (room["label"], room["initialized"], room["removable"]) == ("", False, False)
    made = worker.call("init_token", {**who(room), "label": "uno"}, SO_PIN)
    assert made == {"serial": "uno", "label": "uno"}
    (row,) = worker.call("list")
    assert (row["serial"], row["initialized"]) == ("uno", True)
    # It says that it has a user PIN, which nobody was given yet.
    with pytest.raises(Refused) as refused:
        worker.call("init_pin", who(row), SO_PIN, PIN)
    assert refused.value.code == "already_initialized"
    worker.call("init_pin", {**who(row), "force": True}, SO_PIN, PIN)
    worker.call("login", who(row), PIN)


def test_a_token_in_a_tpm_is_erased_though_it_is_initialised_once_for_all(up: Up) -> None:
    bench, worker = up(Tpm())
    bench.token("uno")
    (row,) = worker.call("list")
    token = who(row)
    used(worker, token, PIN)
    made = worker.call("reset_token", {**token, "label": "uno"}, SO_PIN, NEW)
    assert made == {"serial": "uno", "label": "uno"}
    is_empty(worker, token, NEW)
    worker.close()
    bench.token("due")
    assert [row["serial"] for row in worker.call("list")] == ["uno", "due"]


def test_a_tpm_that_has_no_room_left_is_emptied_by_a_new_login(up: Up) -> None:
    """As a renewal has it: the old key proves itself, and a new one is made in the same session."""
    bench, worker = up(Tpm())
    bench.token("uno")
    (row,) = worker.call("list")
    used(worker, who(row), PIN)
    opened = worker.call("login", who(row), PIN)
    session, (old,) = {"session": opened["session"]}, opened["keys"]
    worker.call("sign", {**session, "key_id": old["key_id"], "data": b"x"})
    new = worker.call("generate_key", {**session, "spec": "rsa2048", "label": "nuova"})
    for key in (new, old):
        named = {"key_id": key["key_id"], "public_key": key["public_key"]}
        assert worker.call("challenge", {**session, **named})["signature"]
