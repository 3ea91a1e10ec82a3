"""Fixtures: a data folder, and stores opened in it that are closed again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store.config import StoreSettings
from feedback_store.store import Store

OpenStore = Callable[..., Store]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_store(folder: Path) -> Iterator[OpenStore]:
    """Open the store in `folder`; whatever is open at the end is closed."""
    opened: list[Store] = []

    def open_it(settings: StoreSettings | None = None, **how: Any) -> Store:
        store = Store.open(folder, settings or StoreSettings(retry_s=0.05, threads=1), **how)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()
