"""`custode uninstall-desktop`: every trace of `install-desktop` goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custode.cli.command import make_command, pass_face
from custode.cli.desktop_told import rows, tell_removed
from custode.locale.catalogue import mark

if TYPE_CHECKING:
    from custode.cli.face import Face


@make_command(
    "uninstall-desktop",
    mark(
        "Take away what custode install-desktop put, and nothing else.\n\n"
        "A file that you changed is kept. Your certificates, backups and settings stay as they are."
    ),
)
@pass_face
def command(face: Face) -> None:
    """Take everything away."""
    from custode.startup import ledger, service_manager
    from custode.startup.putting import take_away
    from custode.startup.written import Places

    data = Places.find().data
    put_before = not ledger.read(ledger.place(data)).empty
    if put_before:
        service_manager.stop_listening()
    done = take_away(data)
    if put_before:
        service_manager.forget()
    face.show(rows(done), tell_removed)
