"""The conformance suite itself: a vendor's command, and whether it sees what is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from custode_drivers.softhsm import tokens
from custode_drivers.testing.conformance.stacks.softhsm import PIN, SO_PIN, SoftHsmBench
from custode_drivers.testing.conformance.worker import Worker

SUITE = Path(__file__).parents[3] / "drivers/custode_drivers/testing/conformance/suite"
BROKEN = Path(__file__).with_name("broken")
PATIENCE_S = 100


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token with a PIN and a key in SoftHSM, as somebody has it."""
    folder = tmp_path_factory.mktemp("theirs")
    bench = SoftHsmBench(folder)
    token = bench.token("mio")
    token.insert()
    worker = Worker(bench, folder / "worker.log")
    (row,) = worker.call("list")
    named = {"token": {name: row[name] for name in ("manufacturer", "model", "serial")}}
    worker.call("init_pin", named, SO_PIN, PIN)
    session = worker.call("login", named, PIN)["session"]
    worker.call("generate_key", {"session": session, "spec": "p256", "label": "mia"})
    worker.close()
    return Path(bench.environment["SOFTHSM2_CONF"])


def command(configuration: Path, *words: str, pin: bytes = PIN) -> subprocess.CompletedProcess[str]:
    reading, writing = os.pipe()
    os.write(writing, pin)
    os.close(writing)
    try:
        return subprocess.run(
            [
                *(sys.executable, "-m", "custode_drivers.testing.conformance"),
                *("--module", tokens.find_module(), "--pin-source", f"fd:{reading}"),
                *("--env", f"SOFTHSM2_CONF={configuration}", *words),
            ],
            pass_fds=(reading,),
            cwd=configuration.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(reading)


def content(configuration: Path) -> dict[str, bytes]:
    """Everything on the token, but what SoftHSM notes of every login."""
    folder = configuration.with_name("reader")
    return {
        str(path): path.read_bytes() for path in folder.rglob("*.object") if path.stem != "token"
    }


def test_a_vendor_tries_a_module_and_nothing_changes(configuration: Path) -> None:
    before = content(configuration)
    done = command(configuration, "--token", "pkcs11:token=mio;model=SoftHSM%20v2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok      a key signs and proves itself\n" in done.stdout
    assert "passed       sign, and prove a key by a challenge\n" in done.stdout
    assert "no means     change the PIN\n" in done.stdout
    assert "--destructive was not given" in done.stdout
    assert PIN.decode() not in done.stdout + done.stderr
    assert content(configuration) == before


def test_a_vendor_is_told_what_failed_and_no_pin(configuration: Path) -> None:
    broken = ("--env", f"PYTHONPATH={BROKEN}", "--env", "CUSTODE_BROKEN=no proof checked")
    done = command(configuration, *broken)
    assert done.returncode == 1
    assert "FAILED  a key signs and proves itself\n" in done.stdout
    assert "FAILED       sign" not in done.stdout
    assert "failed       sign, and prove a key by a challenge\n" in done.stdout
    assert "it was not refused" in done.stdout
    assert PIN.decode() not in done.stdout + done.stderr


def test_a_wrong_pin_is_sent_once_and_no_test_runs(configuration: Path) -> None:
    done = command(configuration, pin=PIN + b"1")
    assert done.returncode == 2
    assert done.stderr.startswith("the PIN was not taken: pin_incorrect")
    assert done.stdout == "", "a test after it would send the wrong PIN again"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--destructive",), "--destructive needs --token"),
        (("--lock-after", "3", "--token", "mio"), "--lock-after needs --destructive"),
        (("--token", "tuo"), "no token is tuo. There are: serial "),
        (("--token", "pkcs11:slot-id=3"), "slot-id says nothing of which token it is"),
        (("--env", "nonsense"), "--env takes NAME=VALUE"),
        (("--so-pin-source", "12345678"), "a PIN comes from fd:N or file:PATH"),
        (("--module", "nowhere.so"), "there is no nowhere.so"),
    ],
)
def test_what_cannot_begin_says_why(configuration: Path, words: tuple[str, ...], told: str) -> None:
    done = command(configuration, *words)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("way", "test"),
    [
        ("pin sent twice", "test_a_wrong_pin_costs_one_try_and_opens_nothing[ykcs11]"),
        ("no session ended", "test_put_in_again_is_another_insertion[ykcs11]"),
    ],
)
def test_a_broken_worker_does_not_pass(way: str, test: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "--tb=line", SUITE, "-k", _named(test)],
        env={**os.environ, "PYTHONPATH": str(BROKEN), "CUSTODE_BROKEN": way},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout
    assert test in done.stdout


def _named(test: str) -> str:
    name, _, stack = test.removesuffix("]").partition("[")
    return f"{name} and {stack}"
