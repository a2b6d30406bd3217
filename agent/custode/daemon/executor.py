"""Carries out the domain's commands.

At once and in order: closing the gate, audit lines, rows (one transaction an event), what is
announced. Behind: reading tokens, and what the procedures registered a hook for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from custode.daemon import records
from custode.daemon.lookups import Lookups
from custode.daemon.status import need_row
from custode.domain import commands

if TYPE_CHECKING:
    from custode.daemon.audit import AuditLog
    from custode.daemon.store import Store
    from custode.domain.commands import Command

Announcer = Callable[[str, Mapping[str, Any]], None]
Hook = Callable[["Command"], Awaitable[None]]

_log = logging.getLogger(__name__)


class Executor:
    """Knows how each command is done; decides nothing."""

    def __init__(self, store: Store, audit: AuditLog, announce: Announcer) -> None:
        self._store = store
        self._audit = audit
        self._announce = announce
        self._hooks: dict[type, Hook] = {}
        self.lookups: Lookups[Command] = Lookups(self._look)

    def register(self, command: type, hook: Hook) -> None:
        """Have `hook` carry out commands of that type, behind the mailbox.

        For ReadTokens, QueryOperations, QueryBackups, QueryStatus, InstallWaiting; CloseGate and
        OpenGate hooks are for what serves an opened backup to programs.
        """
        self._hooks[command] = hook

    def carry_out(self, todo: Sequence[Command]) -> None:
        """Begin the commands of one event.

        :raises CustodeError: when rows or audit lines could not be written; the others were done
        """
        for command in todo:
            if isinstance(command, commands.CloseGate):
                self._show(command)
        try:
            self._persist(todo)
        finally:
            for command in todo:
                if not isinstance(command, commands.CloseGate):
                    self._show(command)

    def _persist(self, todo: Sequence[Command]) -> None:
        # Outside of the transaction: each line's anchor is on the disk before the next line is, so
        # that a crash never leaves the log more than one line ahead of the database.
        for command in todo:
            if isinstance(command, commands.AppendAudit):
                self._audit.append(command.name, command.data)
        with self._store.transaction():
            for command in todo:
                records.save(self._store, command)

    def _show(self, command: Command) -> None:
        match command:
            case commands.CloseGate(reasons):
                self._announce("gate_closed", {"reasons": msgspec.to_builtins(reasons)})
            case commands.OpenGate():
                self._announce("gate_opened", {})
            case commands.Announce(name, data):
                self._announce(name, data)
            case commands.ShowPrompt(need, notify):
                self._announce("prompt_shown", {**need_row(need), "notify": notify})
            case commands.TakeDownPrompt(key):
                self._announce("prompt_taken_down", {"key": key})
            case _:
                pass
        if type(command) in self._hooks:
            self.lookups.begin(command)

    async def _look(self, command: Command) -> None:
        await self._hooks[type(command)](command)
