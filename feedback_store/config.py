"""The store's settings, and the settings tree of `hone-store`.

Knows names, defaults and units. Does not know where values come from (feedback_store.settings).
"""

from pathlib import Path

from pydantic import Field

from feedback_store.settings import Section, Settings, default_data_folder


class StoreSettings(Section):
    """How the store writes and when a suggestion is ready for a batch."""

    segment_mib: float = Field(default=64.0, gt=0)
    """Size in MiB at which a log segment is sealed and compressed."""
    group_wait_ms: float = Field(default=2.0, ge=0, le=5)
    """Under load, how long a commit waits for more events, in milliseconds; never when idle."""
    group_entries: int = Field(default=5000, ge=1)
    """About how many entries one commit takes at most."""
    waiting_entries: int = Field(default=100_000, ge=1)
    """How many entries may wait for the writer; more are refused as overload."""
    retry_s: float = Field(default=1.0, gt=0)
    """After a disk error, how often the store tries to recover, in seconds."""
    ready_after_h: float = Field(default=24.0, ge=0)
    """After how many hours a settled suggestion enters a batch without its last horizon."""
    remembered_suggestions: int = Field(default=200_000, ge=1)
    """How many recent suggestions are kept in memory to check feedback against."""
    threads: int = Field(default=2, ge=1)
    """Threads that DuckDB may use."""
    memory_limit_mib: int = Field(default=1024, ge=64)
    """Memory that DuckDB may use, in MiB."""


class DataSettings(Section):
    """Where everything lies."""

    folder: Path = Field(default_factory=default_data_folder)
    """The data folder: log, database, batches. One program owns it at a time."""


class StoreConfig(Settings):
    """Everything `hone-store` can be told."""

    data: DataSettings = DataSettings()
    store: StoreSettings = StoreSettings()
