"""Words for modules, readers and cards, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from custode.locale.catalogue import mark

# Why a module was asked for a card; of a configured one nothing is to be said.
CHOSEN: Final[Mapping[str, str]] = {
    "card": mark("by the kind of card"),
    "remembered": mark("as for such a card before"),
    "p11-kit": mark("from p11-kit's list"),
    "any_card": mark("as for every card"),
    "present": mark("its device is here"),
}

# What helps when the reader service cannot be used, by the reason.
READER_REMEDY: Final[Mapping[str, str]] = {
    "no_service": mark(
        "start it, for example: systemctl start pcscd (Debian: package pcscd); a module whose"
        ' tokens are no cards says watch = "none"'
    ),
    "no_library": mark("install it (Debian: package libpcsclite1), then: custode agent stop"),
    "refused": mark("have it allow this user (polkit: org.debian.pcsc-lite.access_pcsc)"),
}
