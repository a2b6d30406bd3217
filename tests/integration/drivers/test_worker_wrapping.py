"""Keys that leave a real SoftHSM token wrapped, and come back into it, another one, or NSS."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from tests.integration.drivers.conftest import Worker

from custode.daemon.children import Child, ChildError
from custode_drivers.softhsm import tokens

KEK = bytes(range(32))
OTHER_KEK = bytes(32)
NSS_PIN = b"nss-pin-1"


def made(worker: Worker, session: str, spec: str, *, copyable: bool) -> dict[str, Any]:
    told = {"session": session, "spec": spec, "label": "chiave", "copyable": copyable}
    answer: dict[str, Any] = worker.call("generate_key", told)
    return answer


def wrapped(worker: Worker, session: str, key_id: str) -> bytes:
    answer: bytes = worker.call("wrap_key", {"session": session, "key_id": key_id}, KEK)["wrapped"]
    return answer


def unwrapping(session: str, key: dict[str, Any], blob: bytes, **more: Any) -> dict[str, Any]:
    named = {"key_id": key["key_id"], "label": "copia", "public_key": key["public_key"]}
    return {"session": session, "wrapped": blob, **named, **more}


def refusal(worker: Worker, method: str, params: dict[str, Any], *secrets: bytes) -> ChildError:
    with pytest.raises(ChildError) as refused:
        worker.call(method, params, *secrets)
    return refused.value


NSS_MODULE = Path("/usr/lib/x86_64-linux-gnu/libsoftokn3.so")


@pytest.fixture
def second(
    fresh: Callable[[str], tokens.TokenFiles], reader: Path, worker: Worker
) -> tokens.TokenFiles:
    plugged = tokens.move(fresh("second"), reader)
    worker.set_pin(plugged)
    return plugged


@pytest.fixture
def nss(tmp_path: Path) -> Iterator[tuple[Worker, str]]:
    """A worker over NSS's softokn3, and a session of its key database."""
    if not NSS_MODULE.exists():
        pytest.skip("NSS is not installed")
    folder, pin_file = tmp_path / "nss", tmp_path / "nss.pin"
    folder.mkdir()
    pin_file.write_bytes(NSS_PIN)
    subprocess.run(
        ["certutil", "-N", "-d", f"sql:{folder}", "-f", pin_file], check=True, timeout=60
    )
    told = f"configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='' flags= "
    program = [sys.executable, "-m", "custode_drivers.pkcs11.worker", "--init-args", told]
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        child = Child([*program, "--module", str(NSS_MODULE)], {}, log=tmp_path / "nss-worker.log")
        stack.callback(lambda: runner.run(child.close()))
        worker = Worker(child, runner)
        row = next(row for row in worker.call("list") if row["login_required"])
        who = {name: row[name] for name in ("manufacturer", "model", "serial")}
        yield worker, worker.call("login", {"token": who}, NSS_PIN)["session"]


@pytest.mark.parametrize("spec", ["rsa2048", "p256", "p384"])
def test_a_key_goes_from_one_token_to_another_and_signs_there(
    worker: Worker, token: tokens.TokenFiles, second: tokens.TokenFiles, spec: str
) -> None:
    here = worker.login(token)
    key = made(worker, here, spec, copyable=True)
    blob = wrapped(worker, here, key["key_id"])

    # it is RFC 5649 over the PKCS #8 of this very key, with up to seven zeros behind it
    clear = aes_key_unwrap_with_padding(KEK, blob)
    end = 4 + int.from_bytes(clear[2:4]) if clear[1] == 0x82 else 2 + clear[1]
    end = 3 + clear[2] if clear[1] == 0x81 else end
    assert not any(clear[end:])
    assert len(clear) - end < 8
    half = load_der_public_key(key["public_key"])
    private = load_der_private_key(clear[:end], None)
    assert isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    assert private.public_key() == half

    there = worker.login(second)
    put = worker.call("unwrap_key", unwrapping(there, key, blob), KEK)
    assert put == {"key_id": key["key_id"], "public_key": key["public_key"]}
    named = {"session": there, "key_id": key["key_id"]}
    worker.call("challenge", {**named, "public_key": key["public_key"]})

    # it is not copyable there
    [seen] = worker.call("login", {"token": second.identity}, b"123456")["keys"]
    assert not seen["extractable"]
    assert seen["public_key"] == key["public_key"]
    there = worker.login(second)
    refused = refusal(worker, "wrap_key", {**named, "session": there}, KEK)
    assert (refused.code, refused.data["capability"]) == ("not_supported", "copyable_key")


@pytest.mark.parametrize("spec", ["rsa2048", "p256", "p384"])
def test_a_key_goes_to_nss_and_back(
    worker: Worker,
    token: tokens.TokenFiles,
    second: tokens.TokenFiles,
    nss: tuple[Worker, str],
    spec: str,
) -> None:
    """EC too, whose point NSS wants to be told; and out of NSS, which tells a length too small."""
    nss_worker, there = nss
    here = worker.login(token)
    key = made(worker, here, spec, copyable=True)
    rehearsed = {"session": there, "public_key": key["public_key"]}
    nss_worker.call("rehearse_unwrap", rehearsed)
    blob = wrapped(worker, here, key["key_id"])
    put = nss_worker.call("unwrap_key", unwrapping(there, key, blob), KEK)
    named = {"session": there, "key_id": put["key_id"]}
    nss_worker.call("challenge", {**named, "public_key": key["public_key"]})

    other = made(nss_worker, there, spec, copyable=True)
    blob = wrapped(nss_worker, there, other["key_id"])
    back = worker.login(second)
    worker.call("unwrap_key", unwrapping(back, other, blob), KEK)
    named = {"session": back, "key_id": other["key_id"]}
    worker.call("challenge", {**named, "public_key": other["public_key"]})


def test_only_a_copyable_key_leaves(worker: Worker, token: tokens.TokenFiles) -> None:
    [row] = worker.call("list")
    assert row["can_wrap"] == ["AES_KEY_WRAP_PAD"]
    here = worker.login(token)
    stays = made(worker, here, "p256", copyable=False)
    goes = made(worker, here, "p256", copyable=True)
    keys = worker.call("login", {"token": token.identity}, b"123456")["keys"]
    told = {key["key_id"]: key["extractable"] for key in keys}
    assert told == {stays["key_id"]: False, goes["key_id"]: True}

    here = worker.login(token)
    refused = refusal(worker, "wrap_key", {"session": here, "key_id": stays["key_id"]}, KEK)
    assert (refused.code, refused.data["capability"]) == ("not_supported", "copyable_key")
    assert wrapped(worker, here, goes["key_id"])


def test_what_is_not_the_wrapped_key_leaves_nothing_on_the_token(
    worker: Worker, token: tokens.TokenFiles, second: tokens.TokenFiles
) -> None:
    here, there = worker.login(token), worker.login(second)
    key = made(worker, here, "p256", copyable=True)
    other = made(worker, here, "p256", copyable=True)
    blob = wrapped(worker, here, key["key_id"])
    edited = bytes((blob[0] ^ 1,)) + blob[1:]
    cases = (
        (unwrapping(there, key, blob), OTHER_KEK, "wrapped_key"),
        (unwrapping(there, key, edited), KEK, "wrapped_key"),
        (unwrapping(there, key, blob[:-8]), KEK, "wrapped_key"),
        (unwrapping(there, key, b""), KEK, "wrapped_key"),
        (unwrapping(there, other, blob), KEK, "challenge"),
    )
    for params, kek, what in cases:
        refused = refusal(worker, "unwrap_key", params, kek)
        assert (refused.code, refused.data) == ("integrity", {"what": what})
    assert refusal(worker, "unwrap_key", unwrapping(there, key, blob), KEK[:31]).code == (
        "secret_missing"
    )
    assert worker.call("login", {"token": second.identity}, b"123456")["keys"] == []


def test_a_rehearsal_and_a_trial_leave_nothing(worker: Worker, token: tokens.TokenFiles) -> None:
    here = worker.login(token)
    key = made(worker, here, "p256", copyable=True)
    blob = wrapped(worker, here, key["key_id"])
    worker.call("unwrap_key", unwrapping(here, key, blob, stay=False), KEK)  # beside the original
    worker.call("rehearse_unwrap", {"session": here, "public_key": key["public_key"]})
    refused = refusal(worker, "unwrap_key", unwrapping(here, key, blob), KEK)
    assert refused.code == "key_exists"

    keys = worker.call("login", {"token": token.identity}, b"123456")["keys"]
    assert [one["key_id"] for one in keys] == [key["key_id"]]
