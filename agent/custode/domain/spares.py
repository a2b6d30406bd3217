"""Spare tokens: which token could be one, what it carries, what of that is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.domain.backups import usable
from custode.domain.certificates import LIVE, original, state_at
from custode.domain.model import TokenState
from custode.domain.tokens import carried, recognise
from custode_authority.wire.states import BackupPlace, BackupState, CertificateState

if TYPE_CHECKING:
    from custode.domain.model import BackupRecord, State, TokenId, TokenSeen

# Its key will never be certified: nothing that it could still be good for.
DEAD: Final = frozenset({BackupState.RETIRED, BackupState.LOCKED})
_FIT: Final = frozenset({TokenState.UNKNOWN, TokenState.RECOGNISED})


def label_of(state: State, token: TokenId | None) -> str | None:
    """What a token is called, as far as it is known here."""
    known = state.known.get(token) if token is not None else None
    return known.label if known is not None else None


def spec_of(token: TokenSeen, key_id: str | None) -> str | None:
    """Kind and size of a key that a token shows ("rsa2048", "p256"); None when it shows none."""
    for key in token.public_keys:
        if key.key_id == key_id:
            return f"rsa{key.bits}" if key.type == "rsa" else f"p{key.bits}"
    return None


def carried_by(state: State, token: TokenId) -> BackupRecord | None:
    """The usable backup whose key that token carries."""
    return next((b for b in usable(state) if b.token == token), None)


def dead_on(state: State, token: TokenSeen) -> tuple[BackupRecord, ...]:
    """Void backups whose keys that token still shows, oldest first."""
    shown = {key.key_id for key in token.public_keys}
    found = (
        b
        for b in state.backups.values()
        if b.token == token.id and b.state in DEAD and b.key_id in shown and not _lives(state, b)
    )
    return tuple(sorted(found, key=lambda b: (b.created_at, b.backup_id)))


def _lives(state: State, backup: BackupRecord) -> bool:
    """Whether its key was certified before the backup ended, and still is."""
    record = state.certificate(backup.successor_sha256)
    return record is not None and record.state in LIVE


def at_hand(state: State) -> tuple[TokenSeen, ...]:
    """Tokens that are here and would do for a spare of the original, which is here as well.

    With a PIN of their own, nobody else's, not in use for anything, and able to make such a key.
    A module may show one token twice.
    """
    record = original(state)
    if record is None or state_at(record, state.now) is not CertificateState.ACTIVE:
        return ()
    here = [insertion.token for insertion in state.insertions]
    holder = next((token for token in here if token.holds(record.fingerprint_sha256)), None)
    spec = spec_of(holder, record.key_id) if holder is not None else None
    if holder is None or spec is None:
        return ()
    fit = {
        token.id: token
        for token in here
        if token.id != holder.id
        and not carried(token, state)
        and token.user_pin_initialized
        and spec in token.key_specs
        and recognise(token, state) in _FIT
        and carried_by(state, token.id) is None
    }
    return tuple(fit.values())


def on_token(backup: BackupRecord) -> bool:
    """Whether its key lies on a spare token, not in a folder."""
    return backup.place is BackupPlace.TOKEN
