#!/usr/bin/env bash
# Makes a checkout ready for work: what Custode needs of the system, then .venv from the pinned
# constraints. Safe to run any number of times; when nothing has changed it only compares a stamp.
#
#   PYTHON=python3.12 packaging/linux/setup.sh    another Python for .venv (3.11 or later)
#   WITH=bench packaging/linux/setup.sh           also the peers of `make bench`
#   WITH=fuzz packaging/linux/setup.sh            also the fuzzer of `make fuzz`
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

readonly venv=.venv
readonly constraints=packaging/constraints.txt
readonly pins_stamp=$venv/.custode-pins
readonly project_stamp=$venv/.custode-project

say() { printf '%s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# --- what the system has ---------------------------------------------------------------------

is_usable_python() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# A Python that someone names must do; otherwise the first that does.
find_python() {
    local name
    if [[ -n ${PYTHON:-} ]]; then
        is_usable_python "$PYTHON" && command -v "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if command -v "$name" >/dev/null && is_usable_python "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

has_softhsm() {
    local module
    command -v softhsm2-util >/dev/null || return 1
    for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so \
        /usr/lib64/pkcs11/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
        /usr/local/lib/softhsm/libsofthsm2.so; do
        [[ -e $module ]] && return 0
    done
    return 1
}

has_openssl() { command -v openssl >/dev/null; }

# The peers that `make bench` measures us against.
has_pkcs11_tool() { command -v pkcs11-tool >/dev/null; }
has_pkcs11_engine() { compgen -G '/usr/lib/*/engines-3/pkcs11.so' >/dev/null; }

# Prints the Debian packages that are missing, one a line. The venv's Python counts once it exists.
missing_packages() {
    has_softhsm || say softhsm2
    has_openssl || say openssl
    if [[ ${WITH:-} == bench ]]; then
        has_pkcs11_tool || say opensc
        has_pkcs11_engine || say libengine-pkcs11-openssl
    fi
    if [[ ! -x $venv/bin/python ]] && ! find_python >/dev/null; then
        say python3-venv
    fi
}

install_packages() {
    local -a packages=("$@") as_root=()
    if ! command -v apt-get >/dev/null; then
        fail "missing: ${packages[*]}" \
            "these are Debian's names; install the same with this system's package manager"
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            fail "missing: ${packages[*]}" \
                "run:  sudo apt-get install --no-install-recommends ${packages[*]}"
        fi
    fi
    say "setup: installing ${packages[*]}"
    local -a apt=(
        ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive
        apt-get -qq -o DPkg::Lock::Timeout=300
    )
    local log
    log=$(mktemp)
    if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${packages[@]}"; } \
        >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        fail "apt-get could not install: ${packages[*]}"
    fi
    rm -f "$log"
}

ensure_system() {
    local -a missing
    if [[ -n ${PYTHON:-} ]] && ! is_usable_python "$PYTHON"; then
        fail "PYTHON=$PYTHON is not 3.11 or later with venv and ensurepip"
    fi
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -eq 0 ]]; then
        return
    fi
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    if [[ ${missing[*]} == *python3-venv* ]]; then
        fail "this system's python3 is older than 3.11" \
            "install a later one with its venv package, and name it:  make setup PYTHON=python3.12"
    elif [[ ${#missing[@]} -gt 0 ]]; then
        fail "still missing after the installation: ${missing[*]}"
    fi
}

# --- the virtual environment -----------------------------------------------------------------

# The checkout's place is part of both keys: a venv that was moved has dead paths in its scripts.
pins_key() { { say "$root ${PYTHON:-}"; cat "$constraints"; } | sha256sum; }
project_key() { { say "$root"; cat pyproject.toml "$constraints" "${BASH_SOURCE[0]}"; } | sha256sum; }

was_moved() { ! head -n 1 "$venv/bin/pip" 2>/dev/null | grep -qF "#!$root/$venv/"; }

is_current() { [[ -x $venv/bin/python && -f $1 && $(<"$1") == "$2" ]]; }

pip() { "$venv/bin/python" -m pip --quiet --quiet --disable-pip-version-check --no-input "$@"; }

ensure_venv() {
    local pins project python
    pins=$(pins_key)
    project=$(project_key)
    if is_current "$pins_stamp" "$pins" && is_current "$project_stamp" "$project"; then
        return
    fi

    if ! is_current "$pins_stamp" "$pins"; then
        if [[ -n ${PYTHON:-} ]] || ! is_usable_python "$venv/bin/python" || was_moved; then
            python=$(find_python) || fail "no Python 3.11 or later with venv and ensurepip"
            say "setup: making $venv with $("$python" --version)"
            "$python" -m venv --clear "$venv"
        fi
        say "setup: installing the pinned packages"
        rm -f "$pins_stamp" "$project_stamp"
        pip install --require-hashes -r "$constraints"
        say "$pins" >"$pins_stamp"
    fi

    # Without isolation the build back end is the pinned one, and nothing more is fetched.
    pip install --no-deps --no-build-isolation --force-reinstall --editable .
    say "$project" >"$project_stamp"
    say "setup: $venv is ready"
}

# One set-up at a time in a checkout; the lock needs no file of its own.
exec 9<"${BASH_SOURCE[0]}"
flock --timeout 900 9 || fail "another set-up has held the lock for 15 minutes"

ensure_system
ensure_venv
if [[ ${WITH:-} == fuzz ]] && ! "$venv/bin/python" -c 'import atheris' 2>/dev/null; then
    pip install --require-hashes -r packaging/constraints-fuzz.txt
    "$venv/bin/python" -c 'import atheris' 2>/dev/null ||
        fail "atheris has no wheel for this system and Python; the short runs are in make test"
fi
