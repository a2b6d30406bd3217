"""Days end when they end in Rome."""

from datetime import UTC, date, datetime

import pytest

from custode_authority.wire.rome import day_in_rome, end_of


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 1, 31), datetime(2026, 1, 31, 23, tzinfo=UTC)),  # winter: UTC+1
        (date(2026, 7, 1), datetime(2026, 7, 1, 22, tzinfo=UTC)),  # summer: UTC+2
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # the day the clocks change
    ],
)
def test_days_end_in_rome(day: date, end: datetime) -> None:
    assert end_of(day) == end
    assert day_in_rome(end) > day
