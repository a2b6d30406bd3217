"""Where the fuzzers begin: right inputs and old findings, one folder a target, committed.

`python -m tests.fuzz.seeds` writes the right ones anew after a change of a format; what was found
(`found-…`) stays.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).with_name("seeds")


@cache
def seeds_of(target: str) -> list[bytes]:
    """The seeds of one target, by the names of their files."""
    return [path.read_bytes() for path in sorted((FOLDER / target).iterdir())]


def _right() -> Iterator[tuple[str, str, bytes]]:
    """Target, name, content of every right input."""
    import base64
    import hashlib
    import json
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
    from tests.fuzz.targets import _KEY, _certificate, request_der

    from custode.container import inner, iwk
    from custode.error_codes import ErrorCode
    from custode.errors import CustodeError, to_rpc
    from custode_authority.wire import cms, manifest, messages
    from custode_authority.wire.states import BackupKind
    from custode_drivers.channel import frames

    certificate = _certificate()
    about = manifest.Manifest(
        backup_id="0123456789abcdef" * 2,
        kind=BackupKind.SUCCESSOR,
        identity_code="PROVA01",
        original_sha256=certificate.fingerprint(SHA256()).hex(),
        successor_sha256=inner.key_sha256(_KEY),
        created=datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC),
        authority_name="Autorità di prova",
        authority_address="https://127.0.0.1:8443",
        salt=bytes(range(16)),
    )
    sealed = inner.seal(_KEY, b"a fine backup PIN")
    data = iwk.build(
        about,
        sealed,
        _KEY.public_key(),
        lambda told: _KEY.sign(told, ec.ECDSA(SHA256())),
        certificate,
        trial=lambda _: None,
    )
    read = iwk.parse(data)
    yield "container", "right", data
    yield "layers", "outer", read.outer
    yield "layers", "inner", sealed
    yield "layers", "recipient", iwk.recipient_info(read)
    yield "manifest", "right", manifest.encode(about)
    yield "cms", "container", data
    yield "cms", "detached", cms.sign_with_key(b"content", _KEY, detached=True)
    yield "rtf", "italian", "Perché {no}? \\ 100 € – 🔑".encode("utf-16-le")
    hello = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1, "client": "t"}}
    yield "rpc", "hello", json.dumps(hello).encode() + b"\n"
    error = to_rpc(CustodeError(ErrorCode.PIN_INCORRECT, attempts_remaining=2, token="T"))
    yield "rpc", "error", json.dumps(error).encode()
    yield "secrets", "wanted", b'{"id":"wanted"}\n'
    yield "secrets", "cancelled", b'{"id":"wanted","cancelled":true}\n'
    said = b"OPTION lc-messages=it_IT.UTF-8\nSETDESC a%0Ab\nSETTIMEOUT 9\nGETINFO flavor\n"
    yield "pinentry", "asked", said + b"OPTION custode-attempts=1\nGETPIN\nCONFIRM\nBYE\n"
    new = b"SETREPEAT again\nSETQUALITYBAR q\nSETGENPIN g\nOPTION constraints-enforce\nGETPIN\n"
    yield "pinentry", "new", new + b"D -42\nEND\nD Too%20short\nEND\nD ab%25\nEND\n"
    yield "est", "request", request_der()
    yield "est", "base64", base64.b64encode(request_der())
    yield "handed_in", "request", request_der()
    yield "handed_in", "certificate", certificate.public_bytes(Encoding.PEM)
    yield "json", "nonce", messages.canonical(messages.NonceRequest(purpose="cancel"))
    digest = hashlib.sha256(b"").hexdigest()
    collection = messages.CollectionRequest(
        nonce="n" * 20,
        backup_id=about.backup_id,
        container_sha256=digest,
        recipient_info=iwk.recipient_info(read),
        ephemeral_public_key=bytes(32),
    )
    yield "json", "collection", messages.canonical(collection)
    query = messages.StatusQuery(fingerprint_sha256=digest, nonce="n" * 20)
    yield "json", "status", messages.canonical(query)
    asked = frames.encode(frames.Request(1, "sign", {"data": b"x"}, 0))
    yield "frames", "stream", asked + frames.encode(frames.Answer(1, {"ok": True}))
    yield "frames", "body", asked[4:]
    yield "answer", "certificates", pkcs7.serialize_certificates([certificate], Encoding.DER)
    problem = messages.Problem(title="t", status=409, code="not_active", data={"left": 1})
    yield "answer", "problem", messages.canonical(problem)


if __name__ == "__main__":
    for target, name, content in _right():
        path = FOLDER / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
