"""Whose certificate it is, as people type it: what is wrong with it, in sentences of all faces."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from custode.domain.codice_fiscale import is_valid
from custode.locale.catalogue import t
from custode_authority.wire.messages import CodiceFiscale, IdentityCode

_LENGTHS: Final = (11, 16)  # of a body's codice fiscale, of a person's


def written(text: str) -> str:
    """`text` as the wire wants it: in capitals, without spaces around it."""
    return text.strip().upper()


def code_fault(text: str) -> str:
    """Why this is no identity code; empty: it is one."""
    if _has_shape(text, IdentityCode):
        return ""
    return t("The identity code has 3 to 16 letters and digits.")


def shape_fault(text: str) -> str:
    """Why this cannot be a codice fiscale by its shape; empty: it has the shape."""
    if _has_shape(text, CodiceFiscale):
        return ""
    return t("A codice fiscale has 11 to 16 letters and digits.")


def codice_fiscale_fault(text: str) -> str:
    """Why this is no codice fiscale, its check character counted; empty: it is one."""
    if fault := shape_fault(text):
        return fault
    if len(written(text)) not in _LENGTHS:
        return t("It has 16 characters, or 11 digits for a company.")
    return "" if is_valid(written(text)) else t("A character was mistyped: copy it from the card.")


def _has_shape(text: str, shape: Any) -> bool:
    return re.fullmatch(get_args(shape)[1].pattern, written(text)) is not None
