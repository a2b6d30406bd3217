"""Which token is this? Known by what it is and what it carries, never by slot or reader."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from custode.domain.certificates import LIVE, state_at
from custode.domain.model import (
    HeldCertificate,
    HeldKey,
    PinFlags,
    PinRole,
    TokenId,
    TokenSeen,
    TokenState,
)
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.domain.model import CertificateRecord, KnownToken, State

# What an original is to its backup once that was activated: out of use for good.
ACTIVATED: Final = frozenset({BackupState.COLLECTED, BackupState.RESTORED})
_ENDED: Final = frozenset({CertificateState.CANCELLED, CertificateState.EXPIRED})


def recognise(token: TokenSeen, state: State) -> TokenState:
    """Say what a token is to this identity; the first rule that holds decides.

    1. It carries a live certificate of ours: `primary` when no other token is recorded as that,
       else `spare` when it is known as one, else `recognised`.
    2. It carries only ended ones, of which one was given up by an activation, or another token is
       the primary: `retired`.
    3. It is the recorded primary, or a known spare.
    4. It carries a certificate of ours, or was taken on here: `recognised`.
    5. It carries certificates, none of them ours: `foreign`; without an identity nothing is.
    """
    return _judge(token.id, carried(token, state), state, carries_any=bool(token.certificates))


def remembered(known: KnownToken, state: State) -> TokenState:
    """Say the same of a token that is not here, by what was put onto it."""
    records = state.certificates.values()
    put = tuple(c for c in records if c.installed and c.token == known.id)
    return _judge(known.id, put, state, carries_any=False)


def _judge(
    token: TokenId, ours: tuple[CertificateRecord, ...], state: State, *, carries_any: bool
) -> TokenState:
    known = state.known.get(token)
    spare = known is not None and known.spare_for is not None
    primary = state.identity.primary if state.identity else None
    if any(_in_use(c, state) for c in ours):
        if primary in {None, token}:
            return TokenState.PRIMARY
        return TokenState.SPARE if spare else TokenState.RECOGNISED
    if any(_given_up(c, state) for c in ours):
        return TokenState.RETIRED
    if any(c.state in _ENDED for c in ours) and primary not in {None, token}:
        return TokenState.RETIRED
    if primary == token:
        return TokenState.PRIMARY
    if spare:
        return TokenState.SPARE
    if ours or (known is not None and known.adopted):
        return TokenState.RECOGNISED
    if carries_any and state.identity is not None:
        return TokenState.FOREIGN
    return TokenState.UNKNOWN


def carried(token: TokenSeen, state: State) -> tuple[CertificateRecord, ...]:
    """Our certificates that this token carries."""
    records = (state.certificate(c.fingerprint_sha256) for c in token.certificates)
    return tuple(record for record in records if record is not None)


def came_back(token: TokenSeen, state: State) -> CertificateRecord | None:
    """The cancelled original on a token that should not be in use any more.

    That is a retired token, or one whose certificate was cancelled because its key counts as
    disclosed (lost, stolen), as long as it carries no live certificate of ours.
    """
    ours = carried(token, state)
    if any(_in_use(c, state) for c in ours):
        return None
    retired = recognise(token, state) is TokenState.RETIRED
    return next(
        (
            c
            for c in ours
            if c.state is CertificateState.CANCELLED
            and (retired or c.crl_reason is CrlReason.KEY_COMPROMISE)
        ),
        None,
    )


def carries_the_original(state: State, token: TokenId) -> bool:
    """Whether it is the recorded primary and carries an active certificate of ours."""
    primary = state.identity.primary if state.identity else None
    return primary == token and any(
        c.installed and c.token == token and state_at(c, state.now) is CertificateState.ACTIVE
        for c in state.certificates.values()
    )


def _in_use(record: CertificateRecord, state: State) -> bool:
    return record.state in LIVE and not _given_up(record, state)


def _given_up(record: CertificateRecord, state: State) -> bool:
    return any(
        b.original_sha256 == record.fingerprint_sha256 and b.state in ACTIVATED
        for b in state.backups.values()
    )


# --- the worker's listing ---------------------------------------------------------------------


def seen(module: str, row: Mapping[str, Any], path: str = "") -> TokenSeen:
    """Make a `TokenSeen` of one row of the worker's `list`.

    :raises ValueError: when the row is not what the contract says; the module is then at fault.
    """
    try:
        return TokenSeen(
            id=TokenId(_text(row["manufacturer"]), _text(row["model"]), _text(row["serial"])),
            label=_text(row["label"]),
            module=module,
            module_path=path,
            initialized=bool(row["initialized"]),
            user_pin_initialized=bool(row["user_pin_initialized"]),
            user_pin=_flags(row, "", PinRole.USER),
            so_pin=_flags(row, "so_", PinRole.SO),
            login_required=bool(row["login_required"]),
            has_so_pin=bool(row.get("has_so_pin", True)),
            protected_path=bool(row["protected_path"]),
            removable=bool(row["removable"]),
            min_pin=int(row["min_pin"] or 0),
            max_pin=int(row["max_pin"] or 0),
            mechanisms=tuple(_text(m) for m in row["mechanisms"]),
            key_specs=tuple(_text(spec) for spec in row.get("key_specs", ())),
            reader=_text(row.get("reader", "")),
            certificates=tuple(
                HeldCertificate(_text(c["key_id"]), _text(c["label"]), _fingerprint(c["der"]))
                for c in row["certificates"]
            ),
            public_keys=tuple(
                HeldKey(_text(k["key_id"]), _text(k["type"]), int(k["bits"]))
                for k in row["public_keys"]
            ),
            can_wrap=bool(row.get("can_wrap")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a token's row: {error!r}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _fingerprint(der: object) -> str:
    if not isinstance(der, bytes):  # bytes(n) would make n zeros
        raise TypeError(f"DER expected, not {type(der).__name__}")
    return sha256(der).hexdigest()


def _flags(row: Mapping[str, Any], prefix: str, role: PinRole) -> PinFlags:
    return PinFlags(
        count_low=bool(row[f"{prefix}pin_count_low"]),
        final_try=bool(row[f"{prefix}pin_final_try"]),
        locked=bool(row[f"{prefix}pin_locked"]),
        to_be_changed=bool(row.get(f"{role}_pin_to_be_changed")),
    )
