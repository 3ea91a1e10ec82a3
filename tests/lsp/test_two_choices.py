"""Two windows that change the file of choices at the same time."""

from pathlib import Path
from threading import Thread

import pytest

from lsp.consent import Consent
from tests.lsp.test_consent import FACTS, FULL, OFF, URL, V, W


@pytest.mark.parametrize("act", ["tell", "choose"])
def test_two_windows_undo_nothing_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """One chooses while the other is between reading the file and writing it."""
    mine, other = (Consent(FULL, [folder], tmp_path, lambda: FULL) for folder in (W, V))
    choosing = Thread(target=lambda: other.choose(OFF))
    read = mine._read

    def read_and_dawdle() -> dict[str, object] | None:
        found = read()
        choosing.start()
        choosing.join(0.3)
        return found

    monkeypatch.setattr(mine, "_read", read_and_dawdle)
    if act == "tell":
        assert mine.news(URL)
    else:
        mine.choose(FACTS)
    choosing.join()
    assert Consent(FULL, [V], tmp_path, lambda: FULL).level == OFF
