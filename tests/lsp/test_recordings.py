"""The recordings of real editors are whole, and name nothing of the machine they were made on."""

import json
import re
from pathlib import Path

import pytest

from tests.lsp.recorder import Transcript, read

TRACES = sorted((Path(__file__).parent / "traces").glob("*.jsonl"))
CLASSES = {"accepted", "partially_accepted", "typed_through", "not_taken"}


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_recording_is_whole(path: Path) -> None:
    *entries, last = read(path)
    truth = last["truth"]
    text = "\n".join(json.dumps(entry) for entry in entries)
    assert set(truth.values()) <= CLASSES
    assert {"accepted", "typed_through", "not_taken"} <= set(truth.values())
    assert all(name in text for name in truth)
    assert [entry["t"] for entry in entries] == sorted(entry["t"] for entry in entries)
    assert entries[0]["message"]["method"] == "initialize"
    assert not re.findall(r"/(?:tmp|home|root|work)/", text)


def test_there_are_recordings() -> None:
    assert len(TRACES) >= 4


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    Transcript(path).write("client", {"method": "initialized"})
    with path.open("a") as file:
        file.write('{"t": 1.0, "fr')
    [entry] = read(path)
    assert (entry["from"], entry["message"]) == ("client", {"method": "initialized"})
