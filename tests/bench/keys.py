"""How often the scan for keys silences code that holds none worth the name, and how long it takes.

    python -m tests.bench.keys [EDITS.jsonl.gz ...]

Looks at the standard library without its tests, in windows as large as what is sent, and at real
edits: the share of regions in which a line is held back, of those where it is in the code around
(12 lines before, 6 after), and of histories. Prints the lines, so that a person can judge them.
"""

import gzip
import json
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store.detector import holds_key

WINDOW = 28
BEFORE, AFTER = 12, 6
SHOWN = 30


def main() -> None:
    """Print the figures."""
    holds_key("the first line also imports")
    library()
    for name in sys.argv[1:]:
        edits(Path(name))


def library() -> None:
    """Look at the standard library."""
    root = Path(sysconfig.get_paths()["stdlib"])
    tests = {"test", "tests", "idlelib", "site-packages", "dist-packages"}
    files = [path for path in root.rglob("*.py") if not tests & set(path.parts)]
    lines = [line for path in files for line in path.read_text("utf-8", "replace").split("\n")]
    begun = time.perf_counter()
    held = [holds_key(line) for line in lines]
    each_us = 1e6 * (time.perf_counter() - begun) / len(lines)
    windows = [any(held[at : at + WINDOW]) for at in range(0, len(held), WINDOW)]
    print(f"standard library: {len(lines)} lines, {each_us:.1f} us each")
    print(f"  windows of {WINDOW} lines silenced: {_share(windows)}")
    _show(line for line, bad in zip(lines, held, strict=True) if bad)


def edits(path: Path) -> None:
    """Look at mined edits."""
    regions: list[bool] = []
    around: list[bool] = []
    histories: list[bool] = []
    found: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for edit in map(json.loads, file):
            region, context = edit["region_before"].split("\n"), _context(edit)
            past = [line[1:] for one in edit["history"] for line in one["diff"].split("\n")]
            regions.append(any(map(holds_key, region)))
            around.append(any(map(holds_key, context)))
            histories.append(any(map(holds_key, past)))
            found += filter(holds_key, context)
    print(f"{path.name}: {len(regions)} regions")
    print(f"  silenced by the region: {_share(regions)}, by region and context: {_share(around)}")
    print(f"  histories with something left out: {_share(histories)}")
    _show(iter(found))


def _context(edit: dict[str, Any]) -> list[str]:
    lines = edit["before"].split("\n")
    first = edit["region_start_line"] - edit["before_first_line"]
    last = edit["region_end_line"] - edit["before_first_line"]
    return edit["region_before"].split("\n") + lines[max(0, first - BEFORE) : last + AFTER]


def _share(verdicts: list[bool]) -> str:
    return f"{sum(verdicts)}/{len(verdicts)} = {100 * sum(verdicts) / len(verdicts):.2f} %"


def _show(lines: Iterator[str]) -> None:
    for line in list(dict.fromkeys(lines))[:SHOWN]:
        print(f"    {line.strip()[:120]}")


if __name__ == "__main__":
    main()
