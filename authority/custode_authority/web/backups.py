"""`/v1/backups`: reserve, confirm, activate, collect, restore, retire. Bearer = the API key."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, RawBody

from custode_authority.escrow import activation, closing, collection, listing, registration
from custode_authority.web.about import read_about
from custode_authority.web.auth import account_of
from custode_authority.web.described import SIGNED, described
from custode_authority.web.exchange import authority_of, json_answer, read_body
from custode_authority.wire.messages import (
    PIN_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    ActivationRequest,
    BackupView,
    Collection,
    CollectionRequest,
    ConfirmRequest,
    Reservation,
    ReserveRequest,
    RestorationRequest,
    RetireRequest,
)
from custode_authority.wire.problems import ProblemCode

Asked = Request[Any, Any, Any]
Answer = Response[bytes]

_P = ProblemCode
_STATE: Final = (_P.NOT_FOUND, _P.BACKUP_STATE, _P.BACKUP_LOCKED, _P.BACKUP_RETIRED)
_PIN: Final = (
    _P.WRONG_BACKUP_PIN,
    _P.CONTAINER_MISMATCH,
    _P.BACKUP_PLACE,
    _P.ORIGINAL_ACTIVE,
    _P.ALREADY_ACTIVATED,
    *_STATE,
    *SIGNED,
)


@post(
    "/",
    sync_to_thread=True,
    opt=described(
        Reservation,
        status=201,
        takes=ReserveRequest,
        refuses=(_P.NOT_FOUND, _P.NOT_ACTIVE, _P.ORIGINAL_RENEWED, _P.BACKUP_PLACE),
    ),
)
def reserve(request: Asked, body: RawBody) -> Answer:
    """Reserve a backup; gives the public half of its recovery key."""
    who = partial(account_of, request=request)
    message = read_body(body, ReserveRequest)
    reservation = registration.reserve(authority_of(request), who, message)
    return json_answer(reservation, status_code=201)


@get("/", sync_to_thread=True, opt=described(list[BackupView]))
def list_all(request: Asked) -> Answer:
    """List the account's backups."""
    who = partial(account_of, request=request)
    return json_answer(listing.all_backups(authority_of(request), who))


@get("/{backup_id:str}", sync_to_thread=True, opt=described(BackupView, refuses=(_P.NOT_FOUND,)))
def show(request: Asked, backup_id: FromPath[str]) -> Answer:
    """Show one backup."""
    who = partial(account_of, request=request)
    return json_answer(listing.one_backup(authority_of(request), who, backup_id))


@post(
    "/{backup_id:str}/confirmation",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=ConfirmRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(
            _P.CSR_KEY,
            _P.CSR_SIGNATURE,
            _P.CSR_SUBJECT,
            _P.KEY_OF_ANOTHER,
            _P.KEY_COMPROMISED,
            _P.KEY_IS_SUCCESSOR,
            _P.NOT_ACTIVE,
            _P.ORIGINAL_RENEWED,
            _P.BACKUP_PLACE,
            *_STATE,
            *SIGNED,
        ),
    ),
)
def confirm(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Register the backup; signed by the original."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, ConfirmRequest)
    signature = request.headers.get(SIGNATURE_HEADER)
    return json_answer(registration.confirm(authority_of(request), who, message, body, signature))


@post(
    "/{backup_id:str}/activation",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=ActivationRequest,
        headers={PIN_SIGNATURE_HEADER: True},
        refuses=(_P.REASON_NOT_ALLOWED, _P.COPY_REFUSED, _P.IDENTITY_CEASED, *_PIN),
    ),
)
def activate(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Ask for activation; signed by the PIN-derived key."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, ActivationRequest)
    signature = request.headers.get(PIN_SIGNATURE_HEADER)
    return json_answer(activation.activate(authority_of(request), who, message, body, signature))


@post(
    "/{backup_id:str}/collection",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        Collection,
        takes=CollectionRequest,
        headers={PIN_SIGNATURE_HEADER: True},
        refuses=(
            _P.UNWRAP_FAILED,
            _P.NOT_APPROVED,
            _P.APPROVAL_EXPIRED,
            _P.COPY_REFUSED,
            _P.NOT_ACTIVE,
            *_PIN,
        ),
    ),
)
def collect(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Collect an approved backup; signed by the PIN-derived key."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, CollectionRequest)
    signature = request.headers.get(PIN_SIGNATURE_HEADER)
    return json_answer(collection.collect(authority_of(request), who, message, body, signature))


@post(
    "/{backup_id:str}/restoration",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=RestorationRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(_P.NOT_ACTIVE, *_STATE, *SIGNED),
    ),
)
def confirm_restored(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Note that the successor is on its token; signed by the successor."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, RestorationRequest)
    signature = request.headers.get(SIGNATURE_HEADER)
    return json_answer(closing.restored(authority_of(request), who, message, body, signature))


@post(
    "/{backup_id:str}/retirement",
    sync_to_thread=True,
    status_code=200,
    opt=described(
        BackupView,
        takes=RetireRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(_P.NOT_ACTIVE, *_STATE, *SIGNED),
    ),
)
def retire(request: Asked, backup_id: FromPath[str], body: RawBody) -> Answer:
    """Retire the backup; signed by an active certificate of the account."""
    who = partial(account_of, request=request)
    message = read_about(backup_id, body, RetireRequest)
    signature = request.headers.get(SIGNATURE_HEADER)
    return json_answer(closing.retired(authority_of(request), who, message, body, signature))


@post(
    "/{backup_id:str}/abandonment",
    sync_to_thread=True,
    status_code=200,
    opt=described(BackupView, refuses=(_P.NOT_FOUND, _P.BACKUP_STATE)),
)
def abandon(request: Asked, backup_id: FromPath[str]) -> Answer:
    """Give up a reservation that was never confirmed."""
    who = partial(account_of, request=request)
    return json_answer(closing.abandoned(authority_of(request), who, backup_id))


router: Final = Router(
    path="/v1/backups",
    route_handlers=[
        reserve,
        list_all,
        show,
        confirm,
        activate,
        collect,
        confirm_restored,
        retire,
        abandon,
    ],
)
