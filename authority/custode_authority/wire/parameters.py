"""Every number of a container, pinned: a reader takes these and nothing else.

One accepted value for each leaves no downgrade and no costly surprise (a "scrypt bomb"). A change
is a new `format_version` of the manifest.
"""

from __future__ import annotations

from typing import Final

# --- the backup PIN ---------------------------------------------------------------------------
PIN_MIN_LENGTH: Final = 8
PIN_MAX_LENGTH: Final = 128

# --- PIN layer: PBES2 with scrypt and AES-256-CBC (RFC 8018, RFC 7914); 128 MiB of memory -------
SCRYPT_N: Final = 2**17
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
SCRYPT_SALT_LENGTH: Final = 16
AES_KEY_LENGTH: Final = 32
CBC_IV_LENGTH: Final = 16

# --- PIN layer of a copy: the same scrypt, then AES-256 key wrap with padding (RFC 5649) ----------
MIN_WRAPPED_LENGTH: Final = 24  # §4.1: a value of more than 8 octets makes three blocks at least
MAX_WRAPPED_LENGTH: Final = 4096  # an RSA 4096 key makes 2384

# --- PIN key: Argon2id (RFC 9106 §4, second recommended option) to an Ed25519 seed -------------
ARGON2_ITERATIONS: Final = 3
ARGON2_LANES: Final = 4
ARGON2_MEMORY_KIB: Final = 64 * 1024
ARGON2_SALT_LENGTH: Final = 16
ARGON2_AD: Final = b"custode backup PIN key v1"
ED25519_SEED_LENGTH: Final = 32

# --- recovery layer: AES-256-GCM (RFC 5084), content key by ECDH on P-256 (RFC 5753) -----------
CONTENT_KEY_LENGTH: Final = 32
GCM_NONCE_LENGTH: Final = 12
GCM_TAG_LENGTH: Final = 16
WRAPPED_KEY_LENGTH: Final = CONTENT_KEY_LENGTH + 8  # RFC 3394 §2.2.1
P256_POINT_LENGTH: Final = 65  # uncompressed, SEC 1 §2.3.3
KEY_ID_LENGTH: Final = 20  # RFC 5280 §4.2.1.2 (1)

# --- sizes, in bytes --------------------------------------------------------------------------
MAX_SIGNED_SIZE: Final = 128 * 1024  # any CMS SignedData
MAX_RECIPIENT_INFO_SIZE: Final = 512
MAX_INNER_SIZE: Final = 8 * 1024  # an RSA 4096 key takes 2.5 KiB
MAX_MANIFEST_SIZE: Final = 2 * 1024
MAX_CONTAINER_SIZE: Final = 16 * 1024
MAX_EXPORT_CONTENT_SIZE: Final = 64 * 1024 * 1024  # the authority's files in a recovery export
MAX_EXPORT_SIZE: Final = MAX_EXPORT_CONTENT_SIZE + 16 * 1024  # with everything around them
