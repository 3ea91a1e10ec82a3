"""Fixtures: a data folder, and stores opened in it that are closed again."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store.config import StoreSettings
from feedback_store.store import Store
from tests.feedback_store.watched import Crash

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


@pytest.fixture
def crashes_are_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash that the test itself made is no unhandled error."""
    usual = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, Crash):
            usual(args)

    monkeypatch.setattr(threading, "excepthook", hook)
