"""An agent: the real domain, told by the real authority, with tokens that come and go."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Final

from tests.integration.authority.backups.conftest import PEOPLE

from custode.domain import events as ev
from custode.domain.gate import Answer, Purpose, facts_for, verdict
from custode.domain.machine import step
from custode.domain.model import HeldCertificate, TokenId, TokenSeen, remember
from custode.domain.model import Identity as Known
from custode.procedures.counter import backup_row, certificate_row
from custode_authority.certificates import settling
from custode_authority.escrow import activation, backups
from custode_authority.wire import cms

if TYPE_CHECKING:
    from datetime import datetime

    from tests.invariants.people import Identity

    from custode.domain.gate import Verdict

MODULE: Final = "soft"


class Agent:
    """One agent of one identity; another one of the same identity knows nothing of this one."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.here: set[str] = set()  # serials of the tokens in its reader
        self.last_read: tuple[TokenSeen, ...] = ()
        self.state = remember(self._now(), identity=Known(identity.code, PEOPLE[identity.code]))
        self._told(ev.AgentStarted((MODULE,), self._now()))
        self.read()

    def moved_to(self, identity: Identity) -> Agent:
        """The same agent beside the same person in a copy of the world."""
        moved = copy(self)
        moved.identity, moved.here = identity, set(self.here)
        return moved

    def _now(self) -> datetime:
        return self.identity.world.clock.now()

    def _told(self, event: ev.Event) -> None:
        self.state, _ = step(self.state, event)

    # --- what it sees -------------------------------------------------------------------------

    def plug(self, serial: str) -> None:
        self.here.add(serial)
        self.read()

    def pull(self, serial: str) -> None:
        self.here.discard(serial)
        self.read()

    def hint(self) -> None:
        self._told(ev.PlugHinted(MODULE, self._now()))

    def read(self) -> None:
        """Answer what was asked to be read, until nothing is."""
        self.hint()
        while self.state.modules[MODULE].reading:
            self.last_read = self._tokens()
            self._told(ev.TokensListed(MODULE, self.last_read, self._now()))

    def look_again(self) -> None:
        """Read what was written onto a token in the reader, as whoever installs does."""
        if self.last_read != self._tokens():
            self.read()

    def _tokens(self) -> tuple[TokenSeen, ...]:
        return tuple(self._seen(serial) for serial in sorted(self.here))

    def carries(self, fingerprint: str) -> bool:
        """Whether a token with that certificate is in the reader, read or not."""
        return any(
            held.serial in self.here and held.in_hand and held.fingerprint == fingerprint
            for held in self.identity.held
        )

    def _seen(self, serial: str) -> TokenSeen:
        held = tuple(
            HeldCertificate(str(place), "", one.fingerprint)
            for place, one in enumerate(self.identity.held)
            if one.serial == serial and one.in_hand and one.fingerprint
        )
        return TokenSeen(TokenId("Acme", "T1", serial), serial, MODULE, certificates=held)

    # --- what it is told ----------------------------------------------------------------------

    def learn(self) -> None:
        """Take over the authority's lists, as `refresh` does."""
        now = self._now()
        rows = tuple(certificate_row(view, now) for view in self.identity.operations())
        self._told(ev.OperationsListed(rows, now))
        kept = tuple(backup_row(view, now) for view in self.identity.backups())
        self._told(ev.BackupsListed(kept, now))

    def hear_nothing(self) -> None:
        self._told(ev.AuthorityUnreachable("down", self._now()))

    def judge(
        self, backup_id: str, original_sha256: str, purpose: Purpose, answer: Answer | None
    ) -> Verdict:
        """The gate's verdict on a folder in hand."""
        facts = facts_for(
            self.state,
            purpose,
            backup_id=backup_id,
            original_sha256=original_sha256,
            answer=answer,
        )
        return verdict(facts)


def ask(identity: Identity, backup_id: str, original_sha256: str) -> Answer | None:
    """What the authority says now, as the job `facts` puts it together; nothing is kept of it."""
    authority = identity.world.authority
    now = authority.clock.now()
    answer: Answer | None = None
    with suppress(cms.SignatureInvalid), identity.world.looking() as tx:
        account = identity.who(tx)
        settling.settle(tx, authority, account, now=now)
        backup = backups.find(tx, account, backup_id)
        activation.ripen(tx, authority, backup, now=now)
        original = identity.status(tx, original_sha256)
        successor = backup.successor_sha256
        answer = Answer(
            at=original.at,
            original=original.state,
            successor=identity.status(tx, successor).state if successor else None,
            backup=backups.view(backup, authority.settings, now=now).state,
            ceased=account.ceased,
            expires_at=original.expires_at,
        )
    return answer
