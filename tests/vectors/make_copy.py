"""Makes the vectors of copies, once: `python tests/vectors/make_copy.py` rewrites them.

As `make.py`, with the token's part done by `cryptography`: the PKCS#8 that is wrapped has zeros
behind it up to whole blocks, as SoftHSM puts them there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from custode.container import copied, inner, iwk
from custode_authority.wire import manifest, oids, parameters
from custode_authority.wire.states import BackupKind

sys.path.insert(0, str(Path(__file__).parent))
import make

BLOCK: Final = 8


class Copy(make.Vector):
    """One good container of a copy, and its spoilt sisters."""

    def __init__(self, name: str, original: make.Key, place: Path = make.HERE) -> None:
        super().__init__(name, original, original, place)
        self.manifest = msgspec.structs.replace(self.manifest, kind=BackupKind.COPY)
        self.inner = self.sealed()

    def sealed(self) -> bytes:
        """The PIN layer, as a token and the product make it together."""
        salt = copied.new_salt()
        key = bytes(copied.key_encryption_key(make.PIN, salt))
        return copied.seal(salt, aes_key_wrap_with_padding(key, padded(self.original)))

    def negative(self, data: bytes) -> dict[str, bytes]:
        """Containers with one fault each, all of them well signed."""
        body = iwk.parse(data).outer
        raw = msgspec.json.decode(manifest.encode(self.manifest))
        another = inner.key_sha256(ec.generate_private_key(ec.SECP256R1()))

        def said(**changes: str) -> bytes:
            return self.signed(body, msgspec.json.encode(raw | changes, order="sorted"))

        return {
            "named-successor.iwk": said(kind="successor"),
            "of-another-key.iwk": said(successor_sha256=another),
            "successor-inside.iwk": self.around(inner.seal(self.original, make.PIN)),
            "scrypt-2-14.iwk": self.cheap(),
            "scrypt-2-20.iwk": self.around(changed(self.inner, cost=2**20)),
            "wrap-rfc-3394.iwk": self.around(changed(self.inner, wrap=oids.AES_256_WRAP)),
            "wrapped-cut.iwk": self.around(changed(self.inner, cut=BLOCK)),
            "wrapped-changed.iwk": self.around(changed(self.inner, flip=True)),
        }

    def cheap(self) -> bytes:
        """A container whose PIN layer was really made at another price."""
        before = parameters.SCRYPT_N
        parameters.SCRYPT_N = 2**14  # type: ignore[misc]  # Final, and this is the point
        try:
            weak = self.sealed()
        finally:
            parameters.SCRYPT_N = before  # type: ignore[misc]  # as it was
        return self.around(weak)


def changed(
    sealed: bytes,
    *,
    cost: int | None = None,
    wrap: x509.ObjectIdentifier | None = None,
    cut: int = 0,
    flip: bool = False,
) -> bytes:
    """A PIN layer with one thing changed."""
    info = asn1.decode_der(copied.EncryptedPrivateKeyInfo, sealed)
    pbes2 = info.algorithm.parameters
    pbes2.key_derivation.parameters.cost = cost or pbes2.key_derivation.parameters.cost
    pbes2.encryption.algorithm = wrap or pbes2.encryption.algorithm
    data = info.encrypted_data
    info.encrypted_data = bytes((data[0] ^ flip,)) + data[1 : len(data) - cut]
    return asn1.encode_der(info)


def padded(key: make.Key) -> bytes:
    """PKCS#8 with zeros behind it, up to whole blocks."""
    clear = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return clear + bytes(-len(clear) % BLOCK)


def main() -> None:
    """Write every vector of a copy anew."""
    Copy("copy-p256", ec.generate_private_key(ec.SECP256R1())).write()
    Copy("copy-rsa2048", rsa.generate_private_key(65537, 2048)).write()
    shutil.rmtree(make.HERE / "copy-rsa2048" / "negative")  # the faults are the same ones


if __name__ == "__main__":
    main()
