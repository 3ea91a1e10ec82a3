"""The level of feedback, from an editor to what a real gateway has on its disk."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.stack import SHORT_CLOCKS, environment
from tests.lsp.editor import Editor
from tests.server.samples import ANSWER
from tests.server.serving import gateway, settings_for, stand_in

MARKER = "quetzalcoatl"
CODE = (
    "def area(shape):\n    width = shape.width\n    height = shape.height\n"
    "    return width * height\n\n\ndef perimeter(shape):\n    return 2 * shape.edge\n"
)
TABLES = ("suggestions", "suggestion_content", "outcomes", "settlements", "settlement_content")
TOKENS = "prompt_token_ids IS NOT NULL OR output_token_ids IS NOT NULL"


def edit_once(editor: Editor) -> None:
    """Rename at one place, take the suggestion for the other, and wait until all is told."""
    editor.initialize()
    uri = editor.open("a.py", CODE)
    editor.change(uri, ((1, 4), (1, 9), MARKER))
    edit = editor.next_edit(uri, 3)
    assert edit
    editor.apply(uri, edit)
    assert editor.texts[uri].count(MARKER) > 1
    editor.command(edit["command"]["command"], *edit["command"]["arguments"])
    editor.wait_delivered()


def live(tmp_path: Path, level: str, **server: dict[str, Any]) -> dict[str, int]:
    """Let an editor work against a real gateway; the rows of each table afterwards."""
    (tmp_path / "workspace").mkdir()
    data = tmp_path / "data"
    with stand_in() as engine:
        engine.answer(text=ANSWER)
        with gateway(settings_for(data, engine.url, **server)) as client:
            more = SHORT_CLOCKS | {
                "HONE_LSP_GATEWAY__URL": str(client.base_url),
                "HONE_LSP_FEEDBACK__LEVEL": level,
            }
            editor = Editor(tmp_path / "workspace", environment(tmp_path / "home", **more))
            try:
                edit_once(editor)
            finally:
                editor.shutdown()
    with duckdb.connect(str(data / "store.duckdb"), read_only=True) as database:
        counts = {}
        for table in TABLES:
            found = database.execute(f"SELECT count(*) FROM {table}").fetchone()
            counts[table] = found[0] if found else 0
        tokens = f"SELECT count(*) FROM suggestion_content WHERE {TOKENS}"
        found = database.execute(tokens).fetchone()
        counts["tokens"] = found[0] if found else 0
    return counts


def holding(folder: Path) -> list[str]:
    """Return the files below a folder that hold the marker."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if MARKER.encode() in path.read_bytes()]


def test_full_keeps_text_and_tokens(tmp_path: Path) -> None:
    counts = live(tmp_path, "full")
    assert all(counts.values()), counts
    assert holding(tmp_path / "data")


@pytest.mark.parametrize(
    ("level", "server"),
    [("facts", {}), ("full", {"feedback": {"level": "facts"}})],
    ids=["by the user", "by the administrator"],
)
def test_facts_keep_no_text_and_no_tokens(
    tmp_path: Path, level: str, server: dict[str, Any]
) -> None:
    counts = live(tmp_path, level, **server)
    assert counts["suggestions"] == counts["outcomes"] == counts["settlements"] == 1
    assert counts["tokens"] == 0
    assert holding(tmp_path / "data") == []
    assert holding(tmp_path / "home") == []


def test_off_leaves_no_row(tmp_path: Path) -> None:
    counts = live(tmp_path, "off")
    assert json.dumps(counts) == json.dumps(dict.fromkeys(counts, 0))
    assert holding(tmp_path / "data") == []
    assert holding(tmp_path / "home") == []
