"""Re-issue: the account gives up a token that can sign no more; nothing else is ended by it."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.authority.conftest import fingerprint

from custode_authority.storage.tables import Account, Backup, Certificate
from custode_authority.wire.states import BackupKind, BackupState


def _reissue(who: Any, *named: Any, password: str | None = None) -> Any:
    body = {
        "fingerprints": [fingerprint(one) for one in named],
        "password": password or f"password of {who.code}",
    }
    return who.post("/v1/reissues", body)


def _backed_up(who: Any, certificate: Any, backup_id: str) -> None:
    with who.authority.db.transaction() as tx:
        query = select(Certificate).where(
            Certificate.fingerprint_sha256 == fingerprint(certificate)
        )
        original = tx.scalars(query).one()
        backup = Backup(
            id=backup_id,
            account_id=original.account_id,
            kind=BackupKind.SUCCESSOR,
            state=BackupState.REGISTERED,
            original=original,
            original_sha256=original.fingerprint_sha256,
            reserved_at=who.authority.clock.now(),
            registered_at=who.authority.clock.now(),
            recovery_public_key=b"public",
            recovery_key_sealed=b"sealed",
            pin_public_key=b"pin",
        )
        tx.add(backup)


def test_it_supersedes_what_is_named_with_its_backups_and_nothing_else(anna: Any) -> None:
    mine = anna.certified()
    other = anna.certified(mine)
    _backed_up(anna, mine, "a" * 32)
    _backed_up(anna, other, "b" * 32)
    done = _reissue(anna, mine)
    assert done.status_code == 201, done.text
    (row,) = done.json()["covered"]
    assert (row["state"], row["crl_reason"]) == ("cancelled", "superseded")
    assert done.json()["retired_backups"] == ["a" * 32]
    assert anna.status(other).state == "active"
    with anna.authority.db.transaction() as tx:
        assert tx.scalars(select(Account.first_cancellation_spent)).one() is False
        dead, alive = (tx.get_one(Backup, one * 32) for one in "ab")
        assert (dead.state, dead.retired_why, dead.recovery_key_sealed) == (
            "retired",
            "reissued",
            None,
        )
        assert (alive.state, alive.recovery_key_sealed) == ("registered", b"sealed")
    # A first cancellation is still the cumulative one, and the key is not held compromised.
    assert anna.preview(other).json()["cumulative"] is True


def test_sent_again_it_is_answered_and_changes_nothing(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    first = _reissue(anna, mine).json()
    clock.forward(hours=1)
    again = _reissue(anna, mine)
    assert again.status_code == 201
    assert again.json()["covered"] == first["covered"]


def test_a_new_request_is_taken_afterwards_by_the_policy(anna: Any) -> None:
    mine = anna.certified()
    assert _reissue(anna, mine).status_code == 201
    new = anna.certified()
    assert anna.status(new).state == "active"
    assert anna.status(mine).state == "cancelled"


@pytest.mark.parametrize(
    ("reason", "more", "expected"),
    [
        ("malfunction", {}, "superseded"),
        ("lost", {}, "keyCompromise"),
        ("lost", {"destroyed_for_certain": True}, "superseded"),
        ("theft", {}, "keyCompromise"),
    ],
)
def test_a_reported_token_ends_as_it_was_reported(
    anna: Any, reason: str, more: dict[str, Any], expected: str
) -> None:
    mine = anna.certified()
    assert anna.report(mine, reason, **more).status_code == 201
    (row,) = _reissue(anna, mine).json()["covered"]
    assert (row["state"], row["crl_reason"]) == ("cancelled", expected)
    # Nobody is locked out when token and backup are both gone: a new key is taken again.
    assert anna.status(anna.certified()).state == "active"


def test_an_expired_one_stays_expired_and_its_backups_end(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    _backed_up(anna, mine, "a" * 32)
    clock.forward(days=366)
    done = _reissue(anna, mine).json()
    assert done["covered"][0]["state"] == "expired"
    assert done["retired_backups"] == ["a" * 32]


def test_wrong_password_strangers_and_empty_lists_change_nothing(anna: Any, bruno: Any) -> None:
    mine, his = anna.certified(), bruno.certified()
    answer = _reissue(anna, mine, password="not the password")
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    answer = _reissue(anna, mine, his)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = _reissue(anna)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert anna.status(mine).state == "active"
    assert bruno.status(his).state == "active"


def test_a_renewal_retires_the_backups_of_its_signer_when_it_is_issued(anna: Any) -> None:
    """Rule 6, and the cancellation of the old one inside the renewal (rule 2)."""
    old = anna.certified()
    _backed_up(anna, old, "a" * 32)
    new = anna.certified(old, path="simplereenroll")
    with anna.authority.db.transaction() as tx:
        assert tx.get_one(Backup, "a" * 32).state is BackupState.RETIRED
    assert anna.status(old).state == "active"
    done = anna.cancel(old, by=new, reason="renewal")
    assert done.status_code == 201, done.text
    assert [row["state"] for row in done.json()["covered"]] == ["cancelled"]
    assert anna.status(new).state == "active"
    assert anna.get("/v1/account").json()["first_cancellation_spent"] is False
