"""What needs the person now, most urgent first. Says nothing about when to prompt: `prompting`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from custode.domain.backups import STANDING, has_backup
from custode.domain.certificates import days_left, original, state_at
from custode.domain.model import PinRole, TokenState
from custode.domain.need import Need, NeedKind
from custode.domain.pin import PinChance, chance_on, must_be_changed
from custode.domain.spares import at_hand, dead_on, on_token
from custode.domain.tokens import came_back, recognise
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from custode.domain.model import BackupRecord, CertificateRecord, State, TokenId, TokenSeen

EXPIRY_STEPS: Final = (0, 1, 3, 7, 14, 30)  # days left at which the person is told again
_ON_ITS_WAY: Final = frozenset({BackupState.REQUESTED, BackupState.APPROVED, BackupState.COLLECTED})
_NEXT_STEPS: Final = {
    BackupState.APPROVED: "backup.collect",
    BackupState.COLLECTED: "backup.restore",
}
_ORDER: Final = {kind: place for place, kind in enumerate(NeedKind)}


def needs(state: State, now: datetime) -> tuple[Need, ...]:
    """List every need, snoozed ones too, in the order of `NeedKind`."""
    found: dict[str, Need] = {}
    for need in _all(state, now):
        found.setdefault(need.key, need)  # one token may be seen through two modules
    return tuple(sorted(found.values(), key=lambda n: (_ORDER[n.kind], n.subject)))


def _all(state: State, now: datetime) -> Iterator[Need]:
    if state.identity is None:
        yield Need(NeedKind.IDENTITY_MISSING)
    for insertion in state.insertions:
        yield from _of_token(insertion.token, state)
    if state.identity is None or not state.identity.ceased:
        yield from _of_certificates(state, now)
        yield from _of_expiry(state, now)
    yield from _of_operations(state)
    yield from _of_authority(state)


def _of_token(token: TokenSeen, state: State) -> Iterator[Need]:
    what = recognise(token, state)
    name = _name(token.id)
    if what is not TokenState.FOREIGN:
        yield from _of_pins(token, state)
    if (back := came_back(token, state)) is not None:
        yield Need(
            NeedKind.CANCELLED_ORIGINAL_BACK,
            back.fingerprint_sha256 or "",
            token.id,
            token.label,
            True,
            {"file_name": back.file_name},
        )
    if not token.user_pin_initialized and what not in {TokenState.FOREIGN, TokenState.RETIRED}:
        yield Need(NeedKind.PIN_NOT_SET, name, token.id, token.label, True)
    elif what is TokenState.UNKNOWN and state.identity is not None and not _wanted(token, state):
        yield Need(NeedKind.UNKNOWN_TOKEN, name, token.id, token.label, True)
    if dead := dead_on(state, token):
        args = {"serial": token.id.serial, "backup_id": dead[0].backup_id}
        yield Need(NeedKind.SPARE_KEY_DEAD, name, token.id, token.label, True, args)


def _of_pins(token: TokenSeen, state: State) -> Iterator[Need]:
    """What a PIN needs; a locked SO PIN can be helped by nobody, so it is no need."""
    known = state.known.get(token.id)
    for role in PinRole:
        args = {"role": str(role), "serial": token.id.serial}
        now = chance_on(token, known, role)
        if now is PinChance.LAST_ATTEMPT:
            kind = NeedKind.LAST_PIN_ATTEMPT
        elif now is PinChance.LOCKED and role is PinRole.USER and token.user_pin_initialized:
            kind = NeedKind.PIN_LOCKED
        elif must_be_changed(token, role) and now is not PinChance.LOCKED:
            kind = NeedKind.PIN_TO_BE_CHANGED
        else:
            continue
        yield Need(kind, f"{_name(token.id)}:{role}", token.id, token.label, True, args)


def _wanted(token: TokenSeen, state: State) -> bool:
    """Whether an unknown token is here for something else than a first key.

    For a backup that is on its way to a new token, or as the spare of an original that lives: a
    certificate of its own would make it a second original.
    """
    awaited = any(b.state in _ON_ITS_WAY for b in state.backups.values())
    return awaited or any(spare.id == token.id for spare in at_hand(state))


def _of_certificates(state: State, now: datetime) -> Iterator[Need]:
    successors = {b.successor_sha256 for b in state.backups.values()} - {None}
    for record in state.certificates.values():
        fingerprint = record.fingerprint_sha256
        if fingerprint is None or state_at(record, now) is not CertificateState.ACTIVE:
            continue
        if record.installed and not has_backup(state, fingerprint):
            need = _for_record(NeedKind.BACKUP_MISSING, fingerprint, record, state)
            spares = at_hand(state)
            offered = {"spare": spares[0].id.serial} if spares else {}
            yield replace(need, text_args={**need.text_args, **offered})
        # A successor's certificate is not installed: it comes with its key, by `backup restore`.
        elif not record.installed and fingerprint not in successors:
            yield _for_record(NeedKind.INSTALL_CERTIFICATE, record.id_operazione, record, state)


def _for_record(kind: NeedKind, subject: str, record: CertificateRecord, state: State) -> Need:
    return Need(
        kind,
        subject,
        record.token,
        _label(record.token, state),
        record.token is not None,
        {"id_operazione": record.id_operazione, "file_name": record.file_name},
    )


def _of_expiry(state: State, now: datetime) -> Iterator[Need]:
    record = original(state)
    if record is None:
        return
    left = days_left(record, now)
    shown = state_at(record, now)
    if left is None or shown not in {CertificateState.ACTIVE, CertificateState.EXPIRED}:
        return
    step = next((s for s in EXPIRY_STEPS if left <= s), None)
    if step is None:
        return
    yield Need(
        NeedKind.EXPIRY,
        # A new subject at every step, so that each is a need of its own with its own prompt.
        f"{record.id_operazione}:{step if left >= 0 else 'after'}",
        record.token,
        _label(record.token, state),
        False,  # a token in a drawer expires as well
        {"days_left": left, "file_name": record.file_name},
    )


def _of_operations(state: State) -> Iterator[Need]:
    for operation in state.waiting.values():
        if operation.token is None or state.insertion(operation.token) is not None:
            yield Need(
                NeedKind.OPERATION_CAN_GO_ON,
                operation.operation_id,
                operation.token,
                _label(operation.token, state),
                operation.token is not None,
                {"what": operation.kind},
            )
    for backup in state.backups.values():
        if (what := _NEXT_STEPS.get(backup.state)) is None:
            continue
        if on_token(backup):
            yield _of_spare(backup, state)
            continue
        args = {
            "what": what,
            "folder_name": backup.folder_name or "",
            "folder": backup.folder_path or backup.folder_name or "",
            **_reason(backup, state),
        }
        yield Need(NeedKind.OPERATION_CAN_GO_ON, backup.backup_id, text_args=args)


def _of_spare(backup: BackupRecord, state: State) -> Need:
    """Collected on its spare or about to be: one command does what is left, whatever that is."""
    return Need(
        NeedKind.OPERATION_CAN_GO_ON,
        backup.backup_id,
        backup.token,
        _label(backup.token, state),
        text_args={
            "what": "spare.activate",
            "backup_id": backup.backup_id,
            **_reason(backup, state),
        },
    )


def _reason(backup: BackupRecord, state: State) -> dict[str, str]:
    """Why its original was reported, where it was reported from here."""
    record = state.certificate(backup.original_sha256)
    return {"reason": record.reported} if record is not None and record.reported else {}


def _of_authority(state: State) -> Iterator[Need]:
    missing = state.authority.embedded and state.authority.recovery_export_at is None
    if missing and any(b.state in STANDING for b in state.backups.values()):
        yield Need(NeedKind.RECOVERY_EXPORT_MISSING)


def _label(token: TokenId | None, state: State) -> str:
    if token is None:
        return ""
    if (here := state.insertion(token)) is not None:
        return here.token.label
    return state.known[token].label if token in state.known else ""


def _name(token: TokenId) -> str:
    return f"{token.manufacturer}/{token.model}/{token.serial}"
