"""Which RPC method is which procedure, and who takes up what a crash interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.procedures import (
    activate,
    authority,
    backup,
    backup_standing,
    cancel,
    csr,
    folder,
    identity,
    install,
    reissue,
    renew,
    report,
    request,
    request_standing,
    spare_clearing,
    token,
    volumes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.daemon.context import Method

METHODS: Final[Mapping[str, Method]] = {
    "identity.set": identity.set_,
    "token.init": token.init,
    token.CHANGE: token.change,
    token.UNBLOCK: token.unblock,
    "csr.create": csr.create,
    "request.create": request.create,
    "request.standing": request_standing.standing,
    "certificates.list": request.list_,
    "install": install.install,
    "renew": renew.renew,
    "reissue.preview": reissue.preview,
    "reissue.run": reissue.run,
    "report": report.report,
    "report.preview": report.preview,
    "cancel.preview": cancel.preview,
    "cancel.run": cancel.run,
    "authority.backup": authority.backup,
    "authority.restore": authority.restore,
    "backup.create": backup.create,
    "backup.standing": backup_standing.standing,
    "backup.list": backup.list_,
    "backup.show": folder.show,
    "backup.verify": folder.verify,
    "backup.named": backup.named,
    "backup.retire": backup.retire,
    "backup.open": activate.open_,
    "backup.activate": activate.activate,
    "backup.restore": activate.restore,
    "spare.clear": spare_clearing.clear,
    "spare.clear.preview": spare_clearing.preview,
    "volumes.list": volumes.list_,
}
