"""What a module says of itself, and how long it took to get there: for the doctor."""

from __future__ import annotations

import time
from typing import Any

from custode_drivers.pkcs11.asked import Fds
from custode_drivers.pkcs11.ckr import CkrError
from custode_drivers.pkcs11.layout import CkInfo
from custode_drivers.pkcs11.module import Module


def about(module: Module, _fds: Fds) -> dict[str, Any]:
    """Load the module, unless it is, and read its name.

    `load_s`: seconds until C_Initialize returned; next to nothing for one that is loaded already.
    :raises ModuleFailed: when it cannot be loaded or initialised.
    """
    began = time.monotonic()
    cryptoki = module.cryptoki
    load_s = time.monotonic() - began
    try:
        name = _name(cryptoki.info())
    except CkrError:
        name = ""  # it works without
    return {"load_s": load_s, "library": name}


def _name(info: CkInfo) -> str:
    """Maker, name and version of the library."""
    texts = (
        bytes(text).decode("utf-8", "replace") for text in (info.manufacturer, info.description)
    )
    version = f"{info.library_version.major}.{info.library_version.minor}"
    return " ".join(filter(None, (*(text.strip(" \0") for text in texts), version)))
