"""Whatever is sent: no crash, no hang, no wrong document.

A real `hone-lsp` gets valid, odd and malformed messages. After each run of them it must answer,
every request must have had its answer, and its documents must be those of the model.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.lsp.conftest import user
from tests.lsp.editor import Editor
from tests.lsp.fuzz_run import Run, runs
from tests.lsp.standin import StandIn

ENCODINGS = ("utf-8", "utf-16", "utf-32")
RUNS, MANY_RUNS = 84, 1667
"""Together 5,000 messages in the three encodings, and 100,000."""
FUZZING = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # What a process has been told cannot be taken back, so there is nothing to shrink.
    phases=[Phase.generate],
    database=None,
)

Start = Callable[[str], Editor]


@pytest.fixture(scope="module")
def started(standin: StandIn, house: Path) -> Iterator[Start]:
    """Return an editor for each encoding, started when it is first asked for."""
    editors: dict[str, Editor] = {}

    def start(encoding: str) -> Editor:
        if encoding not in editors:
            environ = user(standin, house) | {"HONE_LSP_SUGGEST__AHEAD": "true"}
            editor = editors[encoding] = Editor(house / "workspace", environ)
            capabilities = {"general": {"positionEncodings": [encoding]}}
            answer = editor.initialize(capabilities=capabilities)
            assert answer["capabilities"]["positionEncoding"] == encoding
        return editors[encoding]

    yield start
    for editor in editors.values():
        editor.shutdown()


def _fuzz(editor: Editor, gateway: StandIn, encoding: str, many: int) -> None:
    count = itertools.count()

    @settings(FUZZING, max_examples=many)
    @given(st.data())
    def scene(data: st.DataObject) -> None:
        run = Run(editor, gateway, encoding)
        try:
            data.draw(runs(run))
            run.end()
        finally:
            run.clean()
        next(count)

    scene()
    assert next(count) >= many


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_five_thousand_messages(started: Start, gateway: StandIn, encoding: str) -> None:
    _fuzz(started(encoding), gateway, encoding, RUNS)


@pytest.mark.long
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_hundred_thousand_messages(started: Start, gateway: StandIn, encoding: str) -> None:
    _fuzz(started(encoding), gateway, encoding, MANY_RUNS)
