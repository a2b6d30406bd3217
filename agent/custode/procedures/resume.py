"""After a crash: each kind of operation is taken up again, or seen to be undone.

What an operation did outside (on the token, at the authority) is looked up there; the journal only
says where to look. Nothing here asks for a PIN: what needs one stays for the person to run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.procedures import (
    activate,
    backup,
    cancel,
    csr,
    install,
    reissue,
    renew,
    request,
    spare,
    spare_activation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.daemon.context import Resume


RESUME: Final[Mapping[str, Resume]] = {
    csr.KIND: csr.resume,
    request.KIND: request.resume,
    install.KIND: install.resume,
    renew.KIND: renew.resume,
    reissue.KIND: reissue.resume,
    cancel.KIND: cancel.resume,
    backup.KIND: backup.resume,
    activate.ACTIVATE: activate.resume_activate,
    activate.RESTORE: activate.resume_restore,
    spare.KIND: spare.resume,
    spare_activation.KIND: spare_activation.resume,
}
