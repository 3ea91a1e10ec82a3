"""The set-ups that deploy/docs/editors.md tells people to paste, so that the tests use the same.

Knows where blocks begin and end. Does not know any editor's language.
"""

import re

from tests.e2e.stack import ROOT

PAGE = ROOT / "deploy" / "docs" / "editors.md"
_BLOCK = re.compile(r"^```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def block(mark: str, *changes: tuple[str, str]) -> str:
    """Return the one block with `mark` in it, with parts of it put in other words."""
    [found] = [text for text in _BLOCK.findall(PAGE.read_text("utf-8")) if mark in text]
    for old, new in changes:
        assert old in found, f"{old!r} is not in the block of {mark!r}"
        found = found.replace(old, new)
    return found
