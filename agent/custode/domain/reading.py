"""Having a module's tokens read: at most one listing of a module is on its way.

What happens meanwhile asks for another one, and the module stays pending until that has come: a
listing begun before a hint proves nothing about it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from custode.domain.commands import ReadTokens

if TYPE_CHECKING:
    from custode.domain.commands import Command
    from custode.domain.model import Module, State
    from custode.domain.records import Change


def with_module(state: State, module: Module) -> State:
    """The state with that module as it is now."""
    return replace(state, modules={**state.modules, module.name: module})


def read(state: State, module: Module) -> Change:
    """Read a module's tokens, or do so again after the listing that is on its way."""
    if module.reading:
        return with_module(state, replace(module, read_again=True)), ()
    return with_module(state, replace(module, reading=True)), (ReadTokens(module.name),)


def hinted(state: State, module: Module) -> Change:
    """Until that module has been read it may hold any token."""
    return read(state, replace(module, pending=True))


def answered(state: State, module: Module) -> tuple[State, list[Command]]:
    """Take note that a read ended; begin another one if something happened since it began."""
    again = module.read_again
    pending = module.pending and again
    module = replace(module, pending=pending, reading=again, read_again=False)
    return with_module(state, module), [ReadTokens(module.name)] if again else []
