"""The tests, for pytest; `custode_drivers.testing.conformance` starts them."""
