"""Dates are those of a calendar in Rome."""

from datetime import UTC, datetime

import pytest

from custode.locale import moments
from custode.locale.catalogue import use

NOW = datetime(2026, 3, 14, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "day", "minute"),
    [
        ("2028-03-14T12:00:00Z", "14/03/2028", "14/03/2028 13:00"),
        ("2028-03-14T23:30:00Z", "15/03/2028", "15/03/2028 00:30"),
        ("2028-07-14T22:30:00+00:00", "15/07/2028", "15/07/2028 00:30"),
        ("2028-07-14T22:30:00", "15/07/2028", "15/07/2028 00:30"),
        ("yesterday", "", ""),
        (None, "", ""),
    ],
)
def test_times_are_shown_as_in_rome(moment: str | None, day: str, minute: str) -> None:
    assert (moments.day(moment), moments.minute(moment)) == (day, minute)


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("2026-03-14T22:59:00Z", "oggi"),
        ("2026-03-14T23:01:00Z", "ancora 1 giorno"),
        ("2026-03-24T10:00:00Z", "ancora 10 giorni"),
        ("2026-03-13T10:00:00Z", "1 giorno fa"),
        ("2026-03-01T10:00:00Z", "13 giorni fa"),
        (None, ""),
    ],
)
def test_time_left_counts_days_of_the_calendar(moment: str | None, left: str) -> None:
    use("it")
    assert moments.time_left(moment, NOW) == left


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (640_500, "640 kB"), (8_000_000_000, "8,0 GB")],
)
def test_sizes_have_their_unit(number: int, told: str) -> None:
    use("it")
    assert moments.size(number) == told


def test_today_is_romes_day() -> None:
    assert moments.today(datetime(2026, 3, 14, 23, 30, tzinfo=UTC)).isoformat() == "2026-03-15"
