"""A small world: one identity, its token with the original, a registered backup of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    Identity,
    Insertion,
    KnownToken,
    Module,
    State,
    TokenId,
    TokenSeen,
    remember,
)
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def identity() -> Identity:
    return Identity("ABC1", "TSTTST80A01H501X", primary=TokenId("Acme", "T1", "0001"))


@pytest.fixture(scope="session")
def original() -> CertificateRecord:
    """Active, installed on the token 0001, a year to go."""
    return CertificateRecord(
        id_operazione="OP1",
        file_name="abc1.csr",
        state=CertificateState.ACTIVE,
        key_sha256="1" * 64,
        requested_at=NOW - timedelta(days=10),
        said_at=NOW - timedelta(hours=1),
        expires_at=NOW + timedelta(days=365),
        serial_number="11",
        fingerprint_sha256="a" * 64,
        token=TokenId("Acme", "T1", "0001"),
        key_id="01",
        installed=True,
    )


@pytest.fixture(scope="session")
def token() -> TokenSeen:
    """The token that carries the original."""
    return TokenSeen(
        TokenId("Acme", "T1", "0001"),
        "My token",
        "soft",
        certificates=(HeldCertificate("01", "original", "a" * 64),),
    )


@pytest.fixture(scope="session")
def empty() -> TokenSeen:
    """A second token, with a PIN and nothing else."""
    return TokenSeen(TokenId("Acme", "T1", "0002"), "Second", "soft")


@pytest.fixture(scope="session")
def backup() -> BackupRecord:
    return BackupRecord(
        backup_id="b" * 32,
        kind=BackupKind.SUCCESSOR,
        state=BackupState.REGISTERED,
        original_sha256="a" * 64,
        created_at=NOW - timedelta(days=1),
        said_at=NOW - timedelta(hours=1),
        container_sha256="c" * 64,
        folder_name="ABC1_2026-03-09",
    )


@pytest.fixture(scope="session")
def away(identity: Identity, original: CertificateRecord, backup: BackupRecord) -> State:
    """The world with no token inserted, nothing to do, and a face that shows notifications."""
    known = KnownToken(TokenId("Acme", "T1", "0001"), "My token", adopted=True)
    state = remember(
        NOW, identity=identity, tokens=[known], certificates=[original], backups=[backup]
    )
    return replace(
        state, started=True, gate_shut=False, modules={"soft": Module("soft")}, faces=frozenset({7})
    )


@pytest.fixture(scope="session")
def here(away: State, token: TokenSeen) -> State:
    """The world with the original inserted."""
    module = Module("soft", insertions=(Insertion(1, token, NOW),), listed=(token,))
    return replace(away, gate_shut=True, modules={"soft": module}, last_insertion=1)
