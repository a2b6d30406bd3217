"""Which token a person named: the one place where that can fail, with what is told then."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from custode.domain import token_uri
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

N = TypeVar("N", bound=token_uri.Named)


def one_of(name: str | None, candidates: Iterable[N]) -> N | None:
    """The token that is meant by serial, unique label or PKCS #11 URI; unnamed: the only one.

    :raises CustodeError: TOKEN_AMBIGUOUS when several could be, TOKEN_URI_INVALID
    """
    try:
        found = token_uri.named(name, candidates)
    except token_uri.UriInvalid as error:
        raise CustodeError(ErrorCode.TOKEN_URI_INVALID, why=f"uri_{error.why}") from error
    if len(found) > 1:
        serials = ", ".join(one.id.serial for one in found)
        raise CustodeError(ErrorCode.TOKEN_AMBIGUOUS, token=name, serials=serials)
    return found[0] if found else None
