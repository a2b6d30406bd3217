"""Other people's programs, which judge the virtual cards: pkcs11-tool, yubico-piv-tool, openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from custode_drivers.testing.apdu import tlv

_LIBRARIES = Path("/usr/lib")
YKCS11 = next(_LIBRARIES.glob("*/libykcs11.so*"), None)
OPENSC = next(_LIBRARIES.glob("*/opensc-pkcs11.so"), None)
# AlgorithmIdentifiers (RFC 4055 §5, RFC 5758 §3.2).
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
MANAGEMENT_KEY = "0102030405060708" * 3


def run(*command: str | Path, fails: bool = False) -> str:
    """What a program said, on both outputs; it has to succeed, or to fail."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = done.stdout + done.stderr
    assert (done.returncode != 0) is fails, f"{command}: {told}"
    return told


@dataclass(frozen=True)
class Judge:
    """pkcs11-tool with a module, and a folder for files."""

    module: Path | None
    folder: Path
    pin: str = "123456"
    so_pin: str = MANAGEMENT_KEY
    token: tuple[str, ...] = ()
    """Which of the tokens, when a card is more than one."""

    def run(self, *arguments: str | Path, fails: bool = False) -> str:
        assert self.module is not None, "make setup installs ykcs11 and opensc-pkcs11"
        tool = ("pkcs11-tool", "--module", self.module)
        return run(*tool, *self.token, *arguments, fails=fails)

    def as_user(self, *arguments: str | Path, pin: str | None = None, fails: bool = False) -> str:
        return self.run("--login", "--pin", pin or self.pin, *arguments, fails=fails)

    def as_so(self, *arguments: str | Path) -> str:
        return self.run("--login", "--login-type", "so", "--so-pin", self.so_pin, *arguments)

    def generate(self, kind: str, key_id: str) -> None:
        assert "Key pair generated" in self.as_so(
            "--keypairgen", "--key-type", kind, "--id", key_id
        )

    def public(self, key_id: str) -> bytes:
        """The SubjectPublicKeyInfo that the module shows."""
        path = self.folder / "public.der"
        self.run("--read-object", "--type", "pubkey", "--id", key_id, "--output-file", path)
        return path.read_bytes()

    def sign(self, data: bytes, key_id: str, mechanism: str) -> bytes:
        given, made = self.folder / "data", self.folder / "signature"
        given.write_bytes(data)
        self.as_user(
            *("--sign", "--id", key_id, "--mechanism", mechanism),
            *("--signature-format", "openssl", "--input-file", given, "--output-file", made),
        )
        return made.read_bytes()

    def request(self, key_id: str, public: bytes) -> str:
        """Make a CSR (RFC 2986 §4) with a key of the card, and what openssl says of it."""
        is_rsa = isinstance(load_der_public_key(public), RSAPublicKey)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ada Rossi")])
        info = tlv(0x30, b"\x02\x01\x00" + subject.public_bytes() + public + b"\xa0\x00")
        signature = self.sign(info, key_id, "SHA256-RSA-PKCS" if is_rsa else "ECDSA-SHA256")
        algorithm = _RSA_SHA256 if is_rsa else _ECDSA_SHA256
        path = self.folder / "request.der"
        path.write_bytes(tlv(0x30, info + algorithm + tlv(0x03, b"\0" + signature)))
        return run("openssl", "req", "-inform", "DER", "-in", path, "-verify", "-noout")

    def install(self, certificate: Path, key_id: str) -> None:
        self.as_so("--write-object", certificate, "--type", "cert", "--id", key_id)

    def flags(self) -> str:
        """The token flags, as pkcs11-tool words them, of the first slot with a card."""
        told = self.run("--list-token-slots")
        return next(line for line in told.splitlines() if "token flags" in line)


def self_signed(folder: Path, *, kind: str = "rsa:2048") -> tuple[Path, Path]:
    """A private key, PEM, and a certificate for it, DER."""
    key, certificate = folder / "imported.pem", folder / "imported.der"
    options = ("-pkeyopt", f"ec_paramgen_curve:{kind[3:]}") if kind.startswith("ec:") else ()
    run(
        *("openssl", "req", "-x509", "-newkey", "ec" if options else kind, *options, "-nodes"),
        *("-subj", "/CN=Ada Rossi", "-keyout", key, "-outform", "DER", "-out", certificate),
    )
    return key, certificate
