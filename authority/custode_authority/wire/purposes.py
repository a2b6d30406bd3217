"""What a signed request is for: a nonce, and a signature, for one of these serves for no other."""

from __future__ import annotations

from typing import Literal

Purpose = Literal[
    "cancel",
    "backup.confirm",
    "backup.activate",
    "backup.collect",
    "backup.restored",
    "backup.retire",
    "spare.confirm",
    "spare.activate",
    "spare.collect",
]
