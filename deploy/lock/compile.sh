#!/bin/sh
# Makes cpu.txt anew: every package of the CPU set-up but torch, exact and with hashes.
#
#   deploy/lock/compile.sh              keeps versions that still fit
#   deploy/lock/compile.sh --upgrade    takes the newest that fit
#
# Needs uv (it alone resolves for machines other than this one). Installing needs only pip.
set -eu
cd "$(dirname "$0")/../.."

command -v uv >/dev/null 2>&1 || {
    echo "compile.sh: uv is not on PATH; put it there with: python3 -m pip install uv" >&2
    exit 1
}

uv pip compile --quiet --project deploy/lock \
    --universal --python-version 3.11 --generate-hashes \
    --no-emit-package torch --no-emit-package hone-assistant \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --extra lsp --extra server --extra store --extra trainer --extra dev \
    --output-file deploy/lock/cpu.txt "$@" \
    pyproject.toml deploy/lock/engine.in

# pip takes the hash of whatever its own configuration finds: the lock names no index.
if grep -n -E '^(-i|--index-url|--extra-index-url|--find-links)|https?:' deploy/lock/cpu.txt; then
    echo "compile.sh: the lock names an index" >&2
    exit 1
fi

# The three environments of deploy/lock/pyproject.toml, spelt out on each line by uv: say it shorter.
mac="(platform_machine == 'arm64' and sys_platform == 'darwin')"
arm="(platform_machine == 'aarch64' and sys_platform == 'linux')"
x86="(platform_machine == 'x86_64' and sys_platform == 'linux')"
sed -e "s/ ; python_full_version < '3.14' and ($mac or $arm or $x86)//" \
    -e "s/ and ($mac or $arm or $x86)//" \
    -e "s/; python_full_version < '3.14' and ($arm or $x86)/; sys_platform == 'linux'/" \
    -e "s/($arm or $x86)/sys_platform == 'linux'/" \
    -e "s/python_full_version < '3.14' and //" \
    deploy/lock/cpu.txt > deploy/lock/cpu.txt.tmp
{
    echo "# The CPU set-up: every package but torch, for Linux (x86_64, aarch64; with vLLM) and"
    echo "# macOS (arm64; without), Python 3.11 to 3.13. Made by deploy/lock/compile.sh."
    cat deploy/lock/cpu.txt.tmp
} > deploy/lock/cpu.txt
rm deploy/lock/cpu.txt.tmp
