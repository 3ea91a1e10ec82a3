"""How `hone-store` shows the answer of each command, and which exit code it means.

Knows answers as plain data. Does not know where they come from.
"""

import json
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]
Shown = tuple[str, int]


def show(command: str, answer: Answer, as_json: bool) -> Shown:
    """Return the text of a command's answer, and the exit code."""
    text, code = _SHOWN.get(command, _facts)(answer)
    return (json.dumps(answer, indent=2, default=str) if as_json else text), code


def _facts(answer: Answer) -> Shown:
    """Lay nested counts out as lines of `name value`, sections set off by their title."""
    lines: list[str] = []
    for name, value in answer.items():
        if isinstance(value, dict):
            lines.append(f"{name}" if value else f"{name:<28}{'-':>14}")
            lines += [f"  {key:<26}{_value(key, item):>14}" for key, item in value.items()]
        else:
            lines.append(f"{name:<28}{_value(name, value):>14}")
    return "\n".join(lines), 0


def _rows(answer: Answer) -> Shown:
    """Lay rows out in columns as wide as their widest value."""
    table = [list(answer["columns"]), *([str(one) for one in row] for row in answer["rows"])]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = [
        "  ".join(f"{one:<{w}}" for one, w in zip(line, widths, strict=True)) for line in table
    ]
    if answer["truncated"]:
        lines.append("... and more; ask for less, or raise --query.max-rows")
    return "\n".join(line.rstrip() for line in lines), 0


def _exported(answer: Answer) -> Shown:
    if answer["folder"] is None:
        return f"{answer['ready']} suggestions are ready, fewer than asked for: no batch made", 1
    return f"published {answer['folder']} with {answer['items']} suggestions", 0


def _rebuilt(answer: Answer) -> Shown:
    found = answer["differences"]
    if not found:
        return "rebuilt the database from the log", 0
    lines = [
        f"{one['table']}: {one['only_first']} rows only before, {one['only_second']} only rebuilt"
        for one in found
    ]
    return "\n".join([*lines, "the databases differ; the old one was kept"]), 1


def _checked(answer: Answer) -> Shown:
    lines = [f"ok     {line}" for line in answer["looked_at"]]
    lines += [f"WRONG  {line}" for line in answer["wrong"]]
    return "\n".join(lines), 1 if answer["wrong"] else 0


_SHOWN: dict[str, Callable[[Answer], Shown]] = {
    "query": _rows,
    "export": _exported,
    "rebuild": _rebuilt,
    "verify": _checked,
}


def _value(name: str, value: Any) -> str:
    if name.startswith("bytes"):
        return f"{value / (1 << 20):,.1f} MiB"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
