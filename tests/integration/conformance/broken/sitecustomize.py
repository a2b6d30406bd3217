"""Breaks the token worker of a process on purpose, in the way that CUSTODE_BROKEN names."""

import os
import sys
from typing import Any


def _send_pins_twice() -> None:
    from custode_drivers.pkcs11.cryptoki import Cryptoki

    login: Any = Cryptoki.login

    def twice(self: Any, *given: Any) -> None:
        try:
            login(self, *given)
        except Exception:
            login(self, *given)
            raise

    Cryptoki.login = twice  # type: ignore[method-assign,assignment] # that is the damage


def _check_no_proof() -> None:
    from custode_drivers.pkcs11 import keys

    keys.check_proof = lambda *_: None


def _end_no_session() -> None:
    from custode_drivers.pkcs11.session import Sessions

    Sessions.end = lambda *_: None  # type: ignore[method-assign] # that is the damage


_WAYS = {
    "pin sent twice": _send_pins_twice,
    "no proof checked": _check_no_proof,
    "no session ended": _end_no_session,
}

if "custode_drivers.pkcs11.worker" in " ".join(sys.orig_argv):
    _WAYS[os.environ["CUSTODE_BROKEN"]]()
