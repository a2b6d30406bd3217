"""Where the trace of an error goes that nobody foresaw: to a log, never to a person's eye."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths

if TYPE_CHECKING:
    from pathlib import Path


def keep_trace(error: BaseException) -> Path | None:
    """Write the trace to the command line's log; gives its path, None when it cannot be written.

    The local variables are not written: they may hold what no log may hold.
    """
    log = Paths.find().cli_log
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8", opener=_private) as stream:
            traceback.print_exception(error, file=stream)
    except OSError:
        return None
    return log


def of_unexpected(error: Exception) -> CustodeError:
    """Our error for one that nobody foresaw: the trace goes to a log, the log's path to the eye."""
    log = keep_trace(error)
    more = {} if log is None else {"log": str(log)}
    return CustodeError(ErrorCode.FAILED, kind=type(error).__name__, **more)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
