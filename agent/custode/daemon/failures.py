"""The one place where a child process's failure becomes an error that people can be told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from custode.daemon.children import ChildDied, ChildError, ChildTimeout
from custode.error_codes import ErrorCode
from custode.errors import CustodeError, from_child

_log = logging.getLogger(__name__)


@contextmanager
def translated(what: str, died: ErrorCode) -> Iterator[None]:
    """Turn ChildFailures of the block into CustodeError.

    `what` names the module or worker; `died` is the code for one that ended or could not start.
    :raises CustodeError: the child's own code, TIMED_OUT, or `died`
    """
    try:
        yield
    except ChildError as exc:
        raise from_child(exc.code, exc.data) from exc
    except ChildTimeout as exc:
        _log.warning("%s: %s did not answer within %s s", what, exc.method, exc.deadline_s)
        raise CustodeError(ErrorCode.TIMED_OUT, what=what, seconds=int(exc.deadline_s)) from exc
    except ChildDied as exc:
        how = f"signal {exc.signal}" if exc.signal else exc.why
        _log.warning("%s: ended during %s: %s", what, exc.method, how)
        raise CustodeError(died, module=what, why=how) from exc
