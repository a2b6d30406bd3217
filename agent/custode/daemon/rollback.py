"""An agent's database that was put back to an earlier state: what had ended ends again.

What the agent remembers only ever closes; opening asks the authority afresh. So a database that is
older than the audit log beside it opens nothing by itself. But it has forgotten ends, and those
must stand even if the authority forgets them as well: the log still tells them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from custode.daemon.audit import AUTHORITY_HEAD, Anchor
from custode.daemon.store import Kind
from custode.domain import backups, certificates

if TYPE_CHECKING:
    from custode.daemon.audit import AuditLog
    from custode.daemon.store import Store

NOTED: Final = "state.rolled_back_at"
_FINAL: Final[Mapping[str, tuple[Kind, str, frozenset[str]]]] = {
    "certificate_state": (Kind.CERTIFICATES, "id_operazione", frozenset(certificates.FINAL)),
    "backup_state": (Kind.BACKUPS, "backup_id", frozenset(backups.FINAL)),
}

_log = logging.getLogger(__name__)


def end_again(store: Store, audit: AuditLog) -> None:
    """Find out that the database is older than the log; then close what the log says is over."""
    forgotten = audit.unknown_to_anchor()
    if not forgotten:
        return
    ended = 0
    with store.transaction():
        for entry in forgotten:
            if entry.name == AUTHORITY_HEAD:
                # Else an authority that was put back to the same day would not be found out.
                Anchor(store.meta, store.set_meta).save_authority_head(str(entry.data["head"]))
            kind, key, final = _FINAL.get(entry.name, (None, "", frozenset[str]()))
            state = entry.data.get("state")
            if kind is None or state not in final:
                continue
            row = store.get(kind, str(entry.data.get(key)), dict[str, Any])
            if row is not None:
                store.put(kind, str(entry.data[key]), {**row, "state": state})
                ended += 1
    _log.warning("the database is older than the audit log by %d entries", len(forgotten))
    audit.append("state_rolled_back", {"entries": len(forgotten), "ended_again": ended})
    store.set_meta(NOTED, audit.tail(1)[0].at.isoformat())
