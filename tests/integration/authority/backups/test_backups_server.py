"""Against the real server process: guesses in parallel, a killed server, what stays on disk."""

from __future__ import annotations

import os
import sqlite3
import ssl
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from select import select as select_ready
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custode_authority.ca.home import Home
from custode_authority.wire.messages import Collection
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.authority.backups.conftest import Folder, Person

START_S: Final = 30
AT_ONCE: Final = 25


class Server:
    """The authority as its own process, over HTTPS, as an agent meets it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self._program = [sys.executable, "-m", "custode_authority.main"]
        init = [*self._program, "init", "--home", str(folder), "--generation-s", "0"]
        subprocess.run(init, check=True, capture_output=True, timeout=START_S)
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client()

    def start(self) -> None:
        ours, theirs = os.pipe()
        serve = [*self._program, "serve", "--home", str(self.home.folder)]
        self._process = subprocess.Popen([*serve, "--ready-fd", str(theirs)], pass_fds=[theirs])
        os.close(theirs)
        ready, _, _ = select_ready([ours], [], [], START_S)
        assert ready
        assert os.read(ours, 6) == b"ready\n"
        os.close(ours)
        trust = ssl.create_default_context(cafile=str(self.home.ca_certificate))
        url = self.home.settings().url
        self.client = httpx.Client(base_url=url, verify=trust, timeout=30)

    def kill(self) -> None:
        """Kill -9: no time to finish anything."""
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "authority")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def person(server: Server, open_person: Callable[[httpx.Client, Home], Person]) -> Person:
    return open_person(server.client, server.home)


def _guess(person: Person, folder: Folder, pins: list[Ed25519PrivateKey]) -> Counter[str]:
    path = f"/v1/backups/{folder.backup_id}/activation"
    prepared = [(person.activation(folder), pin) for pin in pins]

    def send(index: int) -> httpx.Response:
        message, pin = prepared[index]
        return person.with_pin(path, message, pin)

    with ThreadPoolExecutor(min(len(pins), AT_ONCE)) as pool:
        return Counter(map(person.outcome, pool.map(send, range(len(pins)))))


def _ask(server: Server, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(server.home.database, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def test_a_hundred_parallel_guesses_are_five(server: Server, person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    answers = _guess(person, folder, [Ed25519PrivateKey.generate() for _ in range(100)])
    assert answers == {"wrong_backup_pin": 4, "backup_locked": 96}
    view = person.view(folder)
    assert (view.state, view.tries_remaining) == (BackupState.LOCKED, 0)
    (rejected,) = _ask(server, "SELECT count(*) FROM audit WHERE name = 'backup.pin_rejected'")
    assert rejected == (5,)
    assert person.outcome(person.activate(folder)) == "backup_locked"


def test_right_answers_in_flight_count_as_nothing(server: Server, person: Person) -> None:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    wrong = Ed25519PrivateKey.generate()
    answers = _guess(person, folder, [wrong] * 4 + [folder.pin] * 12)
    assert answers["wrong_backup_pin"] <= 4
    rows = _ask(server, "SELECT tries_used, wrong_pins FROM backups")
    assert rows == [(answers["wrong_backup_pin"],) * 2]
    assert person.view(folder).state in {BackupState.APPROVED, BackupState.REGISTERED}
    assert person.outcome(person.activate(folder)) == "ok"


def test_a_killed_server_loses_nothing_and_nobody_is_locked_out(
    server: Server, person: Person
) -> None:
    original = person.original()
    folder = person.backup(original)
    person.report(original)
    person.activate(folder)
    server.kill()
    server.start()
    person.client = server.client
    first = person.read(person.collect(folder), Collection)
    server.kill()
    server.start()
    person.client = server.client
    assert person.operation(original.fingerprint).state is CertificateState.CANCELLED
    second = person.read(person.collect(folder), Collection)
    assert second.certificate == first.certificate
    assert len(person.operations()) == 2

    ((sealed,),) = _ask(server, "SELECT recovery_key_sealed FROM backups")
    assert isinstance(sealed, bytes)
    files = [server.home.database, server.home.folder / "authority.sqlite-wal"]
    assert any(sealed in file.read_bytes() for file in files)
    restored = person.restore(folder, person.successor(folder, second))
    assert person.outcome(restored) == "ok"
    for file in files:
        content = file.read_bytes()
        assert sealed not in content
        assert sealed[:40] not in content
        assert sealed[-40:] not in content
    assert person.outcome(person.collect(folder)) == "already_activated"
