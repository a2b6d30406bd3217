"""Every pair of states, allowed and not."""

from itertools import product

import pytest

from custode_authority.wire.problems import STATUS, ProblemCode
from custode_authority.wire.states import (
    BackupState,
    CertificateState,
    backup_may,
    certificate_may,
)

CERTIFICATE = {
    ("requested", "generating"),
    ("requested", "rejected"),
    ("generating", "active"),
    ("generating", "rejected"),
    ("active", "suspended"),
    ("active", "expired"),
    ("active", "cancelled"),
    ("suspended", "active"),
    ("suspended", "cancelled"),
    ("suspended", "expired"),
}

BACKUP = {
    ("reserved", "registered"),
    ("reserved", "retired"),
    ("registered", "requested"),
    ("registered", "locked"),
    ("registered", "retired"),
    ("requested", "approved"),
    ("requested", "registered"),
    ("requested", "locked"),
    ("requested", "retired"),
    ("approved", "collected"),
    ("approved", "registered"),
    ("approved", "locked"),
    ("approved", "retired"),
    ("collected", "restored"),
    ("collected", "locked"),
    ("collected", "retired"),
    ("locked", "retired"),
}


@pytest.mark.parametrize(("old", "new"), list(product(CertificateState, repeat=2)))
def test_certificate_pairs(old: CertificateState, new: CertificateState) -> None:
    assert certificate_may(old, new) is ((old.value, new.value) in CERTIFICATE)


@pytest.mark.parametrize(("old", "new"), list(product(BackupState, repeat=2)))
def test_backup_pairs(old: BackupState, new: BackupState) -> None:
    assert backup_may(old, new) is ((old.value, new.value) in BACKUP)


def test_the_tables_name_only_states_that_exist() -> None:
    assert {s for pair in CERTIFICATE for s in pair} == {s.value for s in CertificateState}
    assert {s for pair in BACKUP for s in pair} == {s.value for s in BackupState}


@pytest.mark.parametrize("code", ProblemCode)
def test_every_problem_has_a_status_of_an_error(code: ProblemCode) -> None:
    assert 400 <= STATUS[code] <= 500
