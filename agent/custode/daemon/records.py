"""The domain's records as rows of the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

import msgspec

from custode.daemon.store import Kind, Store
from custode.domain import commands
from custode.domain.cards import ChosenModule
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    Identity,
    KnownToken,
    TokenId,
    remember,
)
from custode.domain.need import Prompt
from custode_authority.wire.reasons import CrlReason, Reason

if TYPE_CHECKING:
    from custode.domain.commands import Command
    from custode.domain.model import State

T = TypeVar("T")

_IDENTITY: Final = "self"  # there is one identity; the table keeps room for the others
# The domain imports these for its type checker only.
_NAMES: Final = {"date": date, "datetime": datetime, "CrlReason": CrlReason, "Reason": Reason}


def token_key(token: TokenId) -> str:
    """Id of a token's row."""
    return f"{token.manufacturer}/{token.model}/{token.serial}"


def load_state(store: Store, now: datetime) -> State:
    """Build the state from what the `Save…` commands have put on disk.

    :raises CustodeError: DATABASE_CORRUPT when a row is not of its kind's shape
    """
    return remember(
        now,
        identity=next(iter(_load(store, Kind.IDENTITIES, Identity)), None),
        tokens=_load(store, Kind.TOKENS, KnownToken),
        certificates=_load(store, Kind.CERTIFICATES, CertificateRecord),
        backups=_load(store, Kind.BACKUPS, BackupRecord),
        prompts=_load(store, Kind.PROMPTS, Prompt),
        chosen=_load(store, Kind.MODULES, ChosenModule),
    )


def save(store: Store, command: Command) -> bool:
    """Carry out a command that changes a row; False when it is not one."""
    match command:
        case commands.SaveIdentity(identity):
            store.put(Kind.IDENTITIES, _IDENTITY, identity)
        case commands.SaveToken(token):
            store.put(Kind.TOKENS, token_key(token.id), token)
        case commands.ForgetToken(token_id):
            store.delete(Kind.TOKENS, token_key(token_id))
        case commands.SaveCertificate(certificate):
            store.put(Kind.CERTIFICATES, certificate.id_operazione, certificate)
        case commands.SaveBackup(backup):
            store.put(Kind.BACKUPS, backup.backup_id, backup)
        case commands.SavePrompt(prompt):
            store.put(Kind.PROMPTS, prompt.key, prompt)
        case commands.SaveChosenModule(chosen):
            store.put(Kind.MODULES, chosen.atr, chosen)
        case _:
            return False
    return True


def _load(store: Store, kind: Kind, record: Callable[..., T]) -> list[T]:
    rows = store.all(kind, _shape(record)).values()
    return [record(**{name: getattr(row, name) for name in row.__struct_fields__}) for row in rows]


@cache
def _shape(record: type[Any]) -> type[msgspec.Struct]:
    """Struct with the fields of a domain dataclass: strict decoding, with names resolved here."""
    hints = get_type_hints(record, localns=_NAMES)
    return msgspec.defstruct(
        record.__name__,
        [(field.name, hints[field.name], _default(field)) for field in fields(record)],
        kw_only=True,
        frozen=True,
    )


def _default(field: Any) -> Any:
    from dataclasses import MISSING

    if field.default_factory is not MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.NODEFAULT if field.default is MISSING else field.default
