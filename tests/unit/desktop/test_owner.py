"""Who the certificate is for, judged while it is typed: a table."""

import pytest

from custode.desktop.view.owner import Owner

GOOD = Owner("ROSSI01", "RSSNNA80A01H501H", "Anna Rossi", "anna@example.it")


@pytest.mark.parametrize(
    ("field", "text", "fault"),
    [
        ("code", "ROSSI01", ""),
        ("code", " rossi01 ", ""),
        ("code", "R", "3 to 16 letters and digits"),
        ("code", "ROSSI-1", "3 to 16 letters and digits"),
        ("codice_fiscale", "rssnna80a01h501h", ""),
        ("codice_fiscale", "00743110157", ""),
        ("codice_fiscale", "RSSNNA80A01H501X", "mistyped"),
        ("codice_fiscale", "00743110158", "mistyped"),
        ("codice_fiscale", "RSSNNA80A01H5", "16 characters, or 11 digits"),
        ("codice_fiscale", "RSS", "11 to 16"),
        ("name", "", ""),
        ("mail", "", ""),
        ("mail", "anna@example.it", ""),
        ("mail", "anna", "form name@example.it"),
        ("mail", "anna@example", "form name@example.it"),
        ("mail", "anna rossi@example.it", "form name@example.it"),
    ],
)
def test_each_field_is_judged(field: str, text: str, fault: str) -> None:
    told = GOOD.typed(field, text).fault(field)
    assert (told == "") == (fault == "")
    assert fault in told
    assert GOOD.typed(field, text).ready is (fault == "")


def test_what_is_sent_is_written_as_the_wire_wants_it() -> None:
    typed = Owner(" rossi01", "rssnna80a01h501h ", " Anna Rossi ", "")
    assert typed.params() == {
        "code": "ROSSI01",
        "codice_fiscale": "RSSNNA80A01H501H",
        "name": "Anna Rossi",
        "mail": "",
    }


def test_of_an_account_that_is_open_the_codes_are_taken_as_they_are() -> None:
    known = Owner.of({"code": "R", "codice_fiscale": "X", "name": "Anna"})
    assert known.known
    assert known.ready
    assert not known.typed("mail", "anna").ready
    assert Owner.of(None) == Owner()
    assert not Owner().ready
