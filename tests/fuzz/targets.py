"""What is fuzzed: each target reads bytes as they come from outside, and may only refuse them.

A target raises nothing but what its readers promise; whatever else comes out of it is a finding.
Where something was accepted, writing it anew must give the same bytes. `test_fuzz.py` runs all of
them shortly with hypothesis, `python -m tests.fuzz` for as long as one likes with atheris.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, cast

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.unit.container.conftest import make_certificate, rtf_to_text

from custode.container import inner, iwk, outer, rtf
from custode.container.errors import ContainerInvalid, Undecryptable
from custode.daemon import rpc_server
from custode.daemon.secrets import SecretsServer
from custode.desktop.pin_dialog.asked import Asked, Client, Ending
from custode.desktop.pin_dialog.server import Server
from custode.error_codes import ErrorCode
from custode.errors import from_rpc
from custode.jobs import certificates
from custode.jobs.context import Job
from custode.jobs.errors import JobError
from custode.locale.catalogue import use
from custode.prompts.assuan_line import LINE_MAX
from custode.prompts.secret import Secret
from custode_authority.certificates.enrolling import check_csr
from custode_authority.certificates.signatures import decode_signature
from custode_authority.errors import Refused
from custode_authority.web import est as est_web
from custode_authority.web.exchange import read_body
from custode_authority.wire import cms, manifest, messages, oids, recovery
from custode_drivers.channel import frames
from custode_drivers.portals import custode as portal
from custode_drivers.portals import est as est_portal
from custode_drivers.portals.errors import PortalNonsense, PortalRefused
from custode_drivers.portals.transport import _refusal

CODICE_FISCALE: Final = "RSSMRA80A01H501U"
_KEY: Final = ec.derive_private_key(0xC0570DE, ec.SECP256R1())  # a test's own, for nothing else


@cache
def _certificate() -> x509.Certificate:
    return make_certificate(_KEY)


def container(data: bytes) -> None:
    """`iw.iwk`, all layers that can be read without a secret; verified by nobody's certificate."""
    with suppress(ContainerInvalid):
        read = iwk.parse(data)
        assert iwk.parse(read.data) == read
        recovery.recipient_key_id(iwk.recipient_info(read))
        iwk.verify(read, _certificate())


def layers(data: bytes) -> None:
    """What lies inside the signature, each layer by itself."""
    with suppress(ContainerInvalid, Undecryptable):
        outer.open_with_content_key(data, bytes(32))
    with suppress(Undecryptable):
        inner._check_parameters(data)  # scrypt itself comes behind this check
    with suppress(recovery.RecoveryFailed):
        recovery.unwrap_content_key(data, _KEY)
    with suppress(recovery.RecoveryFailed):
        recovery.load_recovery_public_key(data)


def manifest_(data: bytes) -> None:
    """The manifest: only its canonical form is one."""
    with suppress(manifest.ManifestInvalid):
        assert manifest.encode(manifest.decode(data)) == data


def cms_(data: bytes) -> None:
    """CMS SignedData, as a container, a signature of a request and a statement."""
    with suppress(cms.SignatureInvalid):
        cms.peek(data)
    with suppress(cms.SignatureInvalid):
        cms.verify(data, _certificate(), b"content")
    with suppress(cms.SignatureInvalid):
        cms.verify(data, _certificate(), content_type=oids.CONTENT_INFO)
    with suppress(cms.SignatureInvalid):
        cms.verify_chained(data, _certificate(), datetime(2026, 1, 1, tzinfo=UTC))


def rtf_text(data: bytes) -> None:
    """Any text comes back out of the leaflet as it went in, but for control characters."""
    # As UTF-16, so that every code unit occurs; a lone surrogate is nobody's text.
    text = data.decode("utf-16-le", "ignore")
    paragraph = rtf.Paragraph(rtf.Style.TEXT, [rtf.Run(text)])
    written = rtf.document(text, text, [rtf.Chapter(1040, [paragraph])])
    assert written.isascii()
    printed = "".join(c for c in text if ord(c) >= 0x20 and ord(c) != 0x7F)
    assert rtf_to_text(written) == printed + "\n"


def rpc_line(data: bytes) -> None:
    """A line on `agent.sock`, as the agent reads it and as a client reads an error."""
    with suppress(rpc_server._Refused):
        rpc_id, method, params = rpc_server._parse(data)
        # What was accepted can be answered.
        assert isinstance(method, str)
        assert isinstance(params, dict)
        msgspec.json.encode({"id": rpc_id})
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        member = msgspec.json.decode(data)
        if isinstance(member, dict):
            error = from_rpc(member)
            assert isinstance(error.code, ErrorCode)
            assert error.message
            assert error.hint


def secret_line(data: bytes) -> None:
    """A line on `secrets.sock`: nobody waits, so nothing is ever taken."""
    server = SecretsServer()
    waiting: asyncio.Future[int] = asyncio.Future(loop=_loop())
    server._wanted["wanted"] = waiting
    fds: list[int] = []
    with suppress(ValueError, msgspec.DecodeError):
        server._hand_over(data, fds)
    if waiting.done():  # the one thing a line without a descriptor can do
        assert msgspec.json.decode(data) == {"id": "wanted", "cancelled": True}
        assert waiting.exception() is not None
    assert not fds


def pinentry_lines(data: bytes) -> None:
    """What a client says to our PIN dialog: whatever it is, lines come back."""
    source, target = os.memfd_create("said"), os.memfd_create("heard")
    try:
        os.write(source, data)
        os.lseek(source, 0, os.SEEK_SET)
        Server(source, target, _Hasty).run()
        os.lseek(target, 0, os.SEEK_SET)
        heard = b"".join(iter(lambda: os.read(target, 65536), b""))
    finally:
        os.close(source)
        os.close(target)
        use("en")
    for line in heard.splitlines():
        assert line.split(b" ")[0] in {b"OK", b"ERR", b"D", b"S", b"INQUIRE"}
        assert len(line) <= LINE_MAX


class _Hasty:
    """A window whose person answers at once."""

    def ask(self, asked: Asked, client: Client, secret: Secret) -> Ending:
        secret.append(ord("%"))
        if asked.quality is not None:
            assert client.quality(secret) in {None, *range(-100, 101)}
        if asked.checked:
            client.fault(secret)
        if asked.generate is not None and (made := client.proposal()) is not None:
            assert len(made)
            made.wipe()
        return Ending.OK

    def confirm(self, asked: Asked, client: Client, *, one_button: bool) -> Ending:
        return Ending.OK if one_button else Ending.REFUSED


def est_body(data: bytes) -> None:
    """The body of simpleenroll: base64 or not, a PKCS#10 or not."""
    headers = {"content-type": est_web.PKCS10}
    request = cast("Any", httpx.Request("POST", "https://a", headers=headers))
    for body in (data, base64.b64encode(data)):
        with suppress(Refused):
            check_csr(est_web._decode(request, body), CODICE_FISCALE)
    text = data.decode("latin-1")
    assert est_web._file_name(text).isprintable()
    with suppress(Refused):
        decode_signature(text)


_MESSAGES: Final = tuple(
    kind
    for kind in vars(messages).values()
    if isinstance(kind, type) and issubclass(kind, messages.Message)
)


def json_body(data: bytes) -> None:
    """A JSON body of the authority's API, read as each of its messages."""
    for kind in _MESSAGES:
        with suppress(Refused):
            read = read_body(data, kind)
            assert read_body(messages.canonical(read), kind) == read


def frame(data: bytes) -> None:
    """What comes from a child: frames in pieces, descriptors that are named and did not come."""
    whole, pieces = frames.FrameBuffer(), frames.FrameBuffer()
    assert _frames(whole, [data]) == _frames(pieces, [data[:5], data[5:9], data[9:]])
    with suppress(frames.ChannelBroken):
        read = frames.decode(data)
        assert frames.decode(frames.encode(read)[4:]) == read


def _frames(buffer: frames.FrameBuffer, pieces: list[bytes]) -> list[frames.Received]:
    taken: list[frames.Received] = []
    with suppress(frames.ChannelBroken):
        for piece in pieces:
            buffer.feed(piece)
            taken += buffer.frames()
    return taken


def authority_answer(data: bytes) -> None:
    """What an authority, or somebody in its place, answers to the agent."""
    with suppress(PortalNonsense):
        est_portal._certificates(httpx.Response(200, content=data))
    with suppress(PortalNonsense):
        est_portal._certificates(httpx.Response(200, content=base64.b64encode(data)))
    for kind in _MESSAGES:
        with suppress(PortalNonsense):
            portal._decode(data, kind)
    refusal = _refusal(httpx.Response(409, content=data))
    assert isinstance(refusal, PortalNonsense | PortalRefused)


def handed_in(data: bytes) -> None:
    """A file that a person hands in as a request or as a certificate."""
    job = Job({"csr": data}, [], cast("Any", None))
    with suppress(JobError):
        checked = certificates.check_csr(job)
        assert x509.load_der_x509_csr(checked["der"]).is_signature_valid
    with suppress(JobError):
        certificates.describe(certificates.read_certificate(data))


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "container": container,
    "layers": layers,
    "manifest": manifest_,
    "cms": cms_,
    "rtf": rtf_text,
    "rpc": rpc_line,
    "secrets": secret_line,
    "pinentry": pinentry_lines,
    "est": est_body,
    "json": json_body,
    "frames": frame,
    "answer": authority_answer,
    "handed_in": handed_in,
}


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def request_der() -> bytes:
    """A right request, for the seeds."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CODICE_FISCALE)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER)
