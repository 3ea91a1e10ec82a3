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
    fold_mib: float = Field(default=16.0, gt=0)
    """Size in MiB at which DuckDB's write-ahead log is folded into the file, beside commits."""
    threads: int = Field(default=2, ge=1)
    """Threads that DuckDB may use."""
    memory_limit_mib: int = Field(default=768, ge=64)
    """Memory that DuckDB may use, in MiB."""


class RetentionSettings(Section):
    """How long what is kept, in days; 0 keeps it for good. `hone-store retain` sees to it."""

    prompts_days: float = Field(default=90.0, ge=0)
    """Prompts, answers and their tokens: the code that suggestions were made from."""
    settled_days: float = Field(default=90.0, ge=0)
    """The texts that users ended up with."""
    facts_days: float = Field(default=730.0, ge=0)
    """Outcomes, times and counts; they hold no text."""
    batches_days: float = Field(default=90.0, ge=0)
    """Exported batches, and the answers that training runs sampled for them."""
    backups_days: float = Field(default=30.0, ge=0)
    """Backups that `hone-store backup` took, and copies made before a change of schema."""


class GatewaySettings(Section):
    """The gateway to ask while it owns the data folder."""

    url: str = "http://127.0.0.1:8765"
    """Address of the gateway."""
    socket: Path | None = None
    """Unix socket of the gateway, instead of host and port."""
    key: str = ""
    """A key with the scope `admin`. Prefer the environment variable HONE_STORE_GATEWAY__KEY."""
    timeout_s: float = Field(default=3600.0, gt=0)
    """How long to wait for an answer, in seconds: rewriting a large log takes minutes."""


class QuerySettings(Section):
    """What one question may take."""

    max_rows: int = Field(default=1000, ge=1)
    """Rows that an answer has at most; what is beyond is cut off, and the answer says so."""
    timeout_s: float = Field(default=30.0, gt=0)
    """After how long a question is interrupted, in seconds."""


class DataSettings(Section):
    """Where everything lies."""

    folder: Path = Field(default_factory=default_data_folder)
    """The data folder: log, database, batches. One program owns it at a time."""


class StoreConfig(Settings):
    """Everything `hone-store` can be told."""

    data: DataSettings = DataSettings()
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    query: QuerySettings = QuerySettings()
    gateway: GatewaySettings = GatewaySettings()
