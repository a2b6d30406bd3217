"""Once all is done, no process of ours and no file holds a PIN, a password or the spare key."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from custode.container import folder as backup_folder
from custode.container import iwk, pin_key
from custode.demo.stage import new_pin, processes_of
from custode.paths import Paths
from custode_authority.ca.authority import open_authority
from custode_authority.ca.home import Home
from custode_authority.storage.tables import NonceRow
from custode_authority.wire import messages
from custode_authority.wire.reasons import Reason

from . import traces
from .conftest import Player
from .counterside import spare_key

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="our processes are not dumpable: root reads them"),
]

IDLE_S: Final = 40.0


@pytest.mark.timeout(240)
def test_nothing_keeps_a_secret(player: Player) -> None:
    person = player.person
    # Long and strange, so that no chance puts the same bytes somewhere.
    player.token.pin = b"tok-" + new_pin(12)
    person.backup_pin = b"bak-" + new_pin(16)
    person.password = b"pwd-" + secrets.token_urlsafe(15).encode()
    spare = player.stage.factory_token("Spare")
    spare.pin = b"spr-" + new_pin(12)

    player.certified("rsa2048")
    folder = player.backup("stick")
    held = _wanted(player, folder, spare.pin)
    pin: dict[str, Any] = {"backup_pin": person.backup_pin}
    player.run("backup", "open", folder, expect=10)
    player.run("csr", "--key", "p256", "--out", person.folder / "b.csr", pin=player.token.pin)
    player.pull()
    player.run("report", "malfunction", password=b"not the password", expect=22)
    player.run("report", "malfunction", password=person.password)
    activate = ("backup", "activate", folder, "--reason", "malfunction", "--wait")
    activated = player.run(*activate, **pin).answer
    player.run("backup", "open", folder, **pin)
    player.plug(spare)
    player.run("token", "init", "--token", spare.serial, so_pin=spare.so_pin, new_pin=spare.pin)
    player.run("backup", "restore", folder, "--token", spare.serial, pin=spare.pin, **pin)
    active = [
        row["id_operazione"]
        for row in player.run("certificates").answer["certificates"]
        if row["state"] == "active"
    ]
    player.run("cancel", *active, "--reason", "other", "--note", "n", "--yes", pin=spare.pin)

    pids = _at_rest(player)
    assert len(pids) == 2, "agent and authority"
    home = person.home
    with _somebody_who_keeps(home, person.password) as keeper:
        assert traces.in_memory([keeper], held), "the search finds what is there"
    assert traces.in_memory(pids, held) == []
    assert traces.in_the_open(pids, held) == []
    assert [pid for pid in pids if traces.may_dump_core(pid)] == []

    assert traces.in_files([home], held) == []
    proofs = _proofs(folder, person.backup_pin, home, activated)
    ours = [path for path in home.iterdir() if path.name != "authority" and path.is_dir()]
    # The authority's own folder holds the verifier by right; the agent's files must not.
    assert traces.in_files(ours, proofs) == []
    assert [p for p in home.iterdir() if p.is_file() and traces.holds(p, proofs)] == []
    leak = home / "leak"
    leak.write_bytes(b"x" + next(iter(proofs["PIN verifier"])))
    assert f"PIN verifier in {leak}" in traces.in_files([home], proofs)


def test_every_form_is_found(tmp_path: Path) -> None:
    """The positive control: each form of a secret, inside other bytes, in a process and a file."""
    secret = b"pwd-" + secrets.token_urlsafe(15).encode()
    wanted = {"secret": traces.of_bytes(secret)}
    for form in sorted(traces.of_bytes(secret)):
        assert not traces.in_files([tmp_path], wanted)
        path = tmp_path / "holds"
        path.write_bytes(b"\x01\x02" + form + b"\x03")
        assert traces.in_files([tmp_path], wanted), form
        with _somebody_who_keeps(tmp_path, form) as keeper:
            assert traces.in_memory([keeper], wanted), form
        path.unlink()


def _at_rest(player: Player) -> list[int]:
    """The processes that stay when the workers have ended for being idle."""
    paths = Paths.find(player.person.environment())
    until = time.monotonic() + IDLE_S
    while len(pids := processes_of(player.person.home)) > 2:
        assert time.monotonic() < until, f"workers do not end: {pids}, see {paths.log}"
        time.sleep(0.25)
    return pids


def _wanted(player: Player, folder: Path, spare_pin: bytes) -> Mapping[str, set[bytes]]:
    """Everything that must be nowhere, in every form; the key by the authority's own part of it."""
    person = player.person
    content_key, key = spare_key(person, folder)
    return {
        "token PIN": traces.of_bytes(player.token.pin),
        "SO PIN": traces.of_bytes(player.token.so_pin),
        "spare token's PIN": traces.of_bytes(spare_pin),
        "backup PIN": traces.of_bytes(person.backup_pin),
        "account password": traces.of_bytes(person.password),
        "successor key": traces.of_key(key),
        "content key": traces.of_bytes(content_key),
    }


def _proofs(
    folder: Path, pin: bytes, home: Path, activated: Mapping[str, Any]
) -> dict[str, set[bytes]]:
    """What, with the folder, would let anybody try PINs offline: verifier and signatures.

    Ed25519 is deterministic (RFC 8032 §5.1.6): the signatures are made again from what the
    authority and the grant still know of the requests.
    """
    container = backup_folder.read_container(folder)
    signer: Ed25519PrivateKey = pin_key.derive(pin, container.manifest.salt)
    public = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    authority = open_authority(Home(home / "authority"))
    try:
        with authority.db.transaction() as tx:
            query = select(NonceRow).where(NonceRow.purpose == "backup.activate")
            nonces = [row.nonce for row in tx.scalars(query)]
    finally:
        authority.db.close()
    assert nonces
    about: dict[str, Any] = {
        "backup_id": container.manifest.backup_id,
        "container_sha256": container.sha256,
    }
    requests: list[msgspec.Struct] = [
        messages.ActivationRequest(nonce=nonce, reason=Reason.MALFUNCTION, **about)
        for nonce in nonces
    ]
    grant = msgspec.convert(activated["grant"], messages.GrantStatement)
    requests.append(
        messages.CollectionRequest(
            nonce=grant.nonce,
            recipient_info=iwk.recipient_info(container),
            ephemeral_public_key=grant.ephemeral_public_key,
            **about,
        )
    )
    signatures = {signer.sign(messages.canonical(request)) for request in requests}
    return {
        "PIN verifier": traces.of_bytes(public),
        "PIN signature": {form for one in signatures for form in traces.of_bytes(one)},
    }


@contextmanager
def _somebody_who_keeps(home: Path, secret: bytes) -> Iterator[int]:
    """A process of this home that was given a secret by a pipe, and does not let it go."""
    program = (
        "import sys; kept = sys.stdin.buffer.readline(); print(len(kept), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "CUSTODE_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as keeper:
        assert keeper.stdin
        assert keeper.stdout
        keeper.stdin.write(secret.replace(b"\n", b"") + b"\n")
        keeper.stdin.flush()
        assert keeper.stdout.readline()
        try:
            yield keeper.pid
        finally:
            keeper.kill()
