"""Everything at once: what must hold after every step, and that nobody is locked out at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.stateful import invariant, precondition
from tests.invariants import truth
from tests.invariants.agents import Agent, ask
from tests.invariants.backup_stories import BackupStories
from tests.invariants.certificate_stories import CertificateStories
from tests.invariants.surroundings import Surroundings
from tests.invariants.world import refused

from custode.domain.gate import Purpose
from custode_authority.wire.reasons import Reason
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from tests.invariants.people import Identity, Stick


class Life(CertificateStories, BackupStories, Surroundings):
    """Owners, thieves, a desk and a clock, in any order."""

    def teardown(self) -> None:
        if self.world is not None:
            for person in self.people:
                self._finds_a_way(person)

    @precondition(lambda self: self.world is not None)
    @invariant()
    def the_tables_are_sound(self) -> None:
        now = truth.look(self._world)
        truth.check(now)
        truth.check_step(self.last, now)
        self.last = now

    @precondition(lambda self: self.world is not None)
    @invariant()
    def the_gate_never_opens_beside_the_original(self) -> None:
        now = truth.look(self._world)
        for agent in self.agents:
            agent.look_again()
            for stick in agent.identity.sticks:
                self._judge(agent, stick, now)

    def _judge(self, agent: Agent, stick: Stick, now: truth.Truth) -> None:
        about = now.about(stick.folder.backup_id)
        seen = (about, agent.state, frozenset(agent.here))
        if self.judged.get((id(agent), id(stick))) == seen:
            return
        self.judged[id(agent), id(stick)] = seen
        original, (backup_id, fingerprint) = about.original, about.names
        if about not in self.answers:  # the same facts have the same answer
            self.answers[about] = ask(agent.identity, backup_id, fingerprint)
        answer = self.answers[about]
        for purpose in Purpose:
            unasked = agent.judge(backup_id, fingerprint, purpose, None)
            assert not unasked.allowed, "what is remembered opened the gate"
            if not agent.judge(backup_id, fingerprint, purpose, answer).allowed:
                continue
            assert not agent.carries(fingerprint), "open with the original in the reader"
            overdue = original.state == "active" and not original.valid_by_date
            assert not original.usable or overdue, "open while the original is active"
            if purpose is not Purpose.ACTIVATE:
                assert original.state in {"cancelled", "expired"} or overdue
                assert answer is not None
                assert answer.backup is BackupState.COLLECTED, "open without a grant"

    # --- nobody is locked out -----------------------------------------------------------------

    def _finds_a_way(self, person: Identity) -> None:
        """The owner, with account and folders and tokens that are left, gets to work again."""
        self._wait(person)
        if self._works(person):
            return
        for stick in person.sticks:
            if stick.by_owner and self._opens(person, stick):
                return
        self._begin_anew(person)
        assert self._works(person), "an honest owner is locked out"

    def _opens(self, person: Identity, stick: Stick) -> bool:
        """Go the way through a backup; where it leads on, it must lead to the end."""
        now = truth.look(self._world)
        backup = now.backups[stick.folder.backup_id]
        original = now.original_of(backup.id)
        if backup.state in {"reserved", "locked", "retired", "restored"} or original.usable:
            return False
        if backup.state == "collected":
            assert backup.successor is not None
            if now.certificates[backup.successor].state != "active":
                return False
        answer = ask(person, backup.id, original.fingerprint)
        if answer is None or answer.ceased:
            return False
        fresh = Agent(person)
        fresh.learn()
        if backup.state != "collected":
            assert fresh.judge(backup.id, original.fingerprint, Purpose.ACTIVATE, answer).allowed
            refused(lambda: person.request(stick, Reason.THEFT))
            self._world.clock.forward(hours=1)
            refused(lambda: person.approve(stick))
            code = refused(lambda: person.collect(stick))
            assert code is None, f"an honest owner is locked out of the backup: {code}"
        answer = ask(person, backup.id, original.fingerprint)
        judged = fresh.judge(backup.id, original.fingerprint, Purpose.RESTORE, answer)
        assert judged.allowed, f"collected, and the gate stays closed: {judged.reasons}"
        code = refused(lambda: person.restore(stick, "T9"))
        assert code is None, f"an honest owner is locked out of the restore: {code}"
        assert self._works(person), "restored, and nothing works"
        return True

    def _begin_anew(self, person: Identity) -> None:
        """Re-issue: what still lives is given up, then a new key is certified."""
        living = [
            row.fingerprint_sha256
            for row in person.operations()
            if row.fingerprint_sha256 and row.state in {"active", "suspended"}
        ]
        if living:
            person.reissue(living)
        code = refused(lambda: person.enrol("T9"))
        assert code is None, f"an honest owner is locked out: {code}"
        self._world.clock.forward(minutes=2)
        person.operations()
