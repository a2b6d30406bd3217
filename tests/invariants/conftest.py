"""How long the state machine plays: a little in `make test`, long in `make invariants`."""

from __future__ import annotations

import math
import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

LONG: Final = int(os.environ.get("CUSTODE_INVARIANTS", "0"))
PARTS: Final = 4 if LONG else 1


@pytest.fixture(scope="session")
def playing() -> settings:
    """The same stories every time, unless a number of other ones is asked for."""
    return settings(
        max_examples=math.ceil(LONG / PARTS) if LONG else 15,
        stateful_step_count=50 if LONG else 25,
        derandomize=not LONG,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )


@pytest.fixture(scope="session")
def hunting() -> settings:
    """Until a broken rule shows; found is found, nothing is made smaller."""
    return settings(
        max_examples=400,
        stateful_step_count=25,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
        report_multiple_bugs=False,
    )
