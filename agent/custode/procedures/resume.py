"""After a crash: each kind of operation is taken up again, or seen to be undone.

What an operation did outside (on the token, at the authority) is looked up there; the journal only
says where to look. Nothing here asks for a PIN: what needs one stays for the person to run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.domain.events import BackupRestored, CertificateInstalled, TokenPromoted
from custode.procedures import activate, backup, cancel, csr, install, request
from custode.procedures.counter import refresh
from custode_authority.wire.states import BackupState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.daemon.context import Context, Resume
    from custode.daemon.journal import Operation
    from custode.domain.model import TokenSeen


async def resume_csr(ctx: Context, operation: Operation) -> None:
    """A key may lie on the token: `csr` on that token takes it up, so the operation stays open."""
    if operation.step_data("key") is None:
        operation.undone(why="no key was made")
    del ctx


async def resume_install(ctx: Context, operation: Operation) -> None:
    """If the certificate reached the token, the rest needs no PIN; else `install` runs again."""
    record = ctx.state.certificates.get(operation.data["id_operazione"])
    for token in _tokens(ctx):
        for held in token.certificates:
            if record is not None and held.fingerprint_sha256 == record.fingerprint_sha256:
                now = ctx.clock.now()
                await ctx.post(
                    CertificateInstalled(record.id_operazione, token.id, held.key_id, now)
                )
                await ctx.post(TokenPromoted(token.id, now))
                operation.done(key_id=held.key_id)
                return
    operation.undone(why="the certificate is not on the token")


async def resume_cancel(ctx: Context, operation: Operation) -> None:
    """One transaction at the authority: its list says whether it happened."""
    await refresh(ctx)
    states = [
        ctx.state.certificates[o].state
        for o in operation.data["operations"]
        if o in ctx.state.certificates
    ]
    operation.done(states=[state.value for state in states])


async def resume_activate(ctx: Context, operation: Operation) -> None:
    """The authority holds how far it came; `backup activate` goes on from there."""
    await refresh(ctx)
    operation.undone(why="to be run again")


async def resume_restore(ctx: Context, operation: Operation) -> None:
    """Confirmed at the authority: the token is the primary. Else `backup restore` runs again."""
    await refresh(ctx)
    record = ctx.state.backups.get(operation.data["backup_id"])
    if record is not None and record.state is BackupState.RESTORED:
        for token in _tokens(ctx):
            for held in token.certificates:
                if held.fingerprint_sha256 == record.successor_sha256:
                    now = ctx.clock.now()
                    await ctx.post(
                        BackupRestored(
                            record.backup_id,
                            held.fingerprint_sha256,
                            token.id,
                            held.key_id,
                            now,
                        )
                    )
                    await ctx.post(TokenPromoted(token.id, now))
                    operation.done(successor_sha256=held.fingerprint_sha256)
                    return
    operation.undone(why="to be run again")


def _tokens(ctx: Context) -> list[TokenSeen]:
    return [insertion.token for insertion in ctx.state.insertions]


RESUME: Final[Mapping[str, Resume]] = {
    csr.KIND: resume_csr,
    request.KIND: request.resume,
    install.KIND: resume_install,
    cancel.KIND: resume_cancel,
    backup.KIND: backup.resume,
    activate.ACTIVATE: resume_activate,
    activate.RESTORE: resume_restore,
}
