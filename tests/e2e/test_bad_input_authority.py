"""Something is wrong where the authority should be: each way has its own end, and nothing is lost.

First the client that every portal uses, against a real TLS server that misbehaves; then the same
as a person meets it, with the authority configured by address and fingerprint.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from custode.errors import from_child
from custode.jobs.errors import from_portal
from custode_drivers.portals.errors import PortalError
from custode_drivers.portals.transport import MAX_ANSWER, Address, Transport

from .conftest import Player
from .fake_server import DAY, Answer, Ca, free_address, serving

TIMEOUT_S = 0.4
_HTML = Answer.http(b"<html>It works!</html>", "200 OK", "Content-Type: text/html")


@dataclass(frozen=True)
class Case:
    """What the server does, and how it is told: error code and exit status (cli.md)."""

    name: str
    answer: Answer
    code: str
    exit: int


PROBLEM = json.dumps({"title": "t", "status": 500, "code": "internal"}).encode()
CASES = [
    Case("never answers", Answer((b"",), 30), "authority_silent", 16),
    Case(
        "answers after the deadline",
        Answer((b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), TIMEOUT_S * 2),
        "authority_silent",
        16,
    ),
    Case(
        "a byte now and then",
        Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 50), TIMEOUT_S / 4),
        "authority_silent",
        16,
    ),
    Case("hangs up", Answer(()), "authority_silent", 16),
    Case(
        "hangs up in the middle",
        Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",)),
        "authority_silent",
        16,
    ),
    Case("is no HTTP", Answer((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",)), "authority_nonsense", 20),
    Case(
        "redirects", Answer.http(b"", "302 Found", "Location: https://x"), "authority_nonsense", 20
    ),
    Case(
        "answers without an end",
        Answer((b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(1 << 20)] * (MAX_ANSWER // (1 << 20) + 1))),
        "authority_nonsense",
        20,
    ),
    Case(
        "sends a bomb",
        Answer.http(gzip.compress(bytes(1 << 20)), "200 OK", "Content-Encoding: gzip"),
        "authority_nonsense",
        20,
    ),
    Case("is out of order", Answer.http(b"", "503 Busy"), "authority_unavailable", 20),
    Case("has a fault", Answer.http(PROBLEM, "500 Oh"), "authority_unavailable", 20),
    Case("refuses without a reason", Answer.http(b"no", "403 No"), "authority_refused", 21),
]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Ca:
    return Ca.make(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_client_of_every_portal(case: Case, ca: Ca) -> None:
    pem = ca.folder / "ca.pem"
    pem.write_bytes(ca.pem)
    with serving(ca.server(), case.answer) as url:
        address = Address(url, str(pem), ca.pin)
        with Transport(address, timeout_s=TIMEOUT_S) as transport, pytest.raises(PortalError) as e:
            transport.send("GET", "/v1/account")
    failure = from_portal(e.value)
    error = from_child(failure.code, failure.data)
    assert (error.code, error.exit) == (case.code, case.exit)
    assert error.message
    assert error.hint


@contextmanager
def elsewhere(player: Player, ca: Ca, url: str) -> Iterator[None]:
    """The authority is configured by address and fingerprint; the agent reads that by itself."""
    config = player.person.home / "config.toml"
    before = config.read_text()
    here = [line for line in before.splitlines() if not line.startswith(("autostart", "gener"))]
    text = "\n".join([*here, f'url = "{url}"', f'pin_sha256 = "{ca.pin}"', ""])
    partial = config.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(config)
    try:
        yield
    finally:
        partial.write_text(before)
        partial.replace(config)


@pytest.mark.e2e
def test_what_a_person_is_told(player: Player, ca: Ca, tmp_path: Path) -> None:
    player.certified()
    before = player.run("certificates").answer
    own = player.person.ca.read_bytes()
    stranger = Ca.make(tmp_path)
    table = [
        # what stands there, code, exit status
        (None, None, "authority_unavailable", 20),
        (stranger.server(), _HTML, "authority_untrusted", 20),
        (ca.server(begins=-9 * DAY, ends=-DAY), _HTML, "clock_wrong", 20),
        (ca.server(begins=DAY, ends=9 * DAY), _HTML, "clock_wrong", 20),
        (ca.server(), _HTML, "authority_nonsense", 20),
        (ca.server(), Answer.http(b'[{"state":"active"}]'), "authority_nonsense", 20),
    ]
    player.person.ca.write_bytes(ca.pem)
    for tls, answer, code, status in table:
        if tls is None or answer is None:
            with elsewhere(player, ca, free_address()):
                ran = player.run("certificates", expect=None)
        else:
            with serving(tls, answer) as url, elsewhere(player, ca, url):
                ran = player.run("certificates", expect=None)
        assert (ran.error.get("code"), ran.exit) == (code, status)
        assert ran.error["message"]
    player.person.ca.write_bytes(own)
    assert player.run("certificates").answer == before

    # A certificate file that is not the pinned one is not believed either.
    with serving(stranger.server(), _HTML) as url, elsewhere(player, ca, url):
        ran = player.run("certificates", expect=20)
    assert ran.error["code"] == "authority_untrusted"
