# Shared by scripts/build and scripts/test, which source it: where we are, which Python, what is missing.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# With standard input closed, the first file that a tool opens would become its standard input.
exec </dev/null
# A Python of ours must not meet what the caller's shell set up for another.
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONOPTIMIZE VIRTUAL_ENV

die() { # MESSAGE [EXIT_CODE]
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

is_new_enough() { # PYTHON
    [[ $("$1" -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null) == True ]]
}

# $PYTHON, else the system's (its libpython is a package), else whatever python3 is.
choose_python() {
    local candidate
    if [[ -n ${PYTHON:-} ]]; then
        is_new_enough "$PYTHON" || die "PYTHON=$PYTHON is not Python 3.11 or newer" 69
        return
    fi
    for candidate in /usr/bin/python3 python3; do
        if is_new_enough "$candidate"; then
            PYTHON=$candidate
            return
        fi
    done
    install_packages python3 python3-venv binutils
    is_new_enough /usr/bin/python3 || die 'Python 3.11 or newer is needed; name one with PYTHON=' 69
    PYTHON=/usr/bin/python3
}

has_shared_libpython() {
    "$PYTHON" - <<'PY'
import os, sys
from sysconfig import get_config_var as var
folders = {f"{var('LIBDIR')}/{arch}" for arch in ("", var("MULTIARCH"))} | {"/usr/lib64"}
names = {f"libpython{var('LDVERSION')}.so.1.0", var("INSTSONAME") or ""}
found = any(
    os.path.isfile(f"{folder}/{name}") for folder in folders for name in names if ".so" in name
)
sys.exit(not found)
PY
}

# Find what the build or the tests lack, and install it (root) or say how (anyone else).
require_tools() {
    local version tool missing=()
    choose_python
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
    has_shared_libpython || missing+=("libpython$version")
    command -v objdump strip >/dev/null || missing+=(binutils)
    # a build does without: tests/faults lets system calls fail with strace, tests/cli press TAB in
    # zsh and fish and have mandoc read the manual pages
    if [[ ${0##*/} == test ]]; then
        for tool in strace zsh fish mandoc; do
            command -v "$tool" >/dev/null || missing+=("$tool")
        done
        # tests/browser looks at the dashboard with it
        command -v chromium google-chrome >/dev/null || missing+=(chromium)
    fi
    ((${#missing[@]} == 0)) && return
    install_packages "${missing[@]}"
    has_shared_libpython || die "$PYTHON has no shared libpython; name another with PYTHON=" 69
}

install_packages() { # PACKAGE...
    command -v apt-get >/dev/null || die "missing: $* (the names are Debian's)" 69
    ((EUID == 0)) || die "missing: $*; install with: sudo apt-get install -y $*" 69
    # dpkg looks for its tools in sbin, which a short PATH lacks. The package list may be absent or old.
    local apt=(env "PATH=$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive apt-get -qq)
    if ! "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1; then
        "${apt[@]}" update >&2
        "${apt[@]}" install -y --no-install-recommends "$@" >&2
    fi
}

# Make .venv/NAME hold what requirements/NAME.txt pins; nothing happens when it does.
prepare_venv() { # NAME
    local name=$1 venv=$PWD/.venv/$1 stamp
    stamp=$({ echo "$venv $PYTHON"; "$PYTHON" -VV; cat "requirements/$name.txt"; } | sha256sum)
    mkdir -p .venv
    (
        flock 9
        [[ -f $venv/.stamp && $(<"$venv/.stamp") == "$stamp" ]] && exit
        echo "installing requirements/$name.txt into .venv/$name" >&2
        "$PYTHON" -m venv --clear "$venv"
        # Wheels only: nothing that we download runs code while it is installed.
        "$venv/bin/python" -m pip install -qq --no-input --disable-pip-version-check \
            --require-hashes --only-binary :all: -r "requirements/$name.txt"
        echo "$stamp" >"$venv/.stamp"
    ) 9>".venv/$name.lock"
}
