"""Accounts, status, reports and cancellations over HTTP, with a clock that stands still."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from custode_authority.accounts import passwords
from custode_authority.storage import audit
from custode_authority.storage.tables import AuditEntry, Certificate


def _refusal(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- accounts ---------------------------------------------------------------------------------


def test_an_account_shows_no_secret(anna: Any) -> None:
    shown = anna.get("/v1/account").json()
    assert shown["api_key_last4"] == anna.api_key[-4:]
    assert anna.api_key not in json.dumps(shown)
    database = anna.authority.home.database
    stored = b"".join(path.read_bytes() for path in database.parent.glob(database.name + "*"))
    assert anna.code.encode() in stored
    assert anna.api_key.encode() not in stored
    assert f"password of {anna.code}".encode() not in stored


def test_accounts_are_opened_with_the_bootstrap_key_once(anna: Any, newcomer: Any) -> None:
    body = {"identity_code": "ANNA1", "codice_fiscale": "A" * 16, "password": "another one"}
    assert _refusal(anna.post("/v1/accounts", body)) == (401, "wrong_credentials")
    anna.api_key = anna.authority.home.bootstrap_key.read_text()
    assert _refusal(anna.post("/v1/accounts", body)) == (409, "identity_exists")
    assert _refusal(anna.get("/v1/account")) == (401, "wrong_credentials")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"purpose": "everything"}',
        b'{"purpose": "cancel", "more": 1}',
        b'{"purpose": "cancel"',
        b'{"purpose": 1}',
    ],
)
def test_bodies_are_strict(anna: Any, body: bytes) -> None:
    assert _refusal(anna.post("/v1/nonces", body)) == (400, "malformed")


def test_bodies_are_bounded(anna: Any) -> None:
    assert _refusal(anna.post("/v1/nonces", b" " * 70_000)) == (413, "malformed")


def test_health_and_unknown_paths(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert _refusal(client.get("/v1/nothing")) == (404, "not_found")
    assert _refusal(client.delete("/healthz"))[0] == 405


def test_a_fault_tells_nothing(anna: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "fits", lambda *_: 1 / 0)
    mine = anna.certified()
    answer = anna.report(mine, "lost")
    assert _refusal(answer) == (500, "internal")
    assert "division" not in answer.text


# --- status -----------------------------------------------------------------------------------


def test_status_is_signed_over_the_askers_nonce(anna: Any, bruno: Any, clock: Any) -> None:
    mine = anna.certified()
    statement = anna.status(mine)
    assert (statement.state, statement.nonce, statement.crl_reason) == ("active", "n" * 20, None)
    assert statement.at == clock.now()
    with anna.authority.db.transaction() as tx:
        assert statement.audit_head == audit.head(tx) != audit.GENESIS
    assert bruno.status(mine).state is None
    assert bruno.status(mine).expires_at is None
    clock.forward(days=366)
    assert anna.status(mine).state == "expired"


# --- reports ----------------------------------------------------------------------------------


def test_a_loss_suspends_at_once_and_a_theft_then_cancels(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    clock.forward(days=3)
    done = anna.report(mine, "lost", last_held="2026-03-03").json()
    assert (done["state"], done["crl_reason"]) == ("suspended", "certificateHold")
    assert anna.report(mine, "malfunction").json()["state"] == "suspended"
    done = anna.report(mine, "theft").json()
    assert (done["state"], done["crl_reason"]) == ("cancelled", "keyCompromise")
    assert anna.report(mine, "lost").json()["crl_reason"] == "keyCompromise"
    assert anna.get("/v1/account").json()["first_cancellation_spent"] is False


def test_a_loss_rejects_what_is_pending_even_when_its_time_has_come(
    anna: Any, authority: Any
) -> None:
    mine = anna.certified()
    object.__setattr__(authority, "settings", _generation(authority, 10))
    csr = anna.csr(ec.generate_private_key(ec.SECP256R1()))
    pending = anna.send(csr, mine).headers["custode-operation"]
    authority.clock.forward(seconds=60)
    assert anna.report(mine, "lost").json()["rejected_requests"] == [pending]
    row = anna.get(f"/v1/certificates/{pending}").json()
    assert (row["state"], row["outcome"]) == ("rejected", "reported: lost")
    assert anna.report(mine, "theft").status_code == 201
    # The same request sent again does not slip in now that nothing is suspended any more.
    assert _refusal(anna.send(csr)) == (403, "forbidden")


def _generation(authority: Any, seconds: int) -> Any:
    import msgspec

    return msgspec.structs.replace(authority.settings, generation_s=seconds)


def test_a_fault_leaves_pending_requests(anna: Any, authority: Any) -> None:
    mine = anna.certified()
    object.__setattr__(authority, "settings", _generation(authority, 10))
    anna.send(anna.csr(ec.generate_private_key(ec.SECP256R1())), mine)
    assert anna.report(mine, "malfunction").json()["rejected_requests"] == []


def test_an_expired_one_can_be_reported_and_its_key_is_out(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    clock.forward(days=366)
    done = anna.report(mine, "theft").json()
    assert (done["state"], done["crl_reason"]) == ("expired", None)
    assert _refusal(anna.send(anna.csr(mine[0]))) == (409, "key_compromised")


@pytest.mark.parametrize("reason", ["ceased", "renewal", "other"])
def test_what_cannot_be_reported(anna: Any, reason: str) -> None:
    mine = anna.certified()
    assert _refusal(anna.report(mine, reason)) == (400, "reason_not_allowed")


def test_reports_name_ones_own_certificate_and_a_day_that_was(anna: Any, bruno: Any) -> None:
    mine = anna.certified()
    assert _refusal(bruno.report(mine, "theft")) == (404, "not_found")
    assert _refusal(anna.report(mine, "lost", last_held="2026-03-03")) == (400, "malformed")
    assert anna.status(mine).state == "active"


def test_wrong_passwords_are_counted_and_lock(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    for _ in range(passwords.MAX_FAILURES - 1):
        answer = anna.report(mine, "lost", password="wrong")
        assert _refusal(answer) == (403, "wrong_password")
    assert anna.report(mine, "malfunction").status_code == 201  # right: the count begins again
    for _ in range(passwords.MAX_FAILURES):
        assert _refusal(anna.report(mine, "lost", password="wrong"))[1] == "wrong_password"
    locked = anna.report(mine, "theft")
    assert _refusal(locked) == (429, "too_many_tries")
    assert locked.headers["retry-after"] == "900"
    clock.forward(minutes=15)
    assert anna.report(mine, "theft").status_code == 201


def test_parallel_guesses_do_not_outrun_the_count(anna: Any) -> None:
    mine = anna.certified()

    def guess(number: int) -> str:
        return _refusal(anna.report(mine, "lost", password=f"guess {number}"))[1]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("wrong_password") == passwords.MAX_FAILURES
    assert answers.count("too_many_tries") == 24 - passwords.MAX_FAILURES


# --- cancellations ----------------------------------------------------------------------------


def test_the_first_cancellation_takes_in_all_and_later_ones_do_not(anna: Any, bruno: Any) -> None:
    one = anna.certified()
    two = anna.certified(one)
    others = bruno.certified()
    shown = anna.preview(one).json()
    assert shown["cumulative"]
    assert len(shown["covered"]) == 2
    assert anna.status(one).state == "active"  # a preview changes nothing
    done = anna.cancel(one, by=two).json()
    assert done["cumulative"]
    assert {row["state"] for row in done["covered"]} == {"cancelled"}
    assert done["id_operazione"] not in {row.id_operazione for row in anna.operations()}
    assert bruno.status(others).state == "active"
    three = anna.certified()
    four = anna.certified(three)
    later = anna.cancel(three, by=four).json()
    assert not later["cumulative"]
    assert len(later["covered"]) == 1
    assert [anna.status(each).state for each in (three, four)] == ["cancelled", "active"]


def test_theft_of_one_does_not_compromise_the_other(anna: Any) -> None:
    one = anna.certified()
    two = anna.certified(one)
    assert anna.cancel(one, by=two, reason="theft").status_code == 201
    assert [anna.status(each).crl_reason for each in (one, two)] == [
        "keyCompromise",
        "unspecified",
    ]
    assert _refusal(anna.send(anna.csr(one[0])))[1] == "key_compromised"
    assert anna.send(anna.csr(two[0])).status_code == 200


def test_compromise_covers_every_certificate_of_the_key(anna: Any) -> None:
    one = anna.certified()
    assert anna.cancel(one, by=one).status_code == 201
    assert anna.send(anna.csr(one[0])).status_code == 200
    again = next(row for row in anna.operations() if row.state == "active")
    assert again.certificate is not None
    assert anna.report(one, "theft").json()["crl_reason"] == "keyCompromise"
    assert anna.status((one[0], again.certificate)).crl_reason == "keyCompromise"


def test_two_first_cancellations_at_once(anna: Any) -> None:
    one = anna.certified()
    two = anna.certified(one)
    bodies = [anna.cancellation(one), anna.cancellation(two)]

    def send(body: dict[str, Any]) -> int:
        status_code: int = anna.post("/v1/cancellations", body, two).status_code
        return status_code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(send, bodies))
    assert answers == [201, 403]  # the second's signer is cancelled, its nonce is dead
    assert anna.get("/v1/account").json()["first_cancellation_spent"]


def test_cancellation_wants_a_fresh_signature_over_what_was_shown(anna: Any, bruno: Any) -> None:
    one = anna.certified()
    hers = bruno.certified()
    body = anna.cancellation(one)
    assert _refusal(anna.post("/v1/cancellations", body)) == (403, "signature_required")
    assert _refusal(anna.post("/v1/cancellations", body, hers)) == (403, "signature_invalid")
    foreign = body | {"nonce": bruno.nonce()}
    assert _refusal(anna.post("/v1/cancellations", foreign, one)) == (403, "nonce_invalid")
    purpose = body | {"nonce": anna.nonce("backup.retire")}
    assert _refusal(anna.post("/v1/cancellations", purpose, one)) == (403, "nonce_invalid")
    anna.certified(one)  # more is active now than was shown
    changed = body | {"nonce": anna.nonce()}
    assert _refusal(anna.post("/v1/cancellations", changed, one)) == (409, "covered_changed")
    assert anna.status(one).state == "active"
    good = anna.cancellation(one)
    assert anna.post("/v1/cancellations", good, one).status_code == 201


def test_a_nonce_dies_with_any_change_of_a_certificate_and_with_time(anna: Any, clock: Any) -> None:
    one = anna.certified()
    early = anna.nonce()
    two = anna.certified(one)
    body = anna.cancellation(one) | {"nonce": early}
    assert _refusal(anna.post("/v1/cancellations", body, two)) == (403, "nonce_invalid")
    late = anna.cancellation(one)
    clock.forward(minutes=10)
    assert _refusal(anna.post("/v1/cancellations", late, two)) == (403, "nonce_invalid")


def test_a_nonce_dies_with_the_cancellation_of_another_certificate(anna: Any) -> None:
    one = anna.certified()
    assert anna.cancel(one, by=one).status_code == 201
    two = anna.certified()
    three = anna.certified(two)
    early = anna.nonce()
    assert anna.cancel(two, by=three).status_code == 201
    body = anna.cancellation(three) | {"nonce": early}
    assert _refusal(anna.post("/v1/cancellations", body, three)) == (403, "nonce_invalid")


def test_a_refused_cancellation_does_not_spend_the_first_one(anna: Any) -> None:
    one = anna.certified()
    body = anna.cancellation(one) | {"covered": []}
    assert _refusal(anna.post("/v1/cancellations", body, one)) == (409, "covered_changed")
    assert anna.get("/v1/account").json()["first_cancellation_spent"] is False


def test_renewal_spends_nothing(anna: Any) -> None:
    one = anna.certified()
    two = anna.certified(one, "simplereenroll")
    done = anna.cancel(one, by=two, reason="renewal").json()
    assert not done["cumulative"]
    assert (anna.status(one).crl_reason, anna.status(two).state) == ("superseded", "active")
    assert anna.get("/v1/account").json()["first_cancellation_spent"] is False
    with anna.authority.db.transaction() as tx:
        first, second = tx.scalars(select(Certificate).order_by(Certificate.id))
        assert second.predecessor_id == first.id


def test_ceased_marks_the_identity_until_a_new_certificate(anna: Any) -> None:
    one = anna.certified()
    assert anna.cancel(one, by=one, reason="ceased").status_code == 201
    assert anna.get("/v1/account").json()["ceased"] is True
    anna.certified()
    assert anna.get("/v1/account").json()["ceased"] is False


def test_the_log_holds_all_of_it_and_verifies(anna: Any) -> None:
    one = anna.certified()
    anna.report(one, "lost")
    anna.report(one, "theft")
    with anna.authority.db.transaction() as tx:
        names = list(tx.scalars(select(AuditEntry.name).order_by(AuditEntry.seq)))
        assert audit.first_broken(tx) is None
    assert names == [
        "authority.made",
        "account.created",
        "request.taken",
        "certificate.issued",
        "certificate.suspended",
        "report.taken",
        "certificate.cancelled",
        "report.taken",
    ]


# --- credentials and names that do not fit ------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer ck_unknown"])
def test_credentials_that_do_not_fit(client: Any, header: str) -> None:
    answer = client.get("/v1/account", headers={"Authorization": header})
    assert _refusal(answer) == (401, "wrong_credentials")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_lost_bootstrap_key_opens_nothing(anna: Any) -> None:
    file = anna.authority.home.bootstrap_key
    anna.api_key = file.read_text()
    body = {"identity_code": "CARLA3", "codice_fiscale": "C" * 16, "password": "password"}
    file.write_text("")
    assert _refusal(anna.post("/v1/accounts", body)) == (401, "wrong_credentials")
    file.unlink()
    assert _refusal(anna.post("/v1/accounts", body)) == (401, "wrong_credentials")


def test_an_operation_is_its_owners(anna: Any, bruno: Any) -> None:
    mine = anna.operation(anna.certified()).id_operazione
    assert anna.get(f"/v1/certificates/{mine}").json()["id_operazione"] == mine
    assert _refusal(bruno.get(f"/v1/certificates/{mine}")) == (404, "not_found")
    his = bruno.certified()
    about = {"operations": [mine], "reason": "other"}
    assert _refusal(bruno.post("/v1/cancellations/preview", about)) == (404, "not_found")
    assert bruno.status(his).state == "active"


def test_a_signature_that_cannot_be_read(anna: Any) -> None:
    mine = anna.certified()
    content = json.dumps(anna.cancellation(mine)).encode()
    for header in ("!!!", "AAAA", ""):
        headers = {"Authorization": f"Bearer {anna.api_key}", "Custode-Signature": header}
        answer = anna._client.post("/v1/cancellations", content=content, headers=headers)
        expected = "signature_invalid" if header else "signature_required"
        assert _refusal(answer) == (403, expected)
