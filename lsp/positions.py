"""Columns of LSP positions: code units of the negotiated encoding to code points and back.

Knows one line at a time. Does not know documents or lines' ends.
"""

from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]


def to_code_points(line: str, units: int, encoding: Encoding) -> int:
    """Return the index in `line` of the column `units`, clamped to the line.

    A column inside a character (half a surrogate pair) means that character's start.
    """
    units = max(units, 0)
    if encoding == "utf-32" or line.isascii():
        return min(units, len(line))
    seen = 0
    for index, char in enumerate(line):
        seen += _width(char, encoding)
        if seen > units:
            return index
    return len(line)


def from_code_points(line: str, index: int, encoding: Encoding) -> int:
    """Return the column, in code units of `encoding`, of the code point `index` of `line`."""
    if encoding == "utf-32" or line.isascii():
        return index
    return sum(_width(char, encoding) for char in line[:index])


def _width(char: str, encoding: Encoding) -> int:
    code = ord(char)
    if encoding == "utf-16":
        return 2 if code > 0xFFFF else 1
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
