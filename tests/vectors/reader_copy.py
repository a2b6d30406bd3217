"""What a copy differs by: docs/format.md, "Of a copy". As independent as `reader.py`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(Path(__file__).parent))
from der import SEQUENCE, Node, Refused, need, take


def check_kind(manifest: Any, original: x509.Certificate) -> None:
    """A copy is of the original's own key, and only a copy is."""
    public = original.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = hashlib.sha256(public).hexdigest() == manifest["successor_sha256"]
    need(own == (manifest["kind"] == "copy"), "the kind")


def check_wrapped(name: str, parameters: list[Node], wrapped: bytes) -> None:
    """The only wrapping there is."""
    need(name == "2.16.840.1.101.3.4.1.48" and not parameters, "AES-256 key wrap with padding")
    need(24 <= len(wrapped) <= 4096 and len(wrapped) % 8 == 0, "whole blocks")


def unwrapped(salt: bytes, wrapped: bytes, pin: bytes) -> bytes:
    """docs/format.md, "Of a copy": the PKCS#8, without the zeros that a token put behind it."""
    key = Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(pin)
    try:
        clear = aes_key_unwrap_with_padding(key, wrapped)
    except InvalidUnwrap:
        raise Refused("does not open") from None
    info, behind = take(clear)
    need(info.tag == SEQUENCE and len(behind) < 8 and not any(behind), "zeros, fewer than eight")
    return info.encoding
