"""The innermost layer: the successor's key under the backup PIN.

EncryptedPrivateKeyInfo (RFC 5958 §3), PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC. Any
PKCS#8 reader that knows scrypt opens it; integrity is the business of the layers around it.
"""

from __future__ import annotations

import hashlib
import os
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from custode.container import pin_key
from custode.container.errors import Undecryptable
from custode_authority.wire import oids, parameters, scrypt_key
from custode_authority.wire.scrypt_key import ScryptAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_BLOCK = 16  # AES, FIPS 197


@asn1.sequence
class CbcAlgorithm:
    """RFC 3565 §4.1: the parameters are the initialisation vector."""

    algorithm: x509.ObjectIdentifier
    iv: bytes


@asn1.sequence
class Pbes2Parameters:
    """RFC 8018 §A.4."""

    key_derivation: ScryptAlgorithm
    encryption: CbcAlgorithm


@asn1.sequence
class Pbes2Algorithm:
    """RFC 8018 §A.4: id-PBES2."""

    algorithm: x509.ObjectIdentifier
    parameters: Pbes2Parameters


@asn1.sequence
class EncryptedPrivateKeyInfo:
    """RFC 5958 §3."""

    algorithm: Pbes2Algorithm
    encrypted_data: bytes


def key_sha256(private_key: PrivateKey) -> str:
    """Hex SHA-256 of the public half's SubjectPublicKeyInfo, as a manifest names a successor."""
    public_key = private_key.public_key()
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def seal(private_key: PrivateKey, pin: bytes | bytearray) -> bytes:
    """Encrypt a private key under the backup PIN: 0.5 s and 128 MiB, by intention.

    :return: DER
    :raises BackupPinRefused: no backup PIN is like that
    """
    pin_key.check(pin)
    salt, iv = os.urandom(parameters.SCRYPT_SALT_LENGTH), os.urandom(parameters.CBC_IV_LENGTH)
    clear = bytearray(private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    key = bytearray()
    try:
        missing = _BLOCK - len(clear) % _BLOCK
        clear += bytes([missing]) * missing  # RFC 8018 §B.2.5
        key = scrypt_key.derive(pin, salt)
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        return _encode(salt, iv, encryptor.update(clear) + encryptor.finalize())
    finally:
        pin_key.wipe(clear)
        pin_key.wipe(key)


def open_sealed(der: bytes, pin: bytes | bytearray, successor_sha256: str) -> PrivateKey:
    """Decrypt what `seal` made; every parameter is checked before a single round of scrypt.

    :raises Undecryptable: another PIN, another key than the manifest names, other parameters
    """
    _check_parameters(der)
    try:
        key = load_der_private_key(der, cast("bytes", pin))  # any buffer will do
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Undecryptable from None
    # CBC has no tag: by chance a wrong PIN may decrypt to something. The manifest names the key.
    if not isinstance(key, PrivateKey) or key_sha256(key) != successor_sha256:
        raise Undecryptable
    return key


def _encode(salt: bytes, iv: bytes, encrypted: bytes) -> bytes:
    pbes2 = Pbes2Parameters(
        key_derivation=scrypt_key.algorithm(salt),
        encryption=CbcAlgorithm(algorithm=oids.AES_256_CBC, iv=iv),
    )
    algorithm = Pbes2Algorithm(algorithm=oids.PBES2, parameters=pbes2)
    return asn1.encode_der(EncryptedPrivateKeyInfo(algorithm=algorithm, encrypted_data=encrypted))


def _check_parameters(der: bytes) -> None:
    """What is read is written anew and must be the same bytes: that pins every parameter."""
    if len(der) > parameters.MAX_INNER_SIZE:
        raise Undecryptable
    try:
        info = asn1.decode_der(EncryptedPrivateKeyInfo, der)
    except ValueError:
        raise Undecryptable from None
    pbes2 = info.algorithm.parameters
    salt, iv = pbes2.key_derivation.parameters.salt, pbes2.encryption.iv
    lengths = (len(salt), len(iv), len(info.encrypted_data) % _BLOCK)
    if (
        lengths != (parameters.SCRYPT_SALT_LENGTH, parameters.CBC_IV_LENGTH, 0)
        or _encode(salt, iv, info.encrypted_data) != der
    ):
        raise Undecryptable
