#!/bin/sh
# Installs the CPU set-up into .venv with plain venv and pip, and does nothing when that is done.
#
#   PYTHON=/path/to/python   the interpreter to use, instead of the first that runs
#   HONE_TORCH_INDEX=URL     where torch comes from when pip's own configuration has none
#
# Everything is exact: torch below, every other package in deploy/lock/cpu.txt, with hashes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
venv=.venv
lock=deploy/lock/cpu.txt
stamp=$venv/hone-stamp
log=$venv/install.log
turn=build/set-up
torch=2.13.0
torch_index=${HONE_TORCH_INDEX:-https://download.pytorch.org/whl/cpu}

say() { printf '%s\n' "$*" >&2; }
die() { say "install: $*"; exit 1; }

# Which Python: a shim on PATH may exist and fail, so each candidate has to run.
runs() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Every python3.11 on PATH, then every python3.12, python3.13: behind a dead shim may be a live one.
candidates() {
    if [ -n "${PYTHON:-}" ]; then echo "$PYTHON"; return; fi
    for name in python3.11 python3.12 python3.13; do
        echo "$PATH:" | tr ':' '\n' | while read -r folder; do
            [ -z "$folder" ] || [ ! -x "$folder/$name" ] || echo "$folder/$name"
        done
    done
}

find_python() {
    without_venv=
    newline='
'
    IFS=$newline
    for candidate in $(candidates); do
        runs "$candidate" || continue
        if has_venv "$candidate"; then python=$candidate; unset IFS; return; fi
        without_venv=$candidate
    done
    [ -z "$without_venv" ] ||
        die "$without_venv has no venv module: install it (Debian: apt-get install $(basename "$without_venv")-venv)"
    [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON does not run as Python 3.11, 3.12 or 3.13"
    die "found no Python that runs: install Python 3.11, 3.12 or 3.13, or set PYTHON=/path/to/python"
}

# Sets `engine` (vLLM has a build) and `torch_version`.
find_platform() {
    case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-aarch64)
        "$1" -c 'import platform as p; v = p.libc_ver(); raise SystemExit(v[0] != "glibc" or tuple(map(int, v[1].split("."))) < (2, 31))' ||
            die "the locked wheels need glibc 2.31 or newer (Debian 11, Ubuntu 20.04, RHEL 9; not Alpine)"
        engine=yes torch_version=$torch+cpu ;;
    Darwin-arm64)
        # macOS wheels on the package index are CPU builds already, without the suffix.
        engine=no torch_version=$torch ;;
    *)
        die "no wheels of torch for $(uname -s) on $(uname -m): use Linux (x86_64, aarch64) or macOS (arm64)" ;;
    esac
}

# What the environment was made from: when this is the same, so is the environment.
fingerprint() {
    "$1" - "$root" "$lock" pyproject.toml deploy/install.sh <<'PY'
import hashlib, os, sys
parts = [sys.version, os.path.realpath(getattr(sys, "_base_executable", sys.executable)), sys.argv[1]]
parts += [open(name, encoding="utf-8").read() for name in sys.argv[2:]]
print(hashlib.sha256("\0".join(parts).encode()).hexdigest())
PY
}

# pip, one line per package instead of five; all it says goes to the log.
pip() {
    { "$venv/bin/python" -m pip install "$@" 2>&1 || echo "hone: pip failed"; } | tee -a "$log" | progress
    ! tail -n 1 "$log" | grep -q '^hone: pip failed'
}

# A loop of the shell's own, since awk and sed hold back what they read from a pipe.
progress() {
    count=0
    while read -r word what _; do
        case $word in
        Collecting | Processing) count=$((count + 1)) && say "  $count ${what##*/}" ;;
        Installing) say "  unpacking" ;;
        esac
    done
}

install_torch() {
    say "[2/4] torch $torch_version"
    "$venv/bin/python" -c "import sys, importlib.metadata as m; sys.exit(m.version('torch') != '$torch_version')" 2>/dev/null && return
    # The company's own mirror or wheel folder first; where there is none, PyTorch's.
    pip --no-deps "torch==$torch_version" && return
    [ "$engine" = yes ] || die "pip found no torch $torch_version; its log is $log"
    say "  not in pip's own configuration; from $torch_index"
    pip --no-deps --index-url "$torch_index" "torch==$torch_version" ||
        die "no torch $torch_version at $torch_index: set HONE_TORCH_INDEX to a mirror that has it (log: $log)"
}

check_imports() {
    say "[4/4] importing torch$([ "$engine" = no ] || echo ' and vLLM')"
    if [ "$engine" = no ]; then
        "$venv/bin/python" -c 'import torch' || die "torch does not import"
        say "  vLLM has no build for this platform: tests that need it are left out, the demo takes ENGINE_URL"
        return
    fi
    VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1 "$venv/bin/python" -c '
import torch, vllm
from vllm.platforms import current_platform
print(f"  torch {torch.__version__}, vllm {vllm.__version__}, {current_platform.device_type}")' >&2 ||
        die "torch or vLLM does not import on this machine; the lines above say why"
}

# One set-up at a time: two makes in one checkout would unpack over each other. The link names the
# process whose turn it is.
take_turn() {
    mkdir -p build
    owner=
    until ln -s "$$" "$turn" 2>/dev/null; do
        before=$owner
        owner=$(readlink "$turn") || continue
        kill -0 "$owner" 2>/dev/null || { rm -f "$turn"; continue; }
        [ "$owner" = "$before" ] || say "another set-up of this checkout is running (process $owner): waiting for it"
        sleep 1
    done
    trap 'rm -f "$turn"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

is_done() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; }

# The environment that is there may answer for itself, unless PYTHON asks for another or the
# checkout has moved (its scripts would still name the old place).
if [ -z "${PYTHON:-}" ] && grep -qF "$root/$venv" "$venv/pyvenv.cfg" 2>/dev/null && runs "$venv/bin/python"; then
    python=$venv/bin/python
else
    find_python
fi
now=$(fingerprint "$python")
is_done && exit 0
find_platform "$python"
take_turn
is_done && exit 0
say "[1/4] virtual environment .venv, with $("$python" --version 2>&1)"
if [ "$python" != "$venv/bin/python" ]; then
    [ ! -e "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || die ".venv is there and is no virtual environment: move it away"
    rm -rf "$venv"
    "$python" -m venv "$venv" || die "$python -m venv failed; the lines above say why"
fi
rm -f "$stamp"
: >"$log"
install_torch
say "[3/4] the locked packages, then Hone itself"
pip --require-hashes --no-deps --only-binary :all: -r "$lock" || {
    tail -n 15 "$log" >&2
    die "could not install the locked packages; its log is $log"
}
pip --no-deps --no-build-isolation --editable . || { tail -n 15 "$log" >&2; die "could not install Hone itself"; }
check_imports
fingerprint "$venv/bin/python" >"$stamp"
