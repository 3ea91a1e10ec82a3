"""How many syntax errors a piece of code has, by language.

Knows tree-sitter and a table of grammars. Does not know rewards. A language that is not in the
table has no opinion (None), which is neither good nor bad.
"""

from collections.abc import Callable, Mapping

import tree_sitter
import tree_sitter_python

GRAMMARS: Mapping[str, Callable[[], object]] = {"python": tree_sitter_python.language}
"""LSP language identifier to the grammar's entry point. A new language is one line here."""


class Syntax:
    """Parses code with the grammars it knows; keeps one parser per language."""

    def __init__(self, grammars: Mapping[str, Callable[[], object]] = GRAMMARS) -> None:
        self._parsers = {
            name: tree_sitter.Parser(tree_sitter.Language(entry()))
            for name, entry in grammars.items()
        }

    def errors(self, language: str, code: str) -> int | None:
        """Return the number of error and missing nodes, or None for an unknown language."""
        parser = self._parsers.get(language)
        if parser is None:
            return None
        count, waiting = 0, [parser.parse(code.encode("utf-8", "surrogatepass")).root_node]
        while waiting:
            node = waiting.pop()
            if node.is_error or node.is_missing:
                count += 1
            if node.has_error:
                waiting.extend(node.children)
        return count
