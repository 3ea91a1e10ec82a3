"""An instruction and the lines that it is about.

Knows ranges and comments. Does not know what is done with an instruction.
"""

import re
from collections.abc import Sequence

from lsp.context import Region
from lsp.document import Position

_WRITTEN = re.compile(r"\bhone:\s*(\S.*?)\s*(?:\*/|-->|--%>|\*\))?\s*$", re.IGNORECASE)
"""In a comment, whatever the language calls one."""


def selected_lines(start: Position, end: Position, count: int) -> Region:
    """Return the lines that a selection touches, of `count`. A selection that ends before the
    first character of a line does not touch that line."""
    last = end[0] if end[1] == 0 and end[0] > start[0] else end[0] + 1
    first = min(start[0], count - 1)
    return Region(first, max(first + 1, min(last, count)))


def written_instruction(lines: Sequence[str]) -> str | None:
    """Return the instruction that a comment among the lines gives: `# hone: sort by name`.

    So an editor that cannot ask its user for a line of text can still pass one on.
    """
    found = (_WRITTEN.search(line.rstrip()) for line in lines)
    return next((match[1] for match in found if match), None)
