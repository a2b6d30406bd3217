"""A body about one backup: it names the same one as the path of its request."""

from __future__ import annotations

from typing import TypeVar

from custode_authority.errors import Refused
from custode_authority.web.exchange import read_body
from custode_authority.wire.messages import (
    ActivationRequest,
    CollectionRequest,
    ConfirmRequest,
    RestorationRequest,
    RetireRequest,
)
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.spare_messages import (
    SpareActivationRequest,
    SpareCollectionRequest,
    SpareConfirmRequest,
)

About = TypeVar(
    "About",
    ConfirmRequest,
    ActivationRequest,
    CollectionRequest,
    RestorationRequest,
    RetireRequest,
    SpareConfirmRequest,
    SpareActivationRequest,
    SpareCollectionRequest,
)


def read_about(backup_id: str, body: bytes, kind: type[About]) -> About:
    """Decode a body that names the same backup as the path; what is signed is what counts.

    :raises Refused: MALFORMED
    """
    message = read_body(body, kind)
    if message.backup_id != backup_id:
        raise Refused(ProblemCode.MALFORMED, "path and body name different backups")
    return message
