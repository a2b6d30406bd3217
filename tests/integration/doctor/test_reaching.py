"""An authority elsewhere: each step of reaching it fails in its own way, and is told apart."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from custode_drivers.portals import checks

from .conftest import Row, Ward

HOST = "127.0.0.1"


@dataclass
class Authority:
    """A CA, and a certificate of it for this computer."""

    folder: Path
    days: tuple[int, int] = (-1, 1)
    """From when until when the server's certificate is valid, from now."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        key, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test")])
        now = datetime.now(UTC)

        def certificate(of: Any, days: tuple[int, int], extension: Any, *, ca: bool) -> Any:
            return (
                x509.CertificateBuilder()
                .subject_name(name if ca else x509.Name([]))
                .issuer_name(name)
                .public_key(of.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + timedelta(days=days[0]))
                .not_valid_after(now + timedelta(days=days[1]))
                .add_extension(extension, critical=True)
                .sign(key, hashes.SHA256())
            )

        ca = certificate(key, (-9, 9), x509.BasicConstraints(ca=True, path_length=None), ca=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))])
        one = certificate(server, self.days, names, ca=False)
        self.pem = ca.public_bytes(serialization.Encoding.PEM)
        der = ca.public_bytes(serialization.Encoding.DER)
        self.pin = hashlib.sha256(der).hexdigest()
        self.chain = self.folder / "server.pem"
        self.chain.write_bytes(
            server.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + one.public_bytes(serialization.Encoding.PEM)
        )

    @contextmanager
    def serving(self, answer: Callable[[], bytes]) -> Iterator[int]:
        """Speak TLS on a free port, and answer each request so."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)

        def speak(client: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(client, server_side=True) as secured:
                while b"\r\n\r\n" not in secured.recv(4096):
                    pass
                secured.sendall(answer())

        with plainly(speak) as port:
            yield port


@contextmanager
def plainly(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection so, on a free port."""
    with socket.create_server((HOST, 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = door.accept()
                    with client:
                        client.settimeout(10)
                        speak(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(15)


def ok(at: datetime | None = None) -> bytes:
    date = format_datetime(at or datetime.now(UTC), usegmt=True)
    return f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def authority(ward: Ward, tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "authority")
    ward.paths.authority_home.mkdir(mode=0o700)
    (ward.paths.authority_home / "ca.pem").write_bytes(made.pem)
    return made


def look(ward: Ward, authority: Authority, port: int, host: str = HOST) -> Row:
    ward.configure(f'[authority]\nurl = "https://{host}:{port}"\npin_sha256 = "{authority.pin}"\n')
    (found,) = ward.rows("portals.authority")
    return found


def test_each_step_is_told_apart(
    ward: Ward, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "STEP_S", 1.0)
    with authority.serving(ok) as port:
        assert look(ward, authority, port)["code"] == "reached"
        assert ward.code("portals.clock") == "right"
        assert look(ward, authority, port, "nobody.invalid")["code"] == "name"
        (ward.paths.authority_home / "ca.pem").rename(tmp_path / "ca.pem")
        assert look(ward, authority, port)["code"] == "no_ca"
        other = Authority(tmp_path / "other")
        (ward.paths.authority_home / "ca.pem").write_bytes(other.pem)
        assert look(ward, authority, port)["code"] == "other_ca"
        (tmp_path / "ca.pem").rename(ward.paths.authority_home / "ca.pem")
        assert look(ward, authority, port)["code"] == "reached"
    assert look(ward, authority, port)["code"] == "no_answer"  # nobody is there any more
    assert ward.code("portals.clock") == "not_asked"
    with other.serving(ok) as port:
        assert look(ward, authority, port)["code"] == "untrusted"
    with plainly(lambda client: client.sendall(b"SSH-2.0-x\r\n")) as port:
        assert look(ward, authority, port)["code"] == "no_tls"
    with plainly(lambda client: (client.recv(4096), client.recv(1))) as port:  # type: ignore[arg-type]  # what it gives is nobody's
        assert look(ward, authority, port)["code"] == "silent"
    with authority.serving(lambda: b"220 mail\r\n") as port:
        assert look(ward, authority, port)["code"] == "no_http"
    found = look(ward, authority, port)
    assert found["outcome"] == "fail"
    assert found["mend"]["step"]


def test_clocks(ward: Ward, authority: Authority, tmp_path: Path) -> None:
    """Off by more than the tolerance either way; and outside of the certificate's own time."""
    ahead = datetime.now(UTC) + checks.TOLERANCE + timedelta(seconds=60)
    behind = datetime.now(UTC) - checks.TOLERANCE - timedelta(seconds=60)
    for at, sign in ((ahead, -1), (behind, 1)):
        with authority.serving(lambda at=at: ok(at)) as port:  # type: ignore[misc]  # bound now
            assert look(ward, authority, port)["code"] == "reached"
            (found,) = ward.rows("portals.clock")
            assert (found["outcome"], found["code"]) == ("fail", "wrong")
            assert abs(found["data"]["difference_s"] - sign * 180) < 30
            # "Set this computer's clock"
            case = {"now": lambda at=at: at}
            assert ward.code("portals.clock", **case) == "right"
    with authority.serving(lambda: ok(datetime.now(UTC) - checks.TOLERANCE / 2)) as port:
        look(ward, authority, port)
        assert ward.code("portals.clock") == "right"
    for number, days in enumerate([(2, 3), (-3, -2)]):
        other = Authority(tmp_path / f"other-{number}", days)
        (ward.paths.authority_home / "ca.pem").write_bytes(other.pem)
        with other.serving(ok) as port:
            assert look(ward, other, port)["code"] == "wrong_time"
            assert ward.code("portals.clock") == "outside"
