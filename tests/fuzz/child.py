"""One atheris campaign: `python -m tests.fuzz.child TARGET libFuzzer-options…`."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore] # see `make fuzz`

# Only our own code is instrumented: the rest is fast, and its branches are not what we look for.
with atheris.instrument_imports(include=["custode", "custode_authority", "custode_drivers"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
