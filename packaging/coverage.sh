#!/usr/bin/env bash
# Fails when a pure package is not covered entirely, lines and branches: nothing there is hard to
# reach. Reads .coverage as the last full test run left it, and says nothing when all is well.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

for package in agent/custode/domain authority/custode_authority/wire; do
    [[ -d $package ]] || continue
    if ! report=$(.venv/bin/coverage report --include="$package/*" --fail-under=100 2>&1); then
        printf '%s\ncoverage: %s is pure and must be covered to 100 %%\n' "$report" "$package" >&2
        exit 1
    fi
done
