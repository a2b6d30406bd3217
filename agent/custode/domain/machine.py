"""The one place where what is known changes: `step(state, event) -> (state, commands)`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, assert_never

from custode.domain import presence, prompting, records
from custode.domain.commands import (
    Announce,
    AppendAudit,
    CloseGate,
    ForgetToken,
    OpenGate,
    QueryBackups,
    QueryOperations,
    SaveIdentity,
)
from custode.domain.events import (
    AgentStarted,
    AuthorityDescribed,
    AuthorityReachable,
    AuthorityUnreachable,
    BackupRestored,
    BackupSaved,
    BackupsListed,
    CertificateInstalled,
    CertificateRequested,
    ClockTicked,
    ComputerWoke,
    FaceArrived,
    FaceLeft,
    IdentitySet,
    LanguageChosen,
    ModuleFailed,
    ModulesOffered,
    NeedSnoozed,
    OperationEnded,
    OperationPaused,
    OperationsListed,
    PinAccepted,
    PinNotSent,
    PinRejected,
    PinTryBegun,
    PlugHinted,
    ReadersSeen,
    SpareCleared,
    StatusAnswered,
    TokenAdopted,
    TokenForgotten,
    TokenInitialised,
    TokenPromoted,
    TokensListed,
)
from custode.domain.model import KnownToken, PinRole, WaitingOperation
from custode.domain.pin import Outcome, Tries, answered, begun, settled, tries_of, with_tries
from custode.domain.standing import local_reasons
from custode_authority.wire.states import BackupState, CertificateState

if TYPE_CHECKING:
    from custode.domain.commands import Command, Data
    from custode.domain.events import (
        AuthorityEvent,
        DriverEvent,
        Event,
        FaceEvent,
        PersonEvent,
        RecordEvent,
    )
    from custode.domain.model import State, TokenId
    from custode.domain.records import Change


def step(state: State, event: Event) -> Change:
    """Take in one event. Never raises: an event that fits nothing known changes little or nothing.

    Closing the gate is always the first command, so that nothing else delays it.
    """
    state, commands = _take_in(replace(state, now=event.at), event)
    state, closing, opening = _latch(state)
    state, prompts = prompting.settle(state)
    return state, (*closing, *commands, *opening, *prompts)


def _take_in(state: State, event: Event) -> Change:
    match event:
        case (
            AgentStarted()
            | PlugHinted()
            | TokensListed()
            | ModuleFailed()
            | ReadersSeen()
            | ModulesOffered()
            | ComputerWoke()
        ):
            return _from_drivers(state, event)
        case AuthorityReachable() | AuthorityUnreachable() | AuthorityDescribed():
            return _of_authority(state, event)
        case (
            CertificateRequested()
            | OperationsListed()
            | StatusAnswered()
            | CertificateInstalled()
            | BackupSaved()
            | BackupsListed()
            | BackupRestored()
            | SpareCleared()
        ):
            return _of_records(state, event)
        case FaceArrived() | FaceLeft() | LanguageChosen() | NeedSnoozed():
            return _of_faces(state, event)
        case ClockTicked():
            return state, _ask_the_desk(state)
        case _:
            return _from_person(state, event)


def _from_drivers(state: State, event: DriverEvent) -> Change:
    match event:
        case AgentStarted():
            state, counted = _settle_tries(state)
            state, commands = presence.started(state, event)
            return state, (*counted, *commands, *_ask_what_waits(state))
        case PlugHinted():
            return presence.hinted(state, event.module)
        case TokensListed():
            return presence.listed(state, event)
        case ModuleFailed():
            return presence.failed(state, event)
        case ReadersSeen():
            return presence.readers_seen(state, event)
        case ModulesOffered():
            return presence.offered(state, event)
        case ComputerWoke():
            return presence.woke(state)
        case _:
            assert_never(event)


def _of_authority(state: State, event: AuthorityEvent) -> Change:
    now = state.authority
    match event:
        case AuthorityDescribed():
            described = replace(
                now, embedded=event.embedded, recovery_export_at=event.recovery_export_at
            )
            return replace(state, authority=described), ()
        case AuthorityReachable():
            if now.reachable:
                return state, ()
            answered = replace(now, reachable=True, why=None, since=event.at)
            queries = (QueryOperations(), QueryBackups()) if state.identity else ()
            announce = Announce("authority_reachable", {})
            return replace(state, authority=answered), (announce, *queries)
        case AuthorityUnreachable():
            since = event.at if now.reachable is not False else now.since
            silent = replace(now, reachable=False, why=event.why, since=since)
            if silent == now:
                return state, ()
            announce = Announce("authority_unreachable", {"why": event.why})
            return replace(state, authority=silent), (announce,)
        case _:
            assert_never(event)


def _of_records(state: State, event: RecordEvent) -> Change:
    match event:
        case CertificateRequested():
            return records.requested(state, event)
        case OperationsListed():
            return records.operations_listed(state, event.rows)
        case StatusAnswered():
            return records.status_answered(state, event)
        case CertificateInstalled():
            return _then_reread(records.installed(state, event), event.token)
        case BackupSaved():
            return records.backup_saved(state, event)
        case BackupsListed():
            return records.backups_listed(state, event.rows)
        case BackupRestored():
            return _then_reread(records.backup_restored(state, event), event.token)
        case SpareCleared():
            return _then_reread(records.spare_cleared(state, event), event.token)
        case _:
            assert_never(event)


def _from_person(state: State, event: PersonEvent) -> Change:
    match event:
        case IdentitySet():
            return _identity_set(state, event)
        case TokenInitialised():
            known = KnownToken(event.token, event.label, adopted=True)
            state, commands = records.keep_token(state, known)
            audit = AppendAudit("token_initialised", {"serial": event.token.serial})
            return _then_reread((state, (*commands, audit)), event.token)
        case TokenAdopted():
            return records.adopt(state, event.token)
        case TokenPromoted():
            return records.promote(state, event.token)
        case TokenForgotten():
            return _forgotten(state, event.token)
        case PinTryBegun() | PinNotSent() | PinRejected() | PinAccepted():
            return _of_pin(state, event)
        case OperationPaused():
            waiting = WaitingOperation(event.operation_id, event.kind, event.token)
            return replace(state, waiting={**state.waiting, event.operation_id: waiting}), ()
        case OperationEnded():
            rest = {k: w for k, w in state.waiting.items() if k != event.operation_id}
            return replace(state, waiting=rest), ()
        case _:
            assert_never(event)


def _of_faces(state: State, event: FaceEvent) -> Change:
    match event:
        case FaceArrived():
            return prompting.face_arrived(state, event.face)
        case FaceLeft():
            return prompting.face_left(state, event.face), ()
        case LanguageChosen():
            return state, (Announce("language_changed", {"language": event.language}),)
        case NeedSnoozed():
            return prompting.snooze(state, event.key, event.until)
        case _:
            assert_never(event)


def _of_pin(state: State, event: PinTryBegun | PinNotSent | PinRejected | PinAccepted) -> Change:
    token, role = event.token, event.role
    before = tries_of(state.known.get(token), role)
    match event:
        case PinTryBegun():
            return _keep_tries(state, token, role, begun(before))
        case PinNotSent():
            return _keep_tries(state, token, role, answered(before, Outcome.NOT_SENT))
        case PinAccepted():
            return _keep_tries(state, token, role, answered(before, Outcome.ACCEPTED))
        case PinRejected():
            state, commands = _keep_tries(state, token, role, answered(before, Outcome.REJECTED))
            audit = AppendAudit("pin_rejected", {"serial": token.serial, "role": role})
            return _then_reread((state, (*commands, audit)), token)
        case _:
            assert_never(event)


def _keep_tries(state: State, token: TokenId, role: PinRole, tries: Tries) -> Change:
    """Keep a count; of a token that was forgotten meanwhile only what counts."""
    if token not in state.known and tries == Tries():
        return state, ()
    return records.keep_token(state, with_tries(records.known_token(state, token), role, tries))


def _settle_tries(state: State) -> Change:
    """The agent ended while a PIN was on its way: that try counts as spent."""
    commands: list[Command] = []
    for token in tuple(state.known):
        for role in PinRole:
            tries = tries_of(state.known[token], role)
            if tries.unanswered:
                state, kept = _keep_tries(state, token, role, settled(tries))
                data: Data = {"serial": token.serial, "role": role}
                commands += [*kept, AppendAudit("pin_try_unanswered", data)]
    return state, tuple(commands)


def _identity_set(state: State, event: IdentitySet) -> Change:
    identity, before = event.identity, state.identity
    if before is not None and before.code == identity.code and identity.primary is None:
        identity = replace(identity, primary=before.primary)
    if identity == before:
        return state, ()
    data: Data = {"code": identity.code, "ceased": identity.ceased}
    return replace(state, identity=identity), (
        SaveIdentity(identity),
        AppendAudit("identity_set", data),
        Announce("identity_set", data),
    )


def _forgotten(state: State, token: TokenId) -> Change:
    rest = {k: t for k, t in state.known.items() if k != token}
    commands: list[Command] = [
        ForgetToken(token),
        AppendAudit("token_forgotten", {"serial": token.serial}),
    ]
    identity = state.identity
    if identity is not None and identity.primary == token:
        identity = replace(identity, primary=None)
        commands.append(SaveIdentity(identity))
    return replace(state, known=rest, identity=identity), tuple(commands)


def _ask_what_waits(state: State) -> tuple[Command, ...]:
    """Ask only for what may have changed meanwhile: asking starts an embedded authority."""
    pending = {CertificateState.REQUESTED, CertificateState.GENERATING}
    asked = {BackupState.REQUESTED, BackupState.APPROVED}
    commands: list[Command] = []
    if any(c.state in pending for c in state.certificates.values()):
        commands.append(QueryOperations())
    if any(b.state in asked for b in state.backups.values()):
        commands.append(QueryBackups())
    return tuple(commands)


_SOONEST: Final = timedelta(seconds=50)
_LATEST: Final = timedelta(minutes=15)
_SHARE: Final = 10  # of the time that has gone by since somebody asked


def _ask_the_desk(state: State) -> tuple[Command, ...]:
    """A person approves an activation, in minutes or in days; asked ever more rarely."""
    for backup in state.backups.values():
        if backup.state is not BackupState.REQUESTED:
            continue
        since = state.now - (backup.requested_at or backup.said_at)
        if state.now - backup.said_at >= max(_SOONEST, min(since / _SHARE, _LATEST)):
            return (QueryBackups(),)
    return ()


def _then_reread(change: Change, token: TokenId) -> Change:
    state, commands = change
    state, reads = presence.reread_token(state, token)
    return state, (*commands, *reads)


def _latch(state: State) -> tuple[State, tuple[Command, ...], tuple[Command, ...]]:
    """Shut the gate when something here begins to block, and release it when nothing does."""
    reasons = local_reasons(state)
    if bool(reasons) == state.gate_shut:
        return state, (), ()
    told = Announce("gate", {"shut": bool(reasons)})
    if reasons:
        return replace(state, gate_shut=True), (CloseGate(reasons), told), ()
    return replace(state, gate_shut=False), (), (OpenGate(), told)
