"""The tests, for pytest; `custode_drivers.testing.conformance` starts them."""

import pytest

pytest.register_assert_rewrite("custode_drivers.testing.conformance.desk")  # it says more so
