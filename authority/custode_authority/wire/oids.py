"""Object identifiers of signatures and containers, each with its source."""

from __future__ import annotations

from typing import Final

from cryptography.x509 import ObjectIdentifier

# --- content types ----------------------------------------------------------------------------
DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.1")  # RFC 5652 §4
SIGNED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.2")  # RFC 5652 §5.1
AUTH_ENVELOPED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.9.16.1.23")  # RFC 5083 §2.1
CONTENT_INFO: Final = ObjectIdentifier("1.2.840.113549.1.9.16.1.6")  # RFC 5652 §3

# --- signed attributes ------------------------------------------------------------------------
CONTENT_TYPE: Final = ObjectIdentifier("1.2.840.113549.1.9.3")  # RFC 5652 §11.1
MESSAGE_DIGEST: Final = ObjectIdentifier("1.2.840.113549.1.9.4")  # RFC 5652 §11.2

# --- algorithms -------------------------------------------------------------------------------
SHA_256: Final = ObjectIdentifier("2.16.840.1.101.3.4.2.1")  # RFC 5754 §2.2
RSA_ENCRYPTION: Final = ObjectIdentifier("1.2.840.113549.1.1.1")  # RFC 3370 §3.2
SHA_256_WITH_RSA: Final = ObjectIdentifier("1.2.840.113549.1.1.11")  # RFC 5754 §3.2
ECDSA_WITH_SHA_256: Final = ObjectIdentifier("1.2.840.10045.4.3.2")  # RFC 5754 §3.3
EC_PUBLIC_KEY: Final = ObjectIdentifier("1.2.840.10045.2.1")  # RFC 5480 §2.1.1
SECP256R1: Final = ObjectIdentifier("1.2.840.10045.3.1.7")  # RFC 5480 §2.1.1.1
ECDH_SHA256_KDF: Final = ObjectIdentifier("1.3.132.1.11.1")  # RFC 5753 §7.1.4
AES_256_WRAP: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.45")  # RFC 3565 §2.3.2
AES_256_WRAP_PAD: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.48")  # RFC 5649 §5
AES_256_CBC: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.42")  # RFC 3565 §4.1
AES_256_GCM: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.46")  # RFC 5084 §3.2
PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")  # RFC 8018 §A.4
SCRYPT: Final = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")  # RFC 7914 §7

# --- ours -------------------------------------------------------------------------------------
# ITU-T X.667 §6.3: anybody may use 2.25.<UUID as an integer>. The UUID was drawn at random for
# Custode: 75088d55-fea7-43eb-8fb6-cb16932efaf1.
_ARC: Final = f"2.25.{0x75088D55FEA743EB8FB6CB16932EFAF1}"
MANIFEST: Final = ObjectIdentifier(f"{_ARC}.1")  # signed attribute of iw.iwk
# Extended key usage of the certificate that signs the authority's statements. Users' certificates
# come from the same CA and may sign too: without it any of them could speak for the authority.
STATEMENT_SIGNING: Final = ObjectIdentifier(f"{_ARC}.2")
EXPORT_MANIFEST: Final = ObjectIdentifier(f"{_ARC}.3")  # signed attribute of a recovery export
