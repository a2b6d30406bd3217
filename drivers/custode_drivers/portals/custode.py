"""Client of our own authority's JSON API (`/v1`)."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from cryptography import x509

from custode_authority.wire import cms
from custode_authority.wire.messages import (
    PIN_SIGNATURE_HEADER,
    SIGNATURE_HEADER,
    AccountCreate,
    AccountCreated,
    AccountView,
    ActivationRequest,
    BackupView,
    CancellationPreview,
    CancellationPreviewRequest,
    CancellationRequest,
    CancellationView,
    Collection,
    CollectionRequest,
    ConfirmRequest,
    NonceIssued,
    NonceRequest,
    OperationView,
    ReissueRequest,
    ReissueView,
    ReportRequest,
    ReportView,
    Reservation,
    ReserveRequest,
    RestorationRequest,
    RetireRequest,
    Signed,
    StatusQuery,
    StatusStatement,
    canonical,
)
from custode_authority.wire.spare_messages import (
    SUCCESSOR_SIGNATURE_HEADER,
    SpareActivationRequest,
    SpareCollection,
    SpareCollectionRequest,
    SpareConfirmRequest,
)
from custode_drivers.portals.errors import PortalNonsense, PortalRolledBack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custode_drivers.portals.transport import Transport

T = TypeVar("T")
JSON: Final = "application/json"


class CustodeClient:
    """One account's view of the authority; every method may raise PortalError."""

    def __init__(self, transport: Transport, api_key: str, known_head: str | None = None) -> None:
        """`known_head`: the last head of the authority's log that it signed for us."""
        self._transport = transport
        self._known_head = known_head
        self._bearer = {"Authorization": f"Bearer {api_key}"}

    # --- account ------------------------------------------------------------------------------

    def create_account(self, request: AccountCreate) -> AccountCreated:
        """Create an account; the client's key must be the authority's bootstrap key."""
        return self._post("/v1/accounts", request, AccountCreated)

    def account(self) -> AccountView:
        """Who this API key belongs to."""
        return self._get("/v1/account", AccountView)

    def _nonce(self, purpose: str) -> str:
        request = msgspec.convert({"purpose": purpose}, NonceRequest)
        return self._post("/v1/nonces", request, NonceIssued).nonce

    # --- certificates -------------------------------------------------------------------------

    def certificates(self) -> list[OperationView]:
        """Every operation of the account, newest last."""
        return self._get("/v1/certificates", list[OperationView])

    def status(self, fingerprint_sha256: str) -> StatusStatement:
        """Ask afresh what became of a certificate; the answer is signed over our nonce.

        :raises PortalNonsense: when signature, nonce or fingerprint of the answer do not fit.
        :raises PortalRolledBack: when its log does not hold the head that is known here.
        """
        query = StatusQuery(
            fingerprint_sha256=fingerprint_sha256,
            nonce=secrets.token_urlsafe(24),
            known_head=self._known_head,
        )
        signed = self._post("/v1/status", query, Signed)
        try:
            statement = msgspec.json.decode(self.statement(signed.statement), type=StatusStatement)
        except (cms.SignatureInvalid, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise PortalNonsense("the status is not signed by the authority") from exc
        if (statement.nonce, statement.fingerprint_sha256) != (query.nonce, fingerprint_sha256):
            raise PortalNonsense("the status answers another question")
        if not statement.knows_head:
            raise PortalRolledBack("it does not know what it signed before")
        return statement

    def report(self, request: ReportRequest) -> ReportView:
        """Report a loss, theft or fault; takes effect at once."""
        return self._post("/v1/reports", request, ReportView)

    def reissue(self, request: ReissueRequest) -> ReissueView:
        """Give up the certificates of a token whose PIN is gone; takes effect at once."""
        return self._post("/v1/reissues", request, ReissueView)

    def preview_cancellation(self, request: CancellationPreviewRequest) -> CancellationPreview:
        """What a cancellation would take in; changes nothing."""
        return self._post("/v1/cancellations/preview", request, CancellationPreview)

    def cancel(
        self, make: Callable[[str], CancellationRequest], sign: Callable[[bytes], bytes]
    ) -> CancellationView:
        """Cancel; `make` gets the nonce, `sign` the exact body and gives detached CMS."""
        return self._signed(
            "/v1/cancellations", make(self._nonce("cancel")), sign, CancellationView
        )

    # --- backups ------------------------------------------------------------------------------

    def backups(self) -> list[BackupView]:
        """Every backup of the account."""
        return self._get("/v1/backups", list[BackupView])

    def backup(self, backup_id: str) -> BackupView:
        """One backup."""
        return self._get(f"/v1/backups/{backup_id}", BackupView)

    def reserve(self, request: ReserveRequest) -> Reservation:
        """First phase of a registration: get the recovery key's public half."""
        return self._post("/v1/backups", request, Reservation)

    def confirm(
        self, make: Callable[[str], ConfirmRequest], sign: Callable[[bytes], bytes]
    ) -> BackupView:
        """Second phase: the original signs for the container, its key and its PIN key."""
        request = make(self._nonce("backup.confirm"))
        return self._signed(
            f"/v1/backups/{request.backup_id}/confirmation", request, sign, BackupView
        )

    def activate(
        self, make: Callable[[str], ActivationRequest], pin_sign: Callable[[bytes], bytes]
    ) -> BackupView:
        """Ask for activation, signed by the PIN-derived key."""
        request = make(self._nonce("backup.activate"))
        path = f"/v1/backups/{request.backup_id}/activation"
        return self._signed(path, request, pin_sign, BackupView, header=PIN_SIGNATURE_HEADER)

    def collect(
        self, make: Callable[[str], CollectionRequest], pin_sign: Callable[[bytes], bytes]
    ) -> Collection:
        """Collect an approved backup: the original ends, the successor's certificate begins."""
        request = make(self._nonce("backup.collect"))
        path = f"/v1/backups/{request.backup_id}/collection"
        return self._signed(path, request, pin_sign, Collection, header=PIN_SIGNATURE_HEADER)

    def confirm_restored(
        self, make: Callable[[str], RestorationRequest], sign: Callable[[bytes], bytes]
    ) -> BackupView:
        """Tell that the successor lives on its new token; every other copy of the folder dies."""
        request = make(self._nonce("backup.restored"))
        return self._signed(
            f"/v1/backups/{request.backup_id}/restoration", request, sign, BackupView
        )

    def retire(
        self, make: Callable[[str], RetireRequest], sign: Callable[[bytes], bytes]
    ) -> BackupView:
        """Declare one backup dead; the original stays."""
        request = make(self._nonce("backup.retire"))
        return self._signed(
            f"/v1/backups/{request.backup_id}/retirement", request, sign, BackupView
        )

    def abandon(self, backup_id: str) -> BackupView:
        """Give up a reservation that was never confirmed; refused once it was."""
        return self._body(f"/v1/backups/{backup_id}/abandonment", b"", {}, BackupView)

    # --- a successor on a spare token ---------------------------------------------------------

    def confirm_spare(
        self,
        make: Callable[[str], SpareConfirmRequest],
        sign: Callable[[bytes], bytes],
        successor_sign: Callable[[bytes], bytes],
    ) -> BackupView:
        """Second phase: the original signs for the key, and the key for itself."""
        request = make(self._nonce("spare.confirm"))
        path = f"/v1/backups/{request.backup_id}/spare/confirmation"
        more = {SUCCESSOR_SIGNATURE_HEADER: successor_sign}
        return self._signed(path, request, sign, BackupView, more=more)

    def activate_spare(
        self, make: Callable[[str], SpareActivationRequest], sign: Callable[[bytes], bytes]
    ) -> BackupView:
        """Ask for activation, signed by the spare's key."""
        request = make(self._nonce("spare.activate"))
        path = f"/v1/backups/{request.backup_id}/spare/activation"
        return self._signed(path, request, sign, BackupView)

    def collect_spare(
        self, make: Callable[[str], SpareCollectionRequest], sign: Callable[[bytes], bytes]
    ) -> SpareCollection:
        """Collect: the original ends, the certificate of the spare's key begins."""
        request = make(self._nonce("spare.collect"))
        path = f"/v1/backups/{request.backup_id}/spare/collection"
        return self._signed(path, request, sign, SpareCollection)

    # --- statements ---------------------------------------------------------------------------

    def statement(self, signed: bytes) -> bytes:
        """The content of a statement signed by this authority (CMS, chained to the pinned CA).

        :raises cms.SignatureInvalid: when it is not.
        """
        ca = x509.load_der_x509_certificate(self._transport.ca_der)
        return cms.verify_chained(signed, ca, datetime.now(UTC)).content

    # --- the three shapes of a call -----------------------------------------------------------

    def _get(self, path: str, answer: type[T]) -> T:
        return _decode(self._transport.send("GET", path, headers=self._bearer).content, answer)

    def _post(self, path: str, request: msgspec.Struct, answer: type[T]) -> T:
        return self._body(path, canonical(request), {}, answer)

    def _signed(
        self,
        path: str,
        request: msgspec.Struct,
        sign: Callable[[bytes], bytes],
        answer: type[T],
        header: str = SIGNATURE_HEADER,
        more: Mapping[str, Callable[[bytes], bytes]] | None = None,
    ) -> T:
        body = canonical(request)
        headers = {
            name: base64.b64encode(signer(body)).decode("ascii")
            for name, signer in {header: sign, **(more or {})}.items()
        }
        return self._body(path, body, headers, answer)

    def _body(self, path: str, body: bytes, headers: dict[str, str], answer: type[T]) -> T:
        headers = {**self._bearer, "Content-Type": JSON, **headers}
        return _decode(
            self._transport.send("POST", path, content=body, headers=headers).content, answer
        )


def _decode(content: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise PortalNonsense(f"the answer is no {answer}") from exc
