"""OpenSSL as the judge: every verdict is its exit status, never ours."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEADLINE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """What openssl said: its exit status was 0, and its words."""

    ok: bool
    words: str


def openssl(*arguments: str | Path, stdin: bytes = b"") -> Verdict:
    """Run one openssl command."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    words = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    return Verdict(done.returncode == 0, words)


def request(csr: Path) -> Verdict:
    """`openssl req -verify`: the PKCS#10 is signed by the key it names."""
    return openssl("req", "-in", csr, "-verify", "-noout", "-subject", "-text")


def chain(certificate: Path, ca: Path) -> Verdict:
    """`openssl verify`: issued by that authority."""
    return openssl("verify", "-CAfile", ca, certificate)


def revocation(certificate: Path, ca: Path, crl: Path) -> Verdict:
    """`openssl verify -crl_check`: issued by that authority, and not on its list."""
    return openssl("verify", "-crl_check", "-CAfile", ca, "-CRLfile", crl, certificate)


def signature(certificate: Path, challenge: bytes, signed: bytes, folder: Path) -> Verdict:
    """`openssl dgst -verify`: the challenge was signed by the certificate's key, just now."""
    public_key, signature_file = folder / "judge.pub", folder / "judge.sig"
    extracted = openssl("x509", "-in", certificate, "-pubkey", "-noout")
    public_key.write_text(extracted.words + "\n", "ascii")
    signature_file.write_bytes(signed)
    return openssl(
        "dgst", "-sha256", "-verify", public_key, "-signature", signature_file, stdin=challenge
    )


def outside(container: Path, original: Path, ca: Path) -> Verdict:
    """`openssl cms -verify`: the outside of a backup is signed by the original."""
    return openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", container, "-certfile", original,
        "-CAfile", ca, "-purpose", "any", "-out", "/dev/null",
    )  # fmt: skip


def pem(der: bytes, target: Path) -> Path:
    """Write a DER certificate as PEM, by openssl."""
    openssl("x509", "-inform", "DER", "-out", target, stdin=der)
    return target


def crl_pem(der: bytes, target: Path) -> Path:
    """Write a DER CRL as PEM, by openssl."""
    openssl("crl", "-inform", "DER", "-out", target, stdin=der)
    return target
