from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from custode_authority.ca import crl
from custode_authority.storage.tables import CrlRow


def _current(authority: Any) -> x509.CertificateRevocationList:
    found = x509.load_der_x509_crl(crl.current(authority))
    assert found.is_signature_valid(authority.keys.ca_certificate.public_key())
    return found


def _number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_an_empty_crl_says_when_the_next_comes(authority: Any, clock: Any) -> None:
    found = _current(authority)
    assert (_number(found), len(found)) == (1, 0)
    assert found.last_update_utc == clock.now()
    assert found.next_update_utc == clock.now() + timedelta(days=1)


def test_it_is_made_anew_after_a_change_or_half_its_life(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    first = crl.current(anna.authority)
    clock.forward(hours=11)
    assert crl.current(anna.authority) == first
    clock.forward(hours=1)
    second = _current(anna.authority)
    assert _number(second) == 2
    assert anna.report(mine, "lost").status_code == 201
    third = _current(anna.authority)
    assert (_number(third), len(third)) == (3, 1)


@pytest.mark.parametrize(
    ("reason", "flag"),
    [
        ("lost", x509.ReasonFlags.key_compromise),
        ("ceased", x509.ReasonFlags.cessation_of_operation),
        ("theft", x509.ReasonFlags.key_compromise),
        ("malfunction", x509.ReasonFlags.superseded),
        ("other", None),  # RFC 5280 §5.3.1: unspecified is left out
    ],
)
def test_reasons_of_cancellations(anna: Any, reason: str, flag: x509.ReasonFlags | None) -> None:
    mine = anna.certified()
    assert anna.cancel(mine, by=mine, reason=reason).status_code == 201
    (entry,) = _current(anna.authority)
    serial = x509.load_der_x509_certificate(mine[1]).serial_number
    assert entry.serial_number == serial
    found = [one.value.reason for one in entry.extensions if isinstance(one.value, x509.CRLReason)]
    assert found == ([flag] if flag else [])


def test_what_was_signed_on_hold_does_not_count_afterwards_either(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    held_at = clock.now().replace(microsecond=0)
    assert anna.report(mine, "lost").status_code == 201
    (entry,) = _current(anna.authority)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.certificate_hold
    clock.forward(days=5)
    assert anna.report(mine, "theft").status_code == 201
    (entry,) = _current(anna.authority)
    assert entry.revocation_date_utc == held_at


def test_a_revoked_one_stays_after_its_expiry(anna: Any, clock: Any) -> None:
    mine = anna.certified()
    assert anna.report(mine, "lost").status_code == 201
    clock.forward(days=400)
    assert anna.status(mine).state == "expired"
    assert len(_current(anna.authority)) == 1


def test_old_crls_do_not_pile_up(authority: Any, clock: Any) -> None:
    for _ in range(crl._KEPT + 4):
        crl.current(authority)
        clock.forward(days=1)
    with authority.db.transaction() as tx:
        assert tx.query(CrlRow).count() == crl._KEPT
        assert max(row.number for row in tx.query(CrlRow)) == crl._KEPT + 4
