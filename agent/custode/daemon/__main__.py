"""`python -m custode.daemon`: the agent as other programs start it (`custode.rpc.starting`).

It is what `custode agent` runs, without the command line around it: that takes the agent a fifth
of its start and a tenth of its memory, and has nothing to do in it. Who started us reads READY, or
in one line of JSON why there will be none.
"""

from __future__ import annotations

import gc
import json
import sys
import traceback
from typing import TYPE_CHECKING

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the agent; the status is that of `custode agent`."""
    gc.disable()  # what is loaded stays: until all of it is here there is no garbage to look for
    try:
        from custode.daemon.main import main as run

        status = run()
    except CustodeError as error:
        status = _tell(error)
    except Exception as error:  # noqa: BLE001 - the last place: whoever waits for READY is told
        traceback.print_exc()  # our standard error is the log
        status = _tell(CustodeError(ErrorCode.FAILED, kind=type(error).__name__))
    sys.exit(status)


def _tell(error: CustodeError) -> int:
    told = {"code": error.code.value, "exit": error.exit, "data": error.data}
    sys.stdout.write(json.dumps({"error": told}) + "\n")
    return error.exit


if __name__ == "__main__":
    main()
