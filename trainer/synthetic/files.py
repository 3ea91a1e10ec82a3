"""Source files to make tasks of: the standard library, and a corpus of public repositories.

Reads files and nothing else. Does not know tasks.
"""

import gzip
import json
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path

from trainer.languages import language_called
from trainer.reserved import is_reserved
from trainer.synthetic.source import SourceFile, usable

LIBRARY = "python/cpython"
"""The repository under which the standard library's modules go."""
_LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test"})
_LANGUAGES = ("c", "cpp", "csharp", "go", "java", "javascript", "kotlin", "php", "python", "rust",
              "typescript")  # fmt: skip
"""Those whose edits are made; JSX counts as the language it is written in."""


def standard_library(*, reserved: bool = False, root: Path | None = None) -> Iterator[SourceFile]:
    """Yield the running interpreter's modules, in order, tests left out.

    Args:
        reserved: yield those that are kept out of training, and only those.
        root: folder of the library; by default the running interpreter's.
    """
    folder = root or Path(sysconfig.get_paths()["stdlib"])
    for file in sorted(folder.rglob("*.py")):
        relative = file.relative_to(folder)
        if _LEFT_OUT & set(relative.parts) or is_reserved(relative.as_posix()) != reserved:
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if usable(text):
            yield SourceFile(LIBRARY, relative.as_posix(), "python", text)


def corpus(path: Path, *, leave_out: Collection[str] = ()) -> Iterator[SourceFile]:
    """Yield the files of a gzipped JSONL whose rows have `repo`, `language`, `path`, `text`.

    Args:
        leave_out: repositories of which nothing is wanted.
    """
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            language = language_called(row["language"] or "", path="")
            text = row["text"].replace("\r\n", "\n")
            if language in _LANGUAGES and row["repo"] not in leave_out and usable(text):
                yield SourceFile(row["repo"], row["path"], language, text)
