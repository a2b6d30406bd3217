"""Bad input as a person meets it: each has its own end and its own sentence, and changes nothing.

PINs, containers and requests, told in tables; `test_bad_input_authority.py` has what stands where
the authority should be, `test_bad_input_state.py` clocks, databases and commands that meet.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from custode.container import iwk
from custode.demo.stage import Ran

from .conftest import Player
from .counterside import Account, request, spare_key

pytestmark = pytest.mark.e2e

ANNA = "VRDCRL85C45L219J"  # the codice fiscale of the person of these tests


def snapshot(player: Player) -> Any:
    """All that a refused command must leave as it is: at the authority, and on the token."""
    tokens = player.run("token", "list").answer["tokens"]
    return (
        player.run("certificates").answer,
        player.run("backup", "list").answer,
        [(row["serial"], row.get("keys"), row.get("certificates")) for row in tokens],
        sorted(path.name for path in (player.person.home / "requests").iterdir()),
    )


def ended(ran: Ran) -> tuple[int, str]:
    """Exit status and code; every one has a sentence and says what to do next."""
    assert ran.error["message"].endswith((".", ":"))
    assert ran.error["hint"]
    assert ran.error["exit"] == ran.exit
    return ran.exit, ran.error["code"]


def test_pins(player: Player, tmp_path: Path) -> None:
    player.certified()
    pin, before = player.token.pin, snapshot(player)
    wrong = bytes(reversed(pin)) + b"0"
    csr = ("csr", "--key", "p256", "--out", tmp_path / "x.csr")
    backup = ("backup", "create", "--to", tmp_path)
    good = player.person.backup_pin
    table: list[tuple[tuple[str | Path, ...], dict[str, bytes], tuple[int, str]]] = [
        (csr, {"pin": wrong}, (12, "pin_incorrect")),
        (csr, {"pin": b"1"}, (12, "pin_length")),
        (csr, {"pin": b""}, (2, "secret_missing")),
        (csr, {"pin": b"1" * 5000}, (2, "secret_missing")),
        (backup, {"pin": wrong, "backup_pin": good}, (12, "pin_incorrect")),
        (backup, {"pin": pin, "backup_pin": pin}, (12, "pin_equal")),
        (backup, {"pin": pin, "backup_pin": b"short"}, (12, "backup_pin_weak")),
        (backup, {"pin": pin, "backup_pin": b"tab\tinside"}, (12, "backup_pin_weak")),
    ]
    told = [
        (words[0], ended(player.run(*words, expect=None, **given))) for words, given, _ in table
    ]
    assert told == [(words[0], end) for words, _, end in table]
    assert list(tmp_path.iterdir()) == []
    assert snapshot(player) == before


@dataclass(frozen=True)
class Damage:
    """A change of `iw.iwk`, and how it ends for `verify`, `open` and `activate` alike."""

    name: str
    change: Callable[[bytes], bytes]
    code: str


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert data.count(old) == 1
        return data.replace(old, new)

    return change


DAMAGES = [
    Damage("empty", lambda _: b"", "container_invalid"),
    Damage("half of it", lambda data: data[: len(data) // 2], "container_invalid"),
    Damage("no end to it", lambda data: data + bytes(1 << 20), "container_invalid"),
    Damage("last bit", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "container_invalid"),
    Damage(
        "another version",
        _replaced(b'"format_version":1', b'"format_version":2'),
        "container_invalid",
    ),
    Damage(
        "another identity",
        _replaced(b'"identity_code":"VERDI03"', b'"identity_code":"VERDI04"'),
        "backup_of_another",
    ),
    Damage(
        "another address",
        _replaced(b'"authority_address":"https://127', b'"authority_address":"https://128'),
        "container_invalid",
    ),
]


def test_containers(player: Player, tmp_path: Path) -> None:
    folder = player.backed_up()
    player.pull()
    before, pin = snapshot(player), player.person.backup_pin
    data = (folder / "iw.iwk").read_bytes()
    told, bad = [], folder
    for damage in DAMAGES:
        bad = tmp_path / damage.name.replace(" ", "-")
        shutil.copytree(folder, bad)
        (bad / "iw.iwk").write_bytes(damage.change(data))
        told.append((damage.name, ended(player.run("backup", "verify", bad, expect=None))))
    assert told == [(damage.name, (30, damage.code)) for damage in DAMAGES]
    # No PIN is asked for before the container is known to be this identity's own.
    asking: list[list[str | Path]] = [["open", bad], ["activate", bad, "--reason", "lost"]]
    for words in asking:
        assert ended(player.run("backup", *words, expect=None)) == (30, "container_invalid")
    assert ended(player.run("backup", "verify", tmp_path, expect=None)) == (30, "not_a_backup")
    missing = tmp_path / "gone"
    assert ended(player.run("backup", "open", missing, expect=None))[0] == 30

    # A right one, of another identity: neither opened nor asked about.
    other = player.stage.person("dario", "NERI0004", "NREDRA70D15A944Z")
    stranger = Player(player.stage, other, player.stage.factory_token("Dario"))
    stranger.initialised()
    ran = stranger.run("backup", "open", folder, expect=None, backup_pin=pin)
    assert ended(ran) == (30, "backup_of_another")
    assert iwk.parse(data).manifest.identity_code == player.person.code
    assert snapshot(player) == before
    assert player.run("backup", "verify", folder).answer["registered"] is True


def pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"


def test_requests(player: Player, tmp_path: Path) -> None:
    """The same bad requests through `custode request --csr`, and through plain EST."""
    folder = player.backed_up()
    address = player.run("status").answer["authority"]["url"]
    mine = Account.of(player.person, address)
    other = Account.open(player.person, address, "NERI0004", "NREDRA70D15A944Z")
    taken = ec.generate_private_key(ec.SECP256R1())
    assert other.enrol(request(taken, "NREDRA70D15A944Z")).status_code == 202
    fresh = ec.generate_private_key(ec.SECP256R1())
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused for it
    _, spare = spare_key(player.person, folder)
    before = snapshot(player)

    table: list[tuple[str, bytes, tuple[int, str], tuple[int, str]]] = [
        # what it is, PKCS#10, how it ends here, how it ends by EST
        ("garbage", b"garbage", (2, "csr_invalid"), (400, "malformed")),
        ("cut", request(fresh, ANNA)[:-9], (2, "csr_invalid"), (400, "malformed")),
        (
            "broken signature",
            request(fresh, ANNA, broken=True),
            (30, "integrity"),
            (400, "csr_signature"),
        ),
        (
            "foreign subject",
            request(fresh, "RSSMRA80A01H501U"),
            (21, "csr_subject"),
            (400, "csr_subject"),
        ),
        (
            "small key",
            request(small, ANNA),
            (21, "csr_key"),
            (400, "csr_key"),
        ),
        (
            "key of a kind that nobody certifies",
            request(ed25519.Ed25519PrivateKey.generate(), ANNA),
            (21, "csr_key"),
            (400, "csr_key"),
        ),
        (
            "curve that nobody certifies",
            request(ec.generate_private_key(ec.SECP521R1()), ANNA),
            (21, "csr_key"),
            (400, "csr_key"),
        ),
        (
            "key of another identity",
            request(taken, ANNA),
            (21, "key_of_another"),
            (409, "key_of_another"),
        ),
        (
            "key of a successor",
            request(spare, ANNA),
            (21, "key_is_successor"),
            (409, "key_is_successor"),
        ),
    ]
    here, by_est = [], []
    for name, der, _, _ in table:
        file = tmp_path / f"{name.replace(' ', '-')}.csr"
        file.write_bytes(pem(der))
        ran = player.run("request", "--csr", file, expect=None, pin=player.token.pin)
        here.append((name, ended(ran)))
        answer = mine.enrol(der)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        by_est.append((name, (answer.status_code, answer.json()["code"])))
    assert here == [(name, end) for name, _, end, _ in table]
    assert by_est == [(name, end) for name, _, _, end in table]

    # The right key and name, but nobody who holds the active certificate signed it (rule 5).
    answer = mine.enrol(request(fresh, ANNA))
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_required")
    binary = tmp_path / "binary.csr"
    binary.write_bytes(request(fresh, ANNA))
    assert ended(player.run("request", "--csr", binary, expect=None))[1] == "file_unreadable"
    assert snapshot(player) == before
