"""Another program keeps the card: told who, whichever way it does it; nobody is killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from custode.cli.modules_told import _driver
from custode.daemon import tokens
from custode.daemon.config import ModuleSettings
from custode.daemon.tokens import TokenWorkers
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import PivCard

from .events import insert
from .judges import YKCS11

# Another program, as far as PC/SC is concerned: it holds the card until its input ends.
PROGRAM = """
import os, sys
from smartcard import scard
reader, share, transaction = sys.argv[1], getattr(scard, sys.argv[2]), sys.argv[3] == "yes"
_, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
code, card, _ = scard.SCardConnect(context, reader, share, scard.SCARD_PROTOCOL_ANY)
if not code and transaction:
    code = scard.SCardBeginTransaction(card)
print(code, os.getpid(), flush=True)
sys.stdin.read()
"""
# What our own parent started counts as ours: so it gets another one.
SHELL = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


@contextmanager
def holding(reader: str, share: str, transaction: str) -> Iterator[int]:
    """Another program holds the card; gives its process id."""
    program = subprocess.Popen(
        [sys.executable, "-c", SHELL, sys.executable, "-c", PROGRAM, reader, share, transaction],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        code, pid = map(int, program.stdout.readline().split())
        assert code == 0
        yield pid
    finally:
        program.communicate(timeout=30)


@pytest.fixture
def workers(pcscd: PcscDaemon, tmp_path: Path) -> Iterator[Any]:
    """`ask(coroutine)` and the workers of ykcs11, with a PIV card in."""
    insert(pcscd.readers[0], PivCard(serial=0x4001))
    with asyncio.Runner() as runner:
        made = TokenWorkers([ModuleSettings(path=str(YKCS11))], tmp_path / "log")
        try:
            yield runner.run, made
        finally:
            runner.run(made.close())


def test_who_keeps_a_card_in_a_transaction_is_named(
    workers: Any, pcscd: PcscDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, made = workers
    (name,) = made.names
    assert len(ask(made.list_module(name))) == 1
    monkeypatch.setattr(tokens, "LIST_DEADLINE_S", 2.0)
    with holding(pcscd.readers[0].name, "SCARD_SHARE_SHARED", "yes") as pid:
        with pytest.raises(CustodeError) as caught:
            ask(made.list_module(name))
        error = caught.value
        assert error.code is ErrorCode.TIMED_OUT
        assert f"({pid})" in error.data["held_by"]
        assert str(os.getpid()) not in error.data["held_by"]
        assert f"({pid})" in error.message
        (health,) = made.health()
        assert (health["ok"], health["why"]) == (False, "timed_out")
        assert f"another program holds the card ({error.data['held_by']})" in _driver(health, {})
    monkeypatch.undo()
    assert len(ask(made.list_module(name))) == 1
    assert made.health()[0]["held_by"] is None


def test_who_has_a_card_for_itself_is_named(workers: Any, pcscd: PcscDaemon) -> None:
    ask, made = workers
    (name,) = made.names
    with holding(pcscd.readers[0].name, "SCARD_SHARE_EXCLUSIVE", "no") as pid:
        (row,) = ask(made.list_module(name))
        assert row["unreadable"] == "held"
        assert f"({pid})" in row["held_by"]
        (health,) = made.health()
        assert health["ok"]  # the module does what it can
        assert "another program holds the card" in _driver(health, {})


def test_a_slow_card_is_nobodys_fault(
    workers: Any, pcscd: PcscDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, made = workers
    (name,) = made.names
    card = pcscd.readers[0].card
    assert isinstance(card, PivCard)
    card.faults.delay_at(4.0, 1)
    monkeypatch.setattr(tokens, "LIST_DEADLINE_S", 1.0)
    with pytest.raises(CustodeError) as caught:
        ask(made.list_module(name))
    assert caught.value.code is ErrorCode.TIMED_OUT
    assert caught.value.data["held_by"] is None
    assert "another program" not in caught.value.message
