#!/usr/bin/env bash
# Writes packaging/constraints*.txt anew: names, versions and hashes, for every supported Python and
# platform at once. No index and no download address goes in: where to fetch from is pip's own
# configuration, on each machine.
#
#   UPGRADE=1 packaging/constraints.sh    newest versions, instead of keeping what is pinned
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly target=packaging/constraints.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z ${UPGRADE:-} && -f $target ]]; then
    cp "$target" "$work/pins.txt" # uv keeps the versions that it finds in its output file
fi

.venv/bin/uv pip compile pyproject.toml --extra desktop --group dev \
    --universal --python-version 3.11 --generate-hashes \
    --no-config --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --quiet --output-file "$work/pins.txt" >/dev/null

# What is installed by itself: `group` of pyproject.toml, its file, and what that file is for.
group_pins() {
    local group=$1 purpose=$2
    if [[ -z ${UPGRADE:-} && -f packaging/constraints-$group.txt ]]; then
        cp "packaging/constraints-$group.txt" "$work/$group.txt"
    fi
    .venv/bin/uv pip compile --group "$group" \
        --universal --python-version 3.11 --generate-hashes \
        --no-config --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --quiet --output-file "$work/$group.txt" >/dev/null
    {
        printf '# Made by make constraints: %s, with --require-hashes.\n' "$purpose"
        grep -E '^([A-Za-z0-9]|    --hash=)' "$work/$group.txt"
    } >"$work/constraints-$group.txt"
}

group_pins build 'what builds the packages that come as source'
group_pins fuzz 'what make fuzz installs besides'
group_pins openpgp 'the OpenPGP card of the tests, in .venv-openpgp'

{
    printf '# Made by make constraints: what make setup installs, with --require-hashes.\n'
    printf '# Runtime, desktop and development together, CPython 3.11 to 3.13. Do not edit by hand.\n'
    grep -E '^([A-Za-z0-9]|    --hash=)' "$work/pins.txt"
} >"$work/constraints.txt"

if grep -qE '://|-url|find-links' "$work"/constraints*.txt; then
    printf 'constraints: a download address came in; nothing was written\n' >&2
    exit 1
fi
cp "$work"/constraints*.txt packaging/
