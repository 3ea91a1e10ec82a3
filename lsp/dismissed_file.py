"""What was dismissed, as it is kept for later runs: hashes in the user's state folder.

Never a text, and nothing at all where nothing may be recorded. All workspaces and windows share
the file; one that writes it at the same moment as another may lose the other's newest. Knows
files and levels. Does not know what is hashed.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from feedback_store.events import FeedbackLevel
from lsp.files import replace_file

FILE = "dismissed.json"
KEPT = 100
"""Edits, of all workspaces."""
log = logging.getLogger(__name__)


class DismissedFile:
    """The file, whether or not it is there."""

    def __init__(self, folder: Path, level: Callable[[], FeedbackLevel]) -> None:
        self._path = folder / FILE
        self._level = level

    def known(self) -> set[str]:
        """Return the hashes of everything that was dismissed lately."""
        return {one for edit in self._read() for one in edit}

    def add(self, hashes: list[str]) -> None:
        """Remember one edit; where that cannot be written, it holds for this run."""
        if self._level() == FeedbackLevel.OFF:
            return
        kept = [edit for edit in self._read() if edit != hashes][1 - KEPT :]
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, json.dumps([*kept, hashes]).encode())
        except OSError as error:
            log.warning("what was dismissed cannot be kept: %s", error)

    def _read(self) -> list[list[str]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            log.warning("what was dismissed in earlier runs cannot be read: %s", error)
            return []
        return found if _fits(found) else []


def _fits(found: object) -> bool:
    edits = found if isinstance(found, list) else [found]
    return all(isinstance(edit, list) and all(isinstance(n, str) for n in edit) for edit in edits)
