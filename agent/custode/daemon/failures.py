"""The one place where a child process's failure becomes an error that people can be told."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from custode.daemon.children import ChildDied, ChildError, ChildTimeout
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, from_child

_log = logging.getLogger(__name__)


@contextmanager
def translated(what: str, died: ErrorCode) -> Iterator[None]:
    """Turn ChildFailures of the block into CustodeError.

    `what` names the module or worker; `died` is the code for one that ended or could not start.
    Of a module it is told as well what it was asked to do.
    :raises CustodeError: the child's own code, TIMED_OUT, or `died`
    """
    try:
        yield
    except ChildError as exc:
        raise from_child(exc.code, exc.data) from exc
    except ChildTimeout as exc:
        _log.warning("%s: %s did not answer within %s s", what, exc.method, exc.deadline_s)
        told: dict[str, Any] = {"what": what, "seconds": int(exc.deadline_s)}
        if died is ErrorCode.MODULE_FAILED:
            told |= {"module": what, "doing": exc.method}
        raise CustodeError(ErrorCode.TIMED_OUT, **told) from exc
    except ChildDied as exc:
        how = _signal_name(exc.signal) if exc.signal else exc.why
        _log.warning("%s: ended during %s: %s", what, exc.method, how)
        began = exc.signal is not None or exc.status is not None
        doing = exc.method if began and died is ErrorCode.MODULE_FAILED else None
        raise CustodeError(died, module=what, why=how, doing=doing) from exc


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
