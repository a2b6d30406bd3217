#!/usr/bin/env bash
# Makes a checkout ready for work: what Custode needs of the system, then .venv (and .venv-openpgp,
# the third-party card of the tests) from the pinned constraints. Safe to run any number of times; when nothing has changed it only compares a stamp.
#
#   PYTHON=python3.12 packaging/linux/setup.sh    another Python for .venv (3.11 or later)
#   WITH=bench packaging/linux/setup.sh           also the peers of `make bench`
#   WITH=fuzz packaging/linux/setup.sh            also the fuzzer of `make fuzz`
#   WITH=screens packaging/linux/setup.sh         also the panel that `make screens` photographs
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

readonly venv=.venv
readonly constraints=packaging/constraints.txt
readonly vpcd_reader=/etc/reader.conf.d/vpcd
readonly build_constraints=packaging/constraints-build.txt
readonly pins_stamp=$venv/.custode-pins
readonly project_stamp=$venv/.custode-project
readonly openpgp_venv=.venv-openpgp
readonly openpgp_constraints=packaging/constraints-openpgp.txt
readonly openpgp_stamp=$openpgp_venv/.custode-pins

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

# A bus of their own, on which tests play logind.
has_dbus_daemon() { command -v dbus-daemon >/dev/null; }

# PC/SC, the driver behind the virtual cards, and what judges those cards. pcscd is looked for
# where a user's PATH may not lead.
has_pcscd() { command -v pcscd >/dev/null || [[ -x /usr/sbin/pcscd ]]; }
has_vpcd() {
    compgen -G '/usr/lib*/pcsc/drivers/serial/libifdvpcd.so' >/dev/null ||
        compgen -G '/usr/lib/*/pcsc/drivers/serial/libifdvpcd.so' >/dev/null
}
has_pkcs11_tool() { command -v pkcs11-tool >/dev/null; }
has_opensc_module() {
    compgen -G '/usr/lib/*/opensc-pkcs11.so' >/dev/null ||
        compgen -G '/usr/lib*/opensc-pkcs11.so' >/dev/null
}
has_ykcs11() {
    compgen -G '/usr/lib/*/libykcs11.so*' >/dev/null || compgen -G '/usr/lib*/libykcs11.so*' >/dev/null
}
has_yubico_piv_tool() { command -v yubico-piv-tool >/dev/null; }

has_library() { compgen -G "/usr/lib/*/$1" >/dev/null || compgen -G "/usr/lib*/$1" >/dev/null; }

# What else is behind PKCS#11 modules in the conformance suite: NSS, p11-kit's proxy, a software TPM.
has_softokn() { has_library libsoftokn3.so || has_library nss/libsoftokn3.so; }
has_p11_kit_proxy() { has_library p11-kit-proxy.so && has_library pkcs11/p11-kit-trust.so; }
has_tpm2_pkcs11() { has_library libtpm2_pkcs11.so.1 && has_library 'libtss2-tcti-swtpm.so.0*'; }
has_swtpm() { command -v swtpm >/dev/null; }

# Typelibs are asked for by introspection's own names.
has_typelib() {
    compgen -G "/usr/lib/*/girepository-1.0/$1.typelib" >/dev/null ||
        compgen -G "/usr/lib*/girepository-1.0/$1.typelib" >/dev/null
}
has_headers() { pkg-config --exists "$1" 2>/dev/null; }

# What tests stand up beside the tray and the windows: a display, the bus that assistive programs
# read; and what judges our files: desktop entries, AppStream, units, Leggimi.rtf (as LibreOffice
# prints it, read from the PDF).
has_xvfb() { command -v Xvfb >/dev/null; }
has_atspi() {
    [[ -x /usr/libexec/at-spi-bus-launcher || -x /usr/lib/at-spi2-core/at-spi-bus-launcher ]]
}
# What `make screens` photographs the tray in.
has_panel() { command -v xfce4-panel >/dev/null; }
has_notifyd() { compgen -G '/usr/lib/*/xfce4/notifyd/xfce4-notifyd' >/dev/null; }
has_svg_loader() { has_library 'gdk-pixbuf-2.0/*/loaders/libpixbufloader-svg.so'; }
has_desktop_file_validate() { command -v desktop-file-validate >/dev/null; }
has_appstreamcli() { command -v appstreamcli >/dev/null; }
has_systemd_analyze() { command -v systemd-analyze >/dev/null; }
has_libreoffice_writer() {
    command -v soffice >/dev/null && has_library 'libreoffice/program/libswlo.so'
}
has_poppler() { command -v pdftotext >/dev/null && command -v pdftoppm >/dev/null; }

# One font, or the windows have nothing to write with.
has_font() {
    local folder
    for folder in /usr/share/fonts /usr/local/share/fonts; do
        [[ -d $folder && -n $(find -L "$folder" -name '*.[to]tf' -print -quit 2>/dev/null) ]] && return 0
    done
    return 1
}

# pyscard has no wheel for Linux, and the tests build small PKCS#11 modules of their own.
has_winscard_headers() {
    compgen -G '/usr/include/PCSC/winscard.h' >/dev/null ||
        compgen -G '/usr/local/include/PCSC/winscard.h' >/dev/null
}
has_pkg_config() { command -v pkg-config >/dev/null; }
has_compiler() { command -v gcc >/dev/null; }
has_libc_headers() { echo '#include <stdlib.h>' | gcc -E -o /dev/null - 2>/dev/null; }
has_python_headers() {
    "$1" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
}

# The peer that `make bench` measures us against, besides the tools above.
has_pkcs11_engine() { compgen -G '/usr/lib/*/engines-3/pkcs11.so' >/dev/null; }

# The package with the headers of that Python: Debian's own have the version in their names. Those
# of a Python that did not come from Debian belong to it, and apt-get will say that it knows none.
headers_package() {
    say "lib$("$1" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-dev")')"
}

# Prints the Debian packages that are missing, one a line. The venv's Python counts once it exists.
missing_packages() {
    local python
    has_softhsm || say softhsm2
    has_openssl || say openssl
    has_dbus_daemon || say dbus-daemon
    has_pcscd || say pcscd
    has_vpcd || say vsmartcard-vpcd
    has_pkcs11_tool || say opensc
    has_opensc_module || say opensc-pkcs11
    has_ykcs11 || say ykcs11
    has_yubico_piv_tool || say yubico-piv-tool
    has_softokn || say libnss3
    has_p11_kit_proxy || say p11-kit-modules
    has_tpm2_pkcs11 || say libtpm2-pkcs11-1
    has_swtpm || say swtpm
    # what the libraries of PySide6-Essentials are linked to
    has_library 'libEGL.so.1' || say libegl1
    has_library 'libGL.so.1' || say libgl1
    has_library 'libdbus-1.so.3' || say libdbus-1-3
    has_library 'libfontconfig.so.1' || say libfontconfig1
    has_library 'libxkbcommon-x11.so.0' || say libxkbcommon-x11-0
    has_library 'libxcb-cursor.so.0' || say libxcb-cursor0
    has_library 'libxcb-icccm.so.4' || say libxcb-icccm4
    has_library 'libxcb-keysyms.so.1' || say libxcb-keysyms1
    has_library 'libxcb-shape.so.0' || say libxcb-shape0
    has_font || say fonts-dejavu-core
    # the tray: what pystray shows its icon with, and what PyGObject is built from
    has_typelib AyatanaAppIndicator3-0.1 || say gir1.2-ayatanaappindicator3-0.1
    has_typelib Gtk-3.0 || say gir1.2-gtk-3.0
    has_svg_loader || say librsvg2-common
    has_headers gobject-introspection-1.0 || say libgirepository1.0-dev
    has_headers cairo-gobject || say libcairo2-dev
    # the tests of tray and windows
    has_xvfb || say xvfb
    has_atspi || say at-spi2-core
    has_desktop_file_validate || say desktop-file-utils
    has_appstreamcli || say appstream
    has_systemd_analyze || say systemd
    has_libreoffice_writer || say libreoffice-writer-nogui
    has_poppler || say poppler-utils
    has_winscard_headers || say libpcsclite-dev
    has_pkg_config || say pkg-config
    has_compiler || say gcc
    has_libc_headers || say libc6-dev
    if [[ ${WITH:-} == bench ]]; then
        has_pkcs11_engine || say libengine-pkcs11-openssl
    fi
    if [[ ${WITH:-} == screens ]]; then
        has_panel || say xfce4-panel
        has_notifyd || say xfce4-notifyd
    fi
    if [[ -x $venv/bin/python ]]; then
        if ! is_current "$pins_stamp" "$(pins_key)" && ! has_python_headers "$venv/bin/python"; then
            headers_package "$venv/bin/python"
        fi
        return
    fi
    if ! python=$(find_python); then
        say python3-venv
        say python3-dev
    elif ! has_python_headers "$python"; then
        headers_package "$python"
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
    if [[ " ${packages[*]} " == *" vsmartcard-vpcd "* && -f $vpcd_reader ]]; then
        # The package has the machine's own pcscd listen on every address, for cards that only our
        # tests have; these bring a pcscd and a configuration of their own.
        ${as_root[@]+"${as_root[@]}"} sed -i 's/^[^#]/# &/' "$vpcd_reader"
        say "setup: vpcd's reader in $vpcd_reader is commented out: it listens to the network"
    fi
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
pins_key() {
    { say "$root ${PYTHON:-}"; cat "$constraints" "$build_constraints"; } | sha256sum
}
openpgp_key() { { say "$root"; cat "$openpgp_constraints" "$build_constraints"; } | sha256sum; }
project_key() { { say "$root"; cat pyproject.toml agent/custode/release.py "$constraints" "${BASH_SOURCE[0]}"; } | sha256sum; }

was_moved() { ! head -n 1 "$venv/bin/pip" 2>/dev/null | grep -qF "#!$root/$venv/"; }

is_current() { [[ -x $venv/bin/python && -f $1 && $(<"$1") == "$2" ]]; }

pip_of() {
    local -r home=$1
    shift
    # What builds from source finds its tools (swig) on PATH.
    PATH="$root/$home/bin:$PATH" "$home/bin/python" -m pip \
        --quiet --quiet --disable-pip-version-check --no-input "$@"
}
pip() { pip_of "$venv" "$@"; }

# The lines of one package in a file of pins.
pin_of() { awk -v name="$1" 'index($0, name "==") == 1 { on = 1 } on { print; on = /\\$/ }' "$2"; }

# Build isolation would fetch the newest build tools, whatever is pinned: so they come first, with
# their own hashes, and isolation is off. pycairo is one of them: PyGObject is built against it, and
# it comes as source itself.
install_pins() {
    local pycairo
    pip_of "$1" install --require-hashes -r "$build_constraints"
    pycairo=$(pin_of pycairo "$2")
    if [[ -n $pycairo ]]; then
        pip_of "$1" install --require-hashes --no-build-isolation -r <(say "$pycairo")
    fi
    pip_of "$1" install --require-hashes --no-build-isolation -r "$2"
}

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
        install_pins "$venv" "$constraints"
        say "$pins" >"$pins_stamp"
    fi

    # Without isolation the build back end is the pinned one, and nothing more is fetched.
    pip install --no-deps --no-build-isolation --force-reinstall --editable .
    say "$project" >"$project_stamp"
    say "setup: $venv is ready"
}

ensure_openpgp_venv() {
    local key
    key=$(openpgp_key)
    if is_current "$openpgp_stamp" "$key"; then
        return
    fi
    say "setup: installing the OpenPGP card of the tests in $openpgp_venv"
    "$venv/bin/python" -m venv --clear "$openpgp_venv"
    install_pins "$openpgp_venv" "$openpgp_constraints"
    say "$key" >"$openpgp_stamp"
}

# One set-up at a time in a checkout; the lock needs no file of its own.
exec 9<"${BASH_SOURCE[0]}"
flock --timeout 900 9 || fail "another set-up has held the lock for 15 minutes"

ensure_system
ensure_venv
ensure_openpgp_venv
if [[ ${WITH:-} == fuzz ]] && ! "$venv/bin/python" -c 'import atheris' 2>/dev/null; then
    pip install --require-hashes -r packaging/constraints-fuzz.txt
    "$venv/bin/python" -c 'import atheris' 2>/dev/null ||
        fail "atheris has no wheel for this system and Python; the short runs are in make test"
fi
