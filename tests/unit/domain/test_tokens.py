"""Which token is this?"""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    HeldKey,
    KnownToken,
    PinFlags,
    State,
    TokenId,
    TokenSeen,
    TokenState,
)
from custode.domain.tokens import (
    came_back,
    carried,
    carries_the_original,
    recognise,
    remembered,
    seen,
)
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupState, CertificateState

OTHER = TokenId("Acme", "T1", "0002")


def world(
    away: State,
    *,
    state: str = "active",
    primary: TokenId | str | None = "same",
    backup: str | None = None,
    known: KnownToken | None = None,
) -> State:
    assert away.identity is not None
    token = away.identity.primary if isinstance(primary, str) else primary
    record = replace(away.certificates["OP1"], state=CertificateState(state))
    kept = {k: replace(b, state=BackupState(backup)) for k, b in away.backups.items() if backup}
    return replace(
        away,
        identity=replace(away.identity, primary=token),
        certificates={"OP1": record},
        backups=kept,
        known={known.id: known} if known else {},
    )


# What happened to the certificate the token carries, who is the primary, the backup of it.
CARRIES_OURS: list[tuple[dict[str, Any], str]] = [
    ({}, "primary"),
    ({"primary": None}, "primary"),
    ({"primary": OTHER}, "recognised"),
    ({"state": "suspended"}, "primary"),
    ({"state": "cancelled"}, "primary"),  # until there is another one
    ({"state": "expired"}, "primary"),
    ({"state": "cancelled", "primary": None}, "recognised"),
    ({"state": "cancelled", "primary": OTHER}, "retired"),
    ({"state": "expired", "primary": OTHER}, "retired"),
    ({"state": "rejected", "primary": OTHER}, "recognised"),
    ({"state": "cancelled", "backup": "collected"}, "retired"),
    ({"state": "cancelled", "backup": "restored"}, "retired"),
    ({"state": "cancelled", "backup": "registered"}, "primary"),
    # The backup's row came first: that the original ended follows from it.
    ({"state": "active", "backup": "collected"}, "retired"),
]


@pytest.mark.parametrize(("facts", "expected"), CARRIES_OURS)
def test_a_token_with_our_certificate(
    facts: dict[str, Any], expected: str, away: State, token: TokenSeen
) -> None:
    assert recognise(token, world(away, **facts)).value == expected


def test_a_token_that_got_a_new_certificate_is_not_retired(
    away: State, token: TokenSeen, original: CertificateRecord
) -> None:
    """Re-issue: the old certificate is superseded, its place on the same token taken."""
    new = replace(original, id_operazione="OP2", fingerprint_sha256="e" * 64)
    state = world(away, state="cancelled", backup="restored")
    state = replace(state, certificates={**state.certificates, "OP2": new})
    both = replace(
        token, certificates=(*token.certificates, HeldCertificate("02", "new", "e" * 64))
    )
    assert recognise(both, state).value == "primary"
    assert recognise(token, state).value == "retired"
    assert [c.id_operazione for c in carried(both, state)] == ["OP1", "OP2"]
    assert came_back(both, state) is None


def test_a_token_without_our_certificate(away: State, empty: TokenSeen) -> None:
    full = replace(empty, certificates=(HeldCertificate("01", "x", "e" * 64),))
    assert recognise(empty, away).value == "unknown"
    assert recognise(full, away).value == "foreign"
    assert recognise(full, replace(away, identity=None)).value == "unknown"
    assert recognise(empty, world(away, primary=OTHER)).value == "primary"
    for known, expected in [
        (KnownToken(OTHER, "x"), "unknown"),
        (KnownToken(OTHER, "x", adopted=True), "recognised"),
        (KnownToken(OTHER, "x", spare_for="b" * 32), "spare"),
    ]:
        assert recognise(empty, world(away, known=known)).value == expected


def test_a_spare_with_its_certificate(away: State, token: TokenSeen) -> None:
    known = KnownToken(token.id, "x", spare_for="b" * 32)
    assert recognise(token, world(away, primary=OTHER, known=known)).value == "spare"
    assert recognise(token, world(away, known=known)).value == "primary"


@pytest.mark.parametrize(
    ("facts", "reason", "back"),
    [
        ({"state": "cancelled", "primary": OTHER}, CrlReason.SUPERSEDED, True),
        ({"state": "cancelled"}, CrlReason.KEY_COMPROMISE, True),  # lost, then found again
        ({"state": "cancelled"}, CrlReason.SUPERSEDED, False),  # cancelled with the token in hand
        ({"state": "suspended"}, CrlReason.CERTIFICATE_HOLD, False),
        ({"state": "expired", "primary": OTHER}, None, False),
        ({}, None, False),
    ],
)
def test_came_back(
    facts: dict[str, Any], reason: CrlReason | None, back: bool, away: State, token: TokenSeen
) -> None:
    state = world(away, **facts)
    record = replace(state.certificates["OP1"], crl_reason=reason)
    state = replace(state, certificates={"OP1": record})
    assert came_back(token, state) == (record if back else None)


# --- the worker's row -------------------------------------------------------------------------

ROW: dict[str, Any] = {
    "manufacturer": "SoftHSM project",
    "model": "SoftHSM v2",
    "serial": "abcd",
    "label": "My token",
    "initialized": True,
    "user_pin_initialized": False,
    "pin_count_low": True,
    "pin_final_try": False,
    "pin_locked": False,
    "so_pin_count_low": False,
    "so_pin_final_try": True,
    "so_pin_locked": False,
    "login_required": True,
    "protected_path": False,
    "removable": True,
    "min_pin": 4,
    "max_pin": 255,
    "mechanisms": ["RSA_PKCS"],
    "certificates": [{"key_id": "01", "label": "c", "der": b"\x30\x00"}],
    "public_keys": [{"key_id": "01", "type": "rsa", "bits": 2048}],
}


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        ({}, True),
        ({"primary": OTHER}, False),
        ({"primary": None}, False),
        *(({"state": state}, False) for state in ("suspended", "cancelled", "expired")),
    ],
)
def test_whether_it_carries_what_is_in_use(
    away: State, token: TokenSeen, spoilt: dict[str, Any], expected: bool
) -> None:
    """Also when it is not here: nobody forgets it by accident."""
    state = world(away, **spoilt)
    assert carries_the_original(state, token.id) is expected
    assert not carries_the_original(replace(state, identity=None), token.id)
    bare = {k: replace(c, installed=False) for k, c in state.certificates.items()}
    assert not carries_the_original(replace(state, certificates=bare), token.id)


def test_a_first_pin_is_seen() -> None:
    first = seen("m", {**ROW, "user_pin_to_be_changed": True})
    assert (first.user_pin.to_be_changed, first.so_pin.to_be_changed) == (True, False)
    first = seen("m", {**ROW, "so_pin_to_be_changed": True})
    assert (first.user_pin.to_be_changed, first.so_pin.to_be_changed) == (False, True)


def test_seen() -> None:
    assert seen("soft", ROW) == TokenSeen(
        TokenId("SoftHSM project", "SoftHSM v2", "abcd"),
        "My token",
        "soft",
        user_pin_initialized=False,
        user_pin=PinFlags(count_low=True),
        so_pin=PinFlags(final_try=True),
        mechanisms=("RSA_PKCS",),
        certificates=(HeldCertificate("01", "c", sha256(b"\x30\x00").hexdigest()),),
        public_keys=(HeldKey("01", "rsa", 2048),),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("serial", 1),
        ("label", None),
        ("min_pin", "few"),
        ("max_pin", "many"),
        ("mechanisms", [1]),
        ("certificates", [{}]),
        ("certificates", [{"key_id": "01", "label": "c", "der": "3000"}]),
        ("certificates", [{"key_id": "01", "label": "c", "der": 10**15}]),
        ("certificates", None),
        ("public_keys", [{"key_id": "01", "type": "rsa", "bits": None}]),
    ],
)
def test_nonsense_of_a_module_is_an_error_of_its_own(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        seen("soft", {**ROW, key: value})


def test_a_length_that_no_module_states_is_none() -> None:
    """CK_UNAVAILABLE_INFORMATION and 0 come as None (CK_TOKEN_INFO, PKCS #11 v3.1 §3.2)."""
    token = seen("soft", {**ROW, "min_pin": None, "max_pin": None})
    assert (token.min_pin, token.max_pin) == (0, 0)


@pytest.mark.parametrize("key", sorted(ROW))
def test_nothing_may_be_missing(key: str) -> None:
    with pytest.raises(ValueError, match=rf"not a token's row.*{key}"):
        seen("soft", {k: v for k, v in ROW.items() if k != key})


def test_a_backup_of_another_original_retires_nothing(
    away: State, token: TokenSeen, backup: BackupRecord
) -> None:
    other = replace(backup, original_sha256="e" * 64, state=BackupState.RESTORED)
    assert recognise(token, replace(away, backups={"x": other})).value == "primary"


@pytest.mark.parametrize("ended", [None, BackupState.REGISTERED, BackupState.RESTORED])
def test_a_token_is_called_the_same_whether_it_is_here_or_not(
    here: State, backup: BackupRecord, token: TokenSeen, ended: BackupState | None
) -> None:
    backups = {} if ended is None else {backup.backup_id: replace(backup, state=ended)}
    state = replace(here, backups=backups, known={token.id: KnownToken(token.id, "My token")})
    assert remembered(state.known[token.id], state) is recognise(token, state)
    other = KnownToken(TokenId("Acme", "T1", "0009"), "Adopted", adopted=True)
    state = replace(state, known={other.id: other})
    assert remembered(other, state) is TokenState.RECOGNISED
