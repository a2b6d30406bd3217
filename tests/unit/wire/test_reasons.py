"""The six reasons and what they become on a CRL."""

from itertools import product

import pytest

from custode_authority.wire.reasons import REASONS, CrlReason, Reason, may_raise

# (value on the command line, words of the agency's page, final reason, reportable, holds)
ROWS = [
    ("lost", "Chiave primaria smarrita", "keyCompromise", True, True),
    ("ceased", "Attività cessata", "cessationOfOperation", False, False),
    ("theft", "Furto certificato", "keyCompromise", True, False),
    ("renewal", "Rinnovo scadenza", "superseded", False, False),
    ("malfunction", "Malfunzionamento", "superseded", True, True),
    ("other", "Altro", "unspecified", False, False),
]

# hold → every final reason → keyCompromise; nothing else, and never back.
RAISED = {
    ("certificateHold", "unspecified"),
    ("certificateHold", "superseded"),
    ("certificateHold", "cessationOfOperation"),
    ("certificateHold", "keyCompromise"),
    ("unspecified", "keyCompromise"),
    ("superseded", "keyCompromise"),
    ("cessationOfOperation", "keyCompromise"),
}


@pytest.mark.parametrize(("value", "italian", "final", "reportable", "holds"), ROWS)
def test_rows(value: str, italian: str, final: str, reportable: bool, holds: bool) -> None:
    row = REASONS[Reason(value)]
    assert (row.italian, row.final.value, row.reportable, row.holds) == (
        italian,
        final,
        reportable,
        holds,
    )


def test_every_reason_has_a_row() -> None:
    assert {row[0] for row in ROWS} == {reason.value for reason in Reason} == set(REASONS)


@pytest.mark.parametrize(("old", "new"), list(product(CrlReason, repeat=2)))
def test_a_reason_is_only_ever_raised(old: CrlReason, new: CrlReason) -> None:
    assert may_raise(old, new) is ((old.value, new.value) in RAISED)
