"""Whatever happens in whatever order: what always holds."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from custode.domain import commands as do
from custode.domain import events as ev
from custode.domain.cards import Offer, Why
from custode.domain.gate import Answer, Purpose, facts_for, verdict
from custode.domain.machine import step
from custode.domain.model import (
    BackupRecord,
    CertificateRecord,
    HeldCertificate,
    Identity,
    PinFlags,
    PinRole,
    Reader,
    State,
    TokenId,
    TokenSeen,
    remember,
)
from custode.domain.needs import needs
from custode.domain.prompting import snoozed_until
from custode.domain.standing import local_reasons, standing
from custode_authority.wire.reasons import CrlReason
from custode_authority.wire.states import BackupKind, BackupState, CertificateState

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
# Few names, so that they meet.
TOKENS = [TokenId("Acme", "T1", serial) for serial in ("0001", "0002")]
PRINTS = ["a" * 64, "b" * 64]
MODULES = ["soft", "card"]

times = st.integers(-3, 400).map(lambda days: NOW + timedelta(days=days))
token_ids = st.sampled_from(TOKENS)
prints = st.sampled_from(PRINTS)
modules = st.sampled_from(MODULES)
flags = st.builds(PinFlags, st.booleans(), st.booleans(), st.booleans(), st.booleans())
held = st.builds(HeldCertificate, st.just("01"), st.just("c"), prints)
seen = st.builds(
    TokenSeen,
    token_ids,
    st.sampled_from(["one", "two"]),
    modules,
    user_pin_initialized=st.booleans(),
    user_pin=flags,
    so_pin=flags,
    removable=st.booleans(),
    certificates=st.lists(held, max_size=2).map(tuple),
)
records = st.builds(
    CertificateRecord,
    id_operazione=st.sampled_from(["OP1", "OP2"]),
    file_name=st.just("x.csr"),
    state=st.sampled_from(CertificateState),
    key_sha256=st.just("1" * 64),
    requested_at=times,
    said_at=times,
    expires_at=st.none() | times,
    fingerprint_sha256=st.none() | prints,
    crl_reason=st.none() | st.sampled_from(CrlReason),
    token=st.none() | token_ids,
    key_id=st.just("01"),
)
backup_records = st.builds(
    BackupRecord,
    backup_id=st.sampled_from(["1" * 32, "2" * 32]),
    kind=st.sampled_from(BackupKind),
    state=st.sampled_from(BackupState),
    original_sha256=prints,
    created_at=times,
    said_at=times,
    successor_sha256=st.none() | prints,
    folder_name=st.none() | st.just("ABC1_2026-03-10"),
)
identities = st.builds(
    Identity,
    st.sampled_from(["ABC1", "XYZ9"]),
    st.just("TSTTST80A01H501X"),
    primary=st.none() | token_ids,
    ceased=st.booleans(),
)
roles = st.sampled_from(PinRole)
keys = st.sampled_from(["backup_missing:" + PRINTS[0], "identity_missing:", "no such need"])
ATRS = ["3b04", "3bfd13", ""]
offers = st.builds(
    Offer,
    st.sampled_from(["one", "two"]),
    modules,
    st.sampled_from(Why),
    st.none() | st.sampled_from(["/one.so", "/two.so"]),
)
events: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(ev.AgentStarted, st.lists(modules, max_size=2).map(tuple), times, st.booleans()),
    st.builds(ev.PlugHinted, modules, times),
    st.builds(
        ev.TokensListed, modules, st.lists(seen, max_size=3).map(tuple), times, st.booleans()
    ),
    st.builds(ev.ModuleFailed, modules, st.just("hung"), times, st.booleans()),
    st.builds(
        ev.ReadersSeen,
        st.lists(modules, max_size=2).map(tuple),
        st.lists(
            st.builds(
                Reader, st.just("R"), st.booleans(), st.sampled_from(ATRS), st.integers(1, 3)
            ),
            max_size=2,
        ).map(tuple),
        st.none() | st.just("no_service"),
        times,
        st.booleans(),
    ),
    st.builds(
        ev.ModulesOffered,
        st.sampled_from(ATRS),
        st.lists(offers, max_size=2).map(tuple),
        times,
        ignored=st.booleans(),
    ),
    st.builds(ev.ComputerWoke, times),
    st.builds(ev.IdentitySet, identities, times),
    st.builds(ev.TokenInitialised, token_ids, st.just("one"), times),
    st.builds(ev.TokenAdopted, token_ids, times),
    st.builds(ev.TokenPromoted, token_ids, times),
    st.builds(ev.TokenForgotten, token_ids, times),
    st.builds(ev.PinTryBegun, token_ids, roles, times),
    st.builds(ev.PinNotSent, token_ids, roles, times),
    st.builds(ev.PinRejected, token_ids, roles, times),
    st.builds(ev.PinAccepted, token_ids, roles, times),
    st.builds(ev.NeedSnoozed, keys, times, times),
    st.builds(ev.FaceArrived, st.integers(1, 2), times),
    st.builds(ev.FaceLeft, st.integers(1, 2), times),
    st.builds(ev.LanguageChosen, st.sampled_from(["it", None]), times),
    st.builds(
        ev.OperationPaused, st.sampled_from("12"), st.just("x"), st.none() | token_ids, times
    ),
    st.builds(ev.OperationEnded, st.sampled_from("12"), times),
    st.builds(ev.AuthorityReachable, times),
    st.builds(ev.AuthorityUnreachable, st.just("down"), times),
    st.builds(ev.AuthorityDescribed, st.booleans(), st.none() | times, times),
    st.builds(ev.CertificateRequested, records, times),
    st.builds(ev.OperationsListed, st.lists(records, max_size=2).map(tuple), times),
    st.builds(
        ev.StatusAnswered, prints, st.none() | st.sampled_from(CertificateState), times, times
    ),
    st.builds(
        ev.CertificateInstalled, st.sampled_from(["OP1", "OP9"]), token_ids, st.just("01"), times
    ),
    st.builds(ev.BackupSaved, backup_records, times),
    st.builds(ev.BackupsListed, st.lists(backup_records, max_size=2).map(tuple), times),
    st.builds(ev.BackupRestored, st.just("1" * 32), prints, token_ids, st.just("01"), times),
    st.builds(ev.ClockTicked, times),
)
stories = st.lists(events, max_size=25)
QUICK = settings(max_examples=150, deadline=None)


class Disk:
    """What the executor would have written."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, object], object] = {}

    def carry_out(self, todo: Iterable[do.Command]) -> None:
        for command in todo:
            match command:
                case do.SaveIdentity(identity):
                    self.rows["identity", ""] = identity
                case do.SaveToken(token):
                    self.rows["token", token.id] = token
                case do.ForgetToken(token_id):
                    self.rows.pop(("token", token_id), None)
                case do.SaveCertificate(record):
                    self.rows["certificate", record.id_operazione] = record
                case do.SaveBackup(backup):
                    self.rows["backup", backup.backup_id] = backup
                case do.SavePrompt(prompt):
                    self.rows["prompt", prompt.key] = prompt
                case do.SaveChosenModule(chosen):
                    self.rows["chosen", chosen.atr] = chosen
                case _:
                    pass

    def kept(self) -> dict[tuple[str, object], object]:
        return dict(self.rows)


def durable(state: State) -> dict[tuple[str, object], object]:
    rows: dict[tuple[str, object], object] = {}
    if state.identity is not None:
        rows["identity", ""] = state.identity
    rows |= {("token", k): v for k, v in state.known.items()}
    rows |= {("certificate", k): v for k, v in state.certificates.items()}
    rows |= {("backup", k): v for k, v in state.backups.items()}
    rows |= {("prompt", k): v for k, v in state.prompts.items()}
    rows |= {("chosen", k): v for k, v in state.chosen.items()}
    return rows


@QUICK
@given(stories)
def test_what_was_saved_is_what_is_known(story: list[ev.Event]) -> None:
    state, disk = remember(NOW), Disk()
    for event in story:
        state, commands = step(state, event)
        disk.carry_out(commands)
        assert disk.kept() == durable(state)
    again = remember(
        state.now,
        identity=state.identity,
        tokens=state.known.values(),
        certificates=state.certificates.values(),
        backups=state.backups.values(),
        prompts=state.prompts.values(),
        chosen=state.chosen.values(),
    )
    assert durable(again) == durable(state)


@QUICK
@given(stories)
def test_the_gate_is_shut_exactly_while_something_here_blocks(story: list[ev.Event]) -> None:
    state = remember(NOW)
    shut = True
    for event in story:
        state, commands = step(state, event)
        for place, command in enumerate(commands):
            if isinstance(command, do.CloseGate):
                assert place == 0  # nothing delays it
                assert command.reasons
                shut = True
            elif isinstance(command, do.OpenGate):
                shut = False
        assert state.gate_shut is shut is bool(local_reasons(state))
        if isinstance(event, ev.PlugHinted):
            assert shut


@QUICK
@given(stories, st.sampled_from(Purpose), prints, st.sampled_from(["1" * 32, "2" * 32]))
def test_nothing_remembered_ever_opens(
    story: list[ev.Event], purpose: Purpose, original: str, backup_id: str
) -> None:
    state = remember(NOW)
    for event in story:
        state, _ = step(state, event)
    facts = facts_for(state, purpose, backup_id=backup_id, original_sha256=original)
    assert not verdict(facts).allowed
    assert not standing(state).allowed


@QUICK
@given(stories, st.sampled_from([Purpose.OPEN, Purpose.RESTORE]), prints)
def test_even_the_best_answer_is_not_enough_with_the_original_here(
    story: list[ev.Event], purpose: Purpose, original: str
) -> None:
    state = remember(NOW)
    for event in story:
        state, _ = step(state, event)
    yes = Answer(NOW, CertificateState.CANCELLED, CertificateState.ACTIVE, BackupState.COLLECTED)
    facts = facts_for(state, purpose, backup_id="1" * 32, original_sha256=original, answer=yes)
    if verdict(facts).allowed:
        assert state.started
        here = [i.token for i in state.insertions if i.token.holds(original)]
        assert not any(token.removable for token in here)
        assert not any(m.pending or m.unreadable for m in state.modules.values())
        record = state.backups.get("1" * 32)
        assert record is None or record.state not in {
            BackupState.LOCKED,
            BackupState.RETIRED,
            BackupState.RESTORED,
        }
        no = replace(yes, original=None)
        asked = facts_for(state, purpose, backup_id="1" * 32, original_sha256=original, answer=no)
        assert not verdict(asked).allowed


@QUICK
@given(stories)
def test_prompts_are_for_needs_and_one_a_day(story: list[ev.Event]) -> None:
    state = remember(NOW)
    up: set[str] = set()
    notified: dict[str, datetime] = {}
    for event in story:
        state, commands = step(state, event)
        for command in commands:
            match command:
                case do.ShowPrompt(need, notify):
                    assert notify or need.key not in up  # a prompt that stands is said, or silent
                    assert snoozed_until(need, state, state.now) is None
                    up.add(need.key)
                    if notify:
                        assert state.faces  # or nobody would see it, and the day were used up
                        last = notified.get(need.key)
                        assert last is None or last.date() != state.now.date()
                        notified[need.key] = state.now
                case do.TakeDownPrompt(key):
                    up.remove(key)
                case _:
                    pass
        assert state.prompts_up == up
        assert up <= {need.key for need in needs(state, state.now)}
        if state.faces:  # whatever stands and is critical was told today
            critical = [n for n in needs(state, state.now) if n.critical and n.key in up]
            days = {state.prompts[n.key].notified_on for n in critical}
            assert days <= {state.now.date()}


@QUICK
@given(stories)
def test_one_read_of_a_module_at_a_time(story: list[ev.Event]) -> None:
    state = remember(NOW)
    reading: set[str] = set()
    for event in story:
        if isinstance(event, ev.AgentStarted):
            reading.clear()
        if isinstance(event, ev.TokensListed | ev.ModuleFailed):
            reading.discard(event.module)
        state, commands = step(state, event)
        for command in commands:
            if isinstance(command, do.ReadTokens):
                assert command.module not in reading
                reading.add(command.module)
        # Whoever waits for a module to be identified waits for a read that is on its way.
        assert {m.name for m in state.modules.values() if m.pending} <= reading
        assert {m.name for m in state.modules.values() if m.reading} == reading


def test_the_state_is_made_of_what_is_listed_here() -> None:
    """A new field of State must be durable, or be known to be rebuilt after a restart."""
    rebuilt = {
        "now",
        "modules",
        "readers",
        "discover",
        "cards",
        "waiting",
        "authority",
        "started",
        "gate_shut",
        "prompts_up",
        "prompted",
        "faces",
        "last_insertion",
    }
    kept = {"identity", "known", "certificates", "backups", "prompts", "chosen"}
    assert {f.name for f in fields(State)} == rebuilt | kept
