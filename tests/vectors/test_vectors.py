"""The committed vectors: opened by the product, and by a reader that shares no code with it."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from custode.container import copied, inner, iwk, outer, pin_key
from custode.container.errors import ContainerError, Undecryptable
from custode_authority.recovery import export_file
from custode_authority.wire import cms, manifest, recovery, reseal
from custode_authority.wire.states import BackupKind

HERE: Final = Path(__file__).parent
FORMAT: Final = (HERE.parents[1] / "docs" / "format.md").read_text("utf-8")
GOOD: Final = ("p256", "rsa2048", "copy-p256", "copy-rsa2048")
BAD: Final = sorted(HERE.glob("*/negative/*.iwk"))
DAY: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"vectors_{name}", HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


reader: Any = load("reader")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def product_opens(data: bytes, given: dict[str, bytes]) -> inner.PrivateKey:
    """All of the product's reading, with the recovery key in the authority's place."""
    container = iwk.parse(data)
    iwk.verify(container, x509.load_pem_x509_certificate(given["original.pem"]))
    key = load_pem_private_key(given["recovery.pem"], None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    content_key = recovery.unwrap_content_key(iwk.recipient_info(container), key)
    inside = outer.open_with_content_key(container.outer, content_key)
    if container.manifest.kind is BackupKind.COPY:
        return token_opens(copied.read(inside), given["pin.txt"], container.manifest)
    return inner.open_sealed(inside, given["pin.txt"], container.manifest.successor_sha256)


def token_opens(copy: copied.Copied, pin: bytes, about: manifest.Manifest) -> inner.PrivateKey:
    """The token's part of a copy, by `cryptography`: unwrap, and be the key that is meant."""
    key = bytes(copied.key_encryption_key(pin, copy.salt))
    try:
        clear = aes_key_unwrap_with_padding(key, copy.wrapped)
    except InvalidUnwrap as exc:
        raise Undecryptable from exc
    private = load_der_private_key(load("der").take(clear)[0].encoding, None)
    assert isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    assert inner.key_sha256(private) == about.successor_sha256
    return private


def reader_opens(data: bytes, given: dict[str, bytes]) -> inner.PrivateKey:
    container = reader.read_container(data, given["original.pem"])
    inside = reader.open_with_recovery_key(container, given["recovery.pem"])
    key: inner.PrivateKey = reader.open_with_pin(container, inside, given["pin.txt"])
    return key


def pem(key: inner.PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("name", GOOD)
def test_the_product_still_opens_the_vectors(name: str) -> None:
    given = files(HERE / name)
    container = iwk.parse(given["iw.iwk"])
    assert manifest.encode(container.manifest) == given["manifest.json"]
    assert pem(product_opens(given["iw.iwk"], given)) == given["successor.pem"]

    expected = json.loads(given["expected.json"])
    derived = pin_key.derive(given["pin.txt"], container.manifest.salt).public_key()
    assert derived.public_bytes_raw().hex() == expected["pin_public_key"]
    ca = x509.load_pem_x509_certificate(given["ca.pem"])
    assert cms.verify_chained(given["grant.der"], ca, DAY).content
    ephemeral = X25519PrivateKey.from_private_bytes(
        bytes.fromhex(expected["ephemeral_private_key"])
    )
    sealed = bytes.fromhex(expected["sealed_key"])
    content_key = reseal.open_sealed(sealed, ephemeral, given["grant.der"])
    assert content_key.hex() == expected["content_key"]


@pytest.mark.parametrize("name", GOOD)
def test_a_stranger_opens_the_vectors(name: str) -> None:
    given = files(HERE / name)
    assert pem(reader_opens(given["iw.iwk"], given)) == given["successor.pem"]
    container = reader.read_container(given["iw.iwk"], given["original.pem"])
    assert container.manifest == json.loads(given["manifest.json"])

    expected = json.loads(given["expected.json"])
    derived = reader.pin_public_key(given["pin.txt"], container.manifest)
    assert derived.hex() == expected["pin_public_key"]
    content_key = bytes.fromhex(expected["content_key"])
    assert container.envelope.open(content_key)
    ephemeral = X25519PrivateKey.from_private_bytes(
        bytes.fromhex(expected["ephemeral_private_key"])
    )
    sealed = bytes.fromhex(expected["sealed_key"])
    assert reader.open_collected(sealed, ephemeral, given["grant.der"]) == content_key


def test_there_are_negative_vectors() -> None:
    assert len(BAD) == 34


@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_both_refuse_the_spoilt(path: Path) -> None:
    given = files(path.parents[1])
    with pytest.raises(ContainerError):
        product_opens(path.read_bytes(), given)
    with pytest.raises(reader.Refused):
        reader_opens(path.read_bytes(), given)


@pytest.mark.parametrize("name", ["p256", "copy-p256"])
def test_both_refuse_another_pin(name: str) -> None:
    given = files(HERE / name) | {"pin.txt": b"correct horse batterY"}
    with pytest.raises(ContainerError):
        product_opens(given["iw.iwk"], given)
    with pytest.raises(reader.Refused):
        reader_opens(given["iw.iwk"], given)


@pytest.mark.parametrize("kind", ["p384", "rsa3072"])
def test_a_stranger_opens_what_the_product_makes_today(tmp_path: Path, kind: str) -> None:
    def key() -> inner.PrivateKey:
        if kind == "p384":
            return ec.generate_private_key(ec.SECP384R1())
        return rsa.generate_private_key(65537, 3072)

    fresh = load("make").Vector(kind, key(), key(), tmp_path)
    fresh.write()
    given = files(tmp_path / kind)
    assert pem(reader_opens(given["iw.iwk"], given)) == given["successor.pem"]
    assert pem(product_opens(given["iw.iwk"], given)) == given["successor.pem"]


def test_a_stranger_opens_the_copy_that_the_product_makes_today(tmp_path: Path) -> None:
    load("make_copy").Copy("p384", ec.generate_private_key(ec.SECP384R1()), tmp_path).write()
    given = files(tmp_path / "p384")
    assert pem(reader_opens(given["iw.iwk"], given)) == given["successor.pem"]
    assert pem(product_opens(given["iw.iwk"], given)) == given["successor.pem"]


def test_both_open_the_recovery_export() -> None:
    given = files(HERE / "export")
    told = {name: text.encode() for name, text in json.loads(given["files.json"]).items()}
    about, found = reader.read_export(given["authority.iwr"], given["pin.txt"])
    assert found == told
    assert about == json.loads(given["manifest.json"])
    export = export_file.read(given["authority.iwr"])
    assert manifest.encode(export.about) == given["manifest.json"]
    assert export.open(given["pin.txt"]) == told
    with pytest.raises(reader.Refused):
        reader.read_export(given["authority.iwr"], b"another good PIN")


def test_the_reader_shares_no_code_with_the_product() -> None:
    found = set()
    for name in ("reader.py", "reader_copy.py", "der.py"):
        for node in ast.walk(ast.parse((HERE / name).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                found.add(str(node.module).partition(".")[0])
    assert found - set(sys.stdlib_module_names) == {
        *("cryptography", "der", "reader_copy"),
    }


def commands() -> Iterator[str]:
    for block in re.findall(r"```console\n(.*?)```", FORMAT, re.DOTALL):
        yield from (line.removeprefix("$ ") for line in block.strip().splitlines())


def test_every_command_of_the_document(tmp_path: Path) -> None:
    for name in ("p256", "copy-p256", "export"):
        shutil.copytree(HERE / name, tmp_path / name)
    for name in ("reader.py", "reader_copy.py", "der.py"):
        shutil.copy(HERE / name, tmp_path)
    said = {}
    for command in commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path / "p256",
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"
        said[command] = done.stdout.decode(errors="replace")
    assert len(said) == 11
    assert any('"identity_code":"PROVA01"' in text for text in said.values())
    assert any("ECPrivateKey" in text for text in said.values())
    assert any("BEGIN PUBLIC KEY" in text for text in said.values())


def test_the_document_names_the_real_numbers() -> None:
    from custode_authority.wire import oids

    arc = oids.MANIFEST.dotted_string.removesuffix(".1")
    assert f"| {arc} |" in FORMAT
    for oid in (
        oids.AES_256_GCM,
        oids.AES_256_WRAP,
        oids.AES_256_WRAP_PAD,
        oids.SCRYPT,
        oids.PBES2,
        oids.CONTENT_INFO,
    ):
        assert oid.dotted_string in FORMAT
