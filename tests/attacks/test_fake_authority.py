"""A manifest that names another authority: the address in it is a hint that nobody follows."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tests.unit.container.conftest import make_certificate

from custode.container import iwk
from custode.container.errors import ContainerInvalid
from custode.jobs import activation
from custode.jobs.context import Job
from custode_drivers.portals.errors import PortalUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.container.conftest import Backup


class Door:
    """Somewhere that is listened at; who comes is noticed and hung up on."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"

    def somebody_came(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def fake() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture
def folder(backup: Backup, fake: Door, tmp_path: Path) -> Path:
    """A folder signed by the original itself, whose manifest names the fake authority."""
    manifest = msgspec.structs.replace(
        backup.manifest, authority_address=fake.url, authority_name="Custode Test CA"
    )
    data = iwk.build(
        manifest,
        backup.inner,
        backup.recovery.public_key(),
        backup.sign,
        backup.certificate,
        trial=lambda _: None,
    )
    (tmp_path / "iw.iwk").write_bytes(data)
    return tmp_path


def _job(folder: Path, original: bytes, authority: dict[str, str], pin: bytes) -> Job:
    read, write = os.pipe()
    os.write(write, pin)
    os.close(write)
    params: dict[str, Any] = {
        "folder": str(folder),
        "original": original,
        "reason": "lost",
        "authority": authority,
    }
    return Job(params, [read], lambda name, params: {})


def _configured(backup: Backup, folder: Path, url: str) -> dict[str, str]:
    pinned = folder / "ca.pem"
    pinned.write_bytes(backup.certificate.public_bytes(Encoding.PEM))
    (folder / "api.key").write_text("ck_key")
    return {
        "url": url,
        "pin_sha256": backup.certificate.fingerprint(SHA256()).hex(),
        "ca_certificate": str(pinned),
        "api_key_file": str(folder / "api.key"),
    }


def test_a_fake_authority_in_a_manifest_hears_nothing(
    backup: Backup, folder: Path, fake: Door, pin: bytes
) -> None:
    """PIN and key go to the configured authority or nowhere."""
    assert iwk.parse((folder / "iw.iwk").read_bytes()).manifest.authority_address == fake.url
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    where = _configured(backup, folder, f"https://127.0.0.1:{port}")  # nobody is there now
    original = backup.certificate.public_bytes(Encoding.DER)
    for step in (activation.request, activation.open_):
        with pytest.raises(PortalUnavailable):
            step(_job(folder, original, where, pin))
        assert not fake.somebody_came()
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2]))):
        assert fake.somebody_came()  # it would have been noticed


def test_a_folder_of_a_fake_original_is_refused_before_its_pin_is_used(
    backup: Backup, folder: Path, fake: Door, pin: bytes
) -> None:
    stranger = make_certificate(backup.successor).public_bytes(Encoding.DER)
    with pytest.raises(ContainerInvalid):
        activation.request(_job(folder, stranger, _configured(backup, folder, fake.url), pin))
    assert not fake.somebody_came()
