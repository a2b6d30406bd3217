"""The JSON API for accounts and certificates; backups are in `web.backups`."""

from __future__ import annotations

from typing import Any, Final, Literal

from litestar import Request, Response, get, post
from litestar.params import FromPath, RawBody

from custode_authority.accounts import accounts, passwords
from custode_authority.accounts.authentication import check_bootstrap_key
from custode_authority.certificates import cancelling, listing, reporting, settling
from custode_authority.escrow import reissuing
from custode_authority.storage import nonces
from custode_authority.web.auth import account_of, bearer
from custode_authority.web.described import SIGNED, Credential, described
from custode_authority.web.exchange import authority_of, json_answer, read_body
from custode_authority.wire.messages import (
    SIGNATURE_HEADER,
    AccountCreate,
    AccountCreated,
    AccountView,
    CancellationPreview,
    CancellationPreviewRequest,
    CancellationRequest,
    CancellationView,
    NonceIssued,
    NonceRequest,
    OperationView,
    ReissueRequest,
    ReissueView,
    ReportRequest,
    ReportView,
    Signed,
    StatusQuery,
)
from custode_authority.wire.problems import ProblemCode

_P = ProblemCode
_PASSWORD: Final = (_P.WRONG_PASSWORD, _P.TOO_MANY_TRIES)
_CANCELLATION: Final = (
    _P.NOTHING_TO_CANCEL,
    _P.NOT_FOUND,
    _P.NOT_ACTIVE,
    _P.REASON_NOT_ALLOWED,
)


@get("/healthz", sync_to_thread=True, opt=described(dict[str, Literal["ok"]], asks=None))
def healthz(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say that the server and its database answer."""
    authority_of(request).db.check()
    return json_answer({"status": "ok"})


@post(
    "/v1/accounts",
    sync_to_thread=True,
    opt=described(
        AccountCreated,
        status=201,
        takes=AccountCreate,
        asks=Credential.BOOTSTRAP_KEY,
        refuses=(_P.IDENTITY_EXISTS,),
    ),
)
def create_account(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Open an account, for whoever holds the bootstrap key."""
    authority = authority_of(request)
    check_bootstrap_key(authority.home.bootstrap_key, bearer(request))
    created = accounts.create(authority, read_body(body, AccountCreate))
    return json_answer(created, status_code=201)


@get("/v1/account", sync_to_thread=True, opt=described(AccountView))
def show_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say whose API key this is."""
    with authority_of(request).db.transaction() as tx:
        return json_answer(accounts.view(account_of(tx, request)))


@post("/v1/nonces", sync_to_thread=True, opt=described(NonceIssued, status=201, takes=NonceRequest))
def issue_nonce(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Issue a nonce for one signed request."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account = account_of(tx, request)
        asked = read_body(body, NonceRequest)
        now = authority.clock.now()
        # An expiry or an issue that is due, noted only at its use, would end the nonce there.
        settling.settle(tx, authority, account, now=now)
        row = nonces.issue(tx, account, asked.purpose, now=now)
        issued = NonceIssued(nonce=row.nonce, expires_at=row.expires_at)
    return json_answer(issued, status_code=201)


@get("/v1/certificates", sync_to_thread=True, opt=described(list[OperationView]))
def list_certificates(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the account's operations, newest last."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        found = listing.all_operations(tx, authority, account_of(tx, request))
    return json_answer(found)


@get(
    "/v1/certificates/{id_operazione:str}",
    sync_to_thread=True,
    opt=described(OperationView, refuses=(_P.NOT_FOUND,)),
)
def show_certificate(
    request: Request[Any, Any, Any], id_operazione: FromPath[str]
) -> Response[bytes]:
    """Show one operation."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        found = listing.one_operation(tx, authority, account_of(tx, request), id_operazione)
    return json_answer(found)


@post("/v1/status", sync_to_thread=True, opt=described(Signed, takes=StatusQuery))
def status(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Give the signed status of one certificate."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account = account_of(tx, request)
        signed = listing.status(tx, authority, account, read_body(body, StatusQuery))
    return json_answer(signed)


@post(
    "/v1/reports",
    sync_to_thread=True,
    opt=described(
        ReportView,
        status=201,
        takes=ReportRequest,
        refuses=(_P.REASON_NOT_ALLOWED, _P.NOT_FOUND, *_PASSWORD),
    ),
)
def report(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Take a report of a loss, theft or fault; the password is asked again, no token is needed."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account_id = account_of(tx, request).id
    asked = read_body(body, ReportRequest)
    reporting.check_reason(asked)
    passwords.ask_password(authority, account_id, asked.password)
    with authority.db.transaction() as tx:
        done = reporting.report(tx, authority, account_of(tx, request), asked)
    return json_answer(done, status_code=201)


@post(
    "/v1/reissues",
    sync_to_thread=True,
    opt=described(
        ReissueView,
        status=201,
        takes=ReissueRequest,
        refuses=(_P.NOT_FOUND, _P.NOT_ACTIVE, *_PASSWORD),
    ),
)
def reissue(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Supersede certificates whose token's PIN is gone; the password is asked again."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account_id = account_of(tx, request).id
    asked = read_body(body, ReissueRequest)
    passwords.ask_password(authority, account_id, asked.password)
    with authority.db.transaction() as tx:
        done = reissuing.reissue(tx, authority, account_of(tx, request), asked)
    return json_answer(done, status_code=201)


@post(
    "/v1/cancellations/preview",
    sync_to_thread=True,
    opt=described(CancellationPreview, takes=CancellationPreviewRequest, refuses=_CANCELLATION),
)
def preview_cancellation(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Say what a cancellation would take in."""
    authority = authority_of(request)
    with authority.db.transaction() as tx:
        account = account_of(tx, request)
        asked = read_body(body, CancellationPreviewRequest)
        shown = cancelling.preview(tx, authority, account, asked)
    return json_answer(shown)


@post(
    "/v1/cancellations",
    sync_to_thread=True,
    opt=described(
        CancellationView,
        status=201,
        takes=CancellationRequest,
        headers={SIGNATURE_HEADER: True},
        refuses=(*_CANCELLATION, _P.COVERED_CHANGED, *SIGNED),
    ),
)
def cancel(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """Cancel, by a request that an active certificate signed."""
    authority = authority_of(request)
    signature = request.headers.get(SIGNATURE_HEADER)
    with authority.db.transaction() as tx:
        account = account_of(tx, request)
        asked = cancelling.Signed(body, signature, read_body(body, CancellationRequest))
        done = cancelling.cancel(tx, authority, account, asked)
    return json_answer(done, status_code=201)


HANDLERS: Final = [
    healthz,
    create_account,
    show_account,
    issue_nonce,
    list_certificates,
    show_certificate,
    status,
    report,
    reissue,
    preview_cancellation,
    cancel,
]
