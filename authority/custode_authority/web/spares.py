"""`/v1/backups/ID/spare`: a successor on a spare token, signed for by its own key."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from litestar import Request, Response, Router, post
from litestar.params import FromPath, RawBody

from custode_authority.escrow import spare
from custode_authority.web.about import read_about
from custode_authority.web.auth import account_of
from custode_authority.web.described import SIGNED, described
from custode_authority.web.exchange import authority_of, json_answer
from custode_authority.wire.messages import SIGNATURE_HEADER, BackupView
from custode_authority.wire.problems import ProblemCode
from custode_authority.wire.spare_messages import (
    SUCCESSOR_SIGNATURE_HEADER,
    SpareActivationRequest,
    SpareCollection,
    SpareCollectionRequest,
    SpareConfirmRequest,
)

Asked = Request[Any, Any, Any]
Answer = Response[bytes]

_P = ProblemCode
_STATE: Final = (
    _P.NOT_FOUND,
    _P.BACKUP_STATE,
    _P.BACKUP_LOCKED,
    _P.BACKUP_RETIRED,
    _P.BACKUP_PLACE,
    _P.IDENTITY_CEASED,
    *SIGNED,
)
_ENDED: Final = (_P.ORIGINAL_ACTIVE, _P.ALREADY_ACTIVATED, *_STATE)


@post(
    "/confirmation",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=SpareConfirmRequest,
        headers={SIGNATURE_HEADER: True, SUCCESSOR_SIGNATURE_HEADER: True},
        refuses=(
            _P.CSR_KEY,
            _P.CSR_SIGNATURE,
            _P.CSR_SUBJECT,
            _P.KEY_OF_ANOTHER,
            _P.KEY_COMPROMISED,
            _P.KEY_IS_SUCCESSOR,
            _P.NOT_ACTIVE,
            _P.ORIGINAL_RENEWED,
            *_STATE,
        ),
    ),
)
def confirm(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Register a key on a spare token; signed by the original and by that key."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, SpareConfirmRequest)
    signatures = (
        request.headers.get(SIGNATURE_HEADER),
        request.headers.get(SUCCESSOR_SIGNATURE_HEADER),
    )
    return json_answer(spare.confirm(authority_of(request), who, message, body, signatures))


@post(
    "/activation",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=SpareActivationRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(_P.REASON_NOT_ALLOWED, *_ENDED),
    ),
)
def activate(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Ask for activation; signed by the spare's key."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, SpareActivationRequest)
    signature = request.headers.get(SIGNATURE_HEADER)
    return json_answer(spare.activate(authority_of(request), who, message, body, signature))


@post(
    "/collection",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        SpareCollection,
        takes=SpareCollectionRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(_P.NOT_APPROVED, _P.APPROVAL_EXPIRED, _P.NOT_ACTIVE, *_ENDED),
    ),
)
def collect(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Collect what was approved: the original ends, the spare's certificate begins."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, SpareCollectionRequest)
    signature = request.headers.get(SIGNATURE_HEADER)
    return json_answer(spare.collect(authority_of(request), who, message, body, signature))


router: Final = Router(
    path="/v1/backups/{backup_id:str}/spare", route_handlers=[confirm, activate, collect]
)
