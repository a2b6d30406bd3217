"""Certificates and backups: what the authority's word, or our own deed, changes in the records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from custode.domain import backups, certificates
from custode.domain.commands import (
    Announce,
    AppendAudit,
    Command,
    InstallWaiting,
    QueryBackups,
    QueryOperations,
    SaveBackup,
    SaveCertificate,
    SaveIdentity,
    SaveToken,
)
from custode.domain.model import KnownToken, State
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from custode.domain.events import (
        BackupRestored,
        BackupSaved,
        CertificateInstalled,
        CertificateRequested,
        SpareCleared,
        StatusAnswered,
    )
    from custode.domain.model import BackupRecord, CertificateRecord, TokenId, TokenSeen

Change = tuple[State, tuple[Command, ...]]

_OVER = frozenset({BackupState.RESTORED, BackupState.RETIRED, BackupState.LOCKED})

# --- certificates -----------------------------------------------------------------------------


def requested(state: State, event: CertificateRequested) -> Change:
    """Keep the request, and where its key lies."""
    record = event.record
    state, commands = operations_listed(state, (record,))
    if record.token is not None:
        state, adopted = adopt(state, record.token)
        commands += adopted
    data = {"id_operazione": record.id_operazione, "key_sha256": record.key_sha256}
    return state, (*commands, AppendAudit("certificate_requested", data))


def operations_listed(state: State, rows: Iterable[CertificateRecord]) -> Change:
    """Merge the authority's rows; a certificate that became active wakes who waits for it."""
    commands: list[Command] = []
    for row in rows:
        old = state.certificates.get(row.id_operazione)
        state, more = _put(state, certificates.merged(old, row))
        commands += more
    state, linked = link(state)
    return state, (*commands, *linked)


def status_answered(state: State, event: StatusAnswered) -> Change:
    """Take the signed status over into the record; a certificate the authority denies stays."""
    record = state.certificate(event.fingerprint_sha256)
    if record is None or event.state is None:
        data = {"fingerprint_sha256": event.fingerprint_sha256, "state": event.state or "unknown"}
        return state, (Announce("certificate_status", data),)
    cancelled = event.state is CertificateState.CANCELLED
    row = replace(
        record,
        state=event.state,
        said_at=event.said_at,
        crl_reason=event.crl_reason,
        cancelled_at=event.changed_at if cancelled else None,
    )
    return _put(state, certificates.merged(record, row))


def installed(state: State, event: CertificateInstalled) -> Change:
    """The certificate lies beside its key; the first token to carry one is the primary."""
    data = {"id_operazione": event.id_operazione, "serial": event.token.serial}
    audit = AppendAudit("certificate_installed", data)
    record = state.certificates.get(event.id_operazione)
    if record is None:
        return state, (audit, QueryOperations())
    record = replace(record, token=event.token, key_id=event.key_id, installed=True)
    state, commands = _put(state, record)
    state, adopted = adopt(state, event.token)
    promoted: tuple[Command, ...] = ()
    if state.identity is not None and not _primary_in_use(state):
        state, promoted = promote(state, event.token)
    announce = Announce("certificate_installed", data)
    return state, (*commands, *adopted, *promoted, audit, announce)


def link(state: State) -> Change:
    """Note which of our certificates lie on the tokens that are here."""
    commands: list[Command] = []
    for insertion in state.insertions:
        token = insertion.token
        for held in token.certificates:
            record = state.certificate(held.fingerprint_sha256)
            if record is None or (record.installed and record.token != token.id):
                continue
            record = replace(record, token=token.id, key_id=held.key_id, installed=True)
            state, more = _put(state, record)
            commands += more
    return state, tuple(commands)


def unlink(state: State, tokens: Iterable[TokenSeen]) -> Change:
    """Note which certificates their token lost (it was initialised, or somebody removed them)."""
    commands: list[Command] = []
    for token in tokens:
        for record in state.certificates.values():
            lost = record.installed and record.token == token.id
            if lost and not token.holds(record.fingerprint_sha256):
                state, more = _put(state, replace(record, installed=False))
                commands += more
    return state, tuple(commands)


def _put(state: State, record: CertificateRecord) -> Change:
    old = state.certificates.get(record.id_operazione)
    if record == old:
        return state, ()
    kept = {**state.certificates, record.id_operazione: record}
    commands: list[Command] = [SaveCertificate(record)]
    if old is None or old.state is not record.state:
        data = {"id_operazione": record.id_operazione, "state": record.state}
        commands += [AppendAudit("certificate_state", data), Announce("certificate_state", data)]
        waits = record.state is CertificateState.ACTIVE and not record.installed
        if waits and record.token is not None and state.insertion(record.token) is not None:
            commands.append(InstallWaiting(record.id_operazione, record.token))
    return replace(state, certificates=kept), tuple(commands)


def _primary_in_use(state: State) -> bool:
    primary = state.identity.primary if state.identity else None
    return any(
        c.token == primary
        and c.installed
        and certificates.state_at(c, state.now) in certificates.LIVE
        for c in state.certificates.values()
    )


# --- backups ----------------------------------------------------------------------------------


def backup_saved(state: State, event: BackupSaved) -> Change:
    """A folder is in its place, or a key on its spare token."""
    record = event.record
    state, commands = backups_listed(state, (record,))
    data = {"backup_id": record.backup_id, "folder_name": record.folder_name}
    if record.token is not None and record.state not in _OVER:
        known = replace(known_token(state, record.token), adopted=True, spare_for=record.backup_id)
        state, spare = keep_token(state, known)
        commands += spare
        data["serial"] = record.token.serial
    name = "backup_saved" if record.token is None else "spare_saved"
    return state, (*commands, AppendAudit("backup_saved", data), Announce(name, data))


def backups_listed(state: State, rows: Iterable[BackupRecord]) -> Change:
    """Merge the authority's rows."""
    commands: list[Command] = []
    for row in rows:
        old = state.backups.get(row.backup_id)
        state, more = _put_backup(state, backups.merged(old, row))
        commands += more
    return state, tuple(commands)


def backup_restored(state: State, event: BackupRestored) -> Change:
    """The successor lies on its token, which is the primary from now on."""
    commands: list[Command] = []
    if (backup := state.backups.get(event.backup_id)) is not None:
        restored = replace(
            backup, state=BackupState.RESTORED, successor_sha256=event.successor_sha256
        )
        state, more = _put_backup(state, restored)
        commands += more
    if (record := state.certificate(event.successor_sha256)) is not None:
        record = replace(record, token=event.token, key_id=event.key_id, installed=True)
        state, more = _put(state, record)
        commands += more
    state, promoted = promote(state, event.token)
    data = {"backup_id": event.backup_id, "serial": event.token.serial}
    return state, (
        *commands,
        *promoted,
        AppendAudit("backup_restored", data),
        Announce("backup_restored", data),
        # The original's end and the successor's certificate are known to the authority first.
        QueryOperations(),
        QueryBackups(),
    )


def _put_backup(state: State, record: BackupRecord) -> Change:
    old = state.backups.get(record.backup_id)
    if record == old:
        return state, ()
    commands: list[Command] = [SaveBackup(record)]
    if old is None or old.state is not record.state:
        data = {"backup_id": record.backup_id, "state": record.state}
        commands += [AppendAudit("backup_state", data), Announce("backup_state", data)]
    state = replace(state, backups={**state.backups, record.backup_id: record})
    state, released = _release_spare(state, record)
    return state, (*commands, *released)


def _release_spare(state: State, record: BackupRecord) -> Change:
    """A token stops being the spare of a backup that is over, one way or the other."""
    commands: list[Command] = []
    if record.state in _OVER:
        for known in state.known.values():
            if known.spare_for == record.backup_id:
                state, more = keep_token(state, replace(known, spare_for=None))
                commands += more
    return state, tuple(commands)


def spare_cleared(state: State, event: SpareCleared) -> Change:
    """The dead key of a backup is off its token, which may serve for another one."""
    data = {"backup_id": event.backup_id, "serial": event.token.serial}
    told = (AppendAudit("spare_cleared", data), Announce("spare_cleared", data))
    record = state.backups.get(event.backup_id)
    if record is None or record.token != event.token:
        return state, told
    state, commands = _put_backup(state, replace(record, token=None, key_id=None))
    return state, (*commands, *told)


# --- tokens that are ours ---------------------------------------------------------------------


def known_token(state: State, token: TokenId) -> KnownToken:
    """What is remembered of that token, or a first record of it."""
    here = state.insertion(token)
    return state.known.get(token) or KnownToken(token, here.token.label if here else "")


def keep_token(state: State, known: KnownToken) -> Change:
    """Keep the record of a token, when it says something new."""
    if state.known.get(known.id) == known:
        return state, ()
    return replace(state, known={**state.known, known.id: known}), (SaveToken(known),)


def adopt(state: State, token: TokenId) -> Change:
    """Count a token among the person's own."""
    return keep_token(state, replace(known_token(state, token), adopted=True))


def promote(state: State, token: TokenId) -> Change:
    """Make a token the primary."""
    state, commands = adopt(state, token)
    if state.identity is None or state.identity.primary == token:
        return state, commands
    identity = replace(state.identity, primary=token)
    data = {"serial": token.serial}
    return replace(state, identity=identity), (
        *commands,
        SaveIdentity(identity),
        AppendAudit("token_promoted", data),
        Announce("token_promoted", data),
    )
