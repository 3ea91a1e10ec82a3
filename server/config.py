"""The gateway's settings: one typed tree, every default in one place.

Knows names, defaults and invariants. Does not know where values come from (that is
`feedback_store.settings`) nor what is done with them.
"""

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pathspec import GitIgnoreSpec
from pydantic import Field, field_validator, model_validator

from feedback_store.config import DataSettings, QuerySettings, RetentionSettings, StoreSettings
from feedback_store.events import FeedbackLevel, Scope
from feedback_store.settings import Section, Settings

EMBEDDED_MODELS = Path(__file__).parent / "models"


def is_loopback(host: str) -> bool:
    """Whether an address to bind is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Device(StrEnum):
    """What vLLM computes on."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class ListenSettings(Section):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    """Address to bind. Without API keys only loopback addresses are accepted."""
    port: int = Field(default=8765, ge=0, le=65535)
    """TCP port; 0 takes a free one and prints it."""
    socket: Path | None = None
    """Unix socket to listen on instead of host and port."""
    socket_mode: Literal["600", "660", "666"] = "600"
    """Who may connect to it: its owner, the group too, or all. Without API keys 600 alone."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names that requests may be addressed to, besides localhost and the address that they
    arrive at; empty on an address that other machines reach means any: there keys protect."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0)
    """Larger request bodies are refused with 413."""
    head_timeout_s: float = Field(default=10.0, gt=0)
    """Request heads that take longer to arrive are refused with 408."""
    body_timeout_s: float = Field(default=20.0, gt=0)
    """Request bodies that take longer to arrive are refused with 408."""
    tls_cert: Path | None = None
    """Certificate chain (PEM) to serve https with; listen.tls_key is its key."""
    tls_key: Path | None = None
    """The certificate's private key (PEM)."""
    drain_s: float = Field(default=10.0, ge=0)
    """On SIGTERM, how long requests in flight may still take, in seconds."""

    def reaches_others(self) -> bool:
        """Whether somebody may connect whom neither this machine nor its files keep out."""
        if self.socket is not None:
            return self.socket_mode != "600"
        return not is_loopback(self.host)


class OidcSettings(Section):
    """Tokens of the company's own identity provider, beside API keys."""

    issuer: str = ""
    """The issuer of tokens, as in their `iss`; empty takes no tokens."""
    audience: str = "hone"
    """Whom tokens must be meant for, as in their `aud`."""
    jwks_url: str = ""
    """Where the issuer publishes its keys; the one host that the gateway asks for them."""
    jwks_file: Path | None = None
    """A file that holds the issuer's keys instead: then no host is asked."""
    team_claim: str = "team"
    """The claim that names the team."""
    scope_claim: str = "scope"
    """The claim that lists scopes: a text with blanks between them, or a list."""
    scope_prefix: str = ""
    """What stands before Hone's scopes there, such as `hone:`."""
    default_scopes: tuple[Scope, ...] = (Scope.SUGGEST, Scope.FEEDBACK)
    """Scopes of tokens that name none of Hone's there; empty lets only those in that do."""

    @model_validator(mode="after")
    def _issuer_needs_keys(self) -> "OidcSettings":
        if self.issuer and not (self.jwks_url or self.jwks_file):
            raise ValueError("oidc.issuer needs oidc.jwks_url or oidc.jwks_file")
        return self


class LimitSettings(Section):
    """What one credential may ask for, where there are credentials."""

    requests_per_s: float = Field(default=20.0, gt=0)
    """Requests a second, in the long run."""
    burst: int = Field(default=40, ge=1)
    """How many may come at once after a pause."""
    at_once: int = Field(default=16, ge=1)
    """How many may be under way at the same time."""


class EngineSettings(Section):
    """The vLLM behind the gateway."""

    managed: bool = True
    """Start and supervise vLLM; false uses the one at `url`."""
    url: str = ""
    """Address of an unmanaged vLLM, such as http://127.0.0.1:8000. On a CPU start it by running
    server/engine/vllm_main.py, which repairs what vLLM 0.32 gets wrong there."""
    replicas: tuple[str, ...] = ()
    """Addresses of further vLLMs that serve the same model and see the same folders: requests are
    spread over all, those of one session to the same one."""
    key: str = ""
    """API key of unmanaged vLLMs. Prefer the environment variable HONE_SERVER_ENGINE__KEY."""
    python: Path | None = None
    """Interpreter that can import vllm; by default the one that runs the gateway."""
    script: Path | None = None
    """Script that serves the engine's HTTP API; by default Hone's starter of vLLM."""
    profile: str = "hone-tiny"
    """Model profile: prompt format, budgets, LoRA targets. Also the base model's name."""
    model: Path | None = None
    """Folder of the base model; by default the embedded model of the profile."""
    device: Device = Device.AUTO
    """Where vLLM computes: auto looks for an NVIDIA device."""
    dtype: str = "auto"
    """auto: float32 on a CPU and what the model says on a GPU; else vLLM's names."""
    max_model_len: int = Field(default=0, ge=0)
    """Longest prompt and answer together, in tokens; 0 takes the profile's."""
    gpu_memory_share: float = Field(default=0.9, gt=0, le=1)
    """Share of a GPU's memory that vLLM takes; less leaves room for a trainer beside it."""
    kv_cache_mib: int = Field(default=1024, gt=0)
    """Memory of the KV cache on a CPU, in MiB."""
    max_loras: int = Field(default=4, ge=4)
    """Adapters in one batch: live, previous, candidate and rollout snapshot need 4."""
    max_cpu_loras: int = Field(default=8, ge=4)
    """Adapters kept in memory."""
    max_lora_rank: int = Field(default=0, ge=0)
    """Highest adapter rank; 0 takes the profile's."""
    speculate: bool = True
    """N-gram speculative decoding: drafts are copied from the prompt, as edits mostly are."""
    threads: int = Field(default=0, ge=0)
    """CPU threads for vLLM where it computes on a CPU; 0 takes every core."""
    extra_args: tuple[str, ...] = ()
    """Further arguments for vLLM, after all others."""
    start_timeout_s: float = Field(default=600.0, gt=0)
    """How long vLLM may take to answer after its start."""
    restart_backoff_s: float = Field(default=1.0, gt=0)
    """Wait before a dead vLLM's first restart; doubles to a minute, until one was up for one."""
    health_failures: int = Field(default=12, ge=1)
    """So many times in a row vLLM may leave the question for its health unanswered, up to 5 s each,
    before it counts as hung, is killed and started again."""
    stop_timeout_s: float = Field(default=15.0, ge=0)
    """How long vLLM may take to end before it is killed."""
    keep_on_exit: bool = False
    """Leave the managed vLLM running when the gateway ends; the next start adopts it."""

    @model_validator(mode="after")
    def _unmanaged_needs_url(self) -> "EngineSettings":
        if not self.managed and not self.url:
            raise ValueError("engine.managed is false: set engine.url to the address of your vLLM")
        return self


class SuggestSettings(Section):
    """How suggestions are made."""

    holdout_share: float = Field(default=0.03, ge=0, le=1)
    """Share of requests that are computed but not shown, as an unbiased sample."""
    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy."""
    max_deadline_ms: float = Field(default=10_000.0, gt=0)
    """A client's deadline counts up to this, in milliseconds."""
    max_in_flight: int = Field(default=64, gt=0)
    """More suggestions at once are refused as overloaded."""
    early_stop: bool = False
    """Hang up on the engine once an answer that repeats the whole region (format `region`) has made
    its change and only copies old text. It spares the rest, and costs a stream of chunks."""
    exclude_patterns: tuple[str, ...] = ()
    """Files of which nothing may be asked, as in .gitignore, whatever a client's settings allow."""
    scan_secrets: bool = True
    """Look for keys in all that clients send: code with one reaches neither model nor store."""

    @field_validator("exclude_patterns")
    @classmethod
    def _patterns_read(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        GitIgnoreSpec.from_lines(patterns)
        return patterns


class RolloutSettings(Section):
    """How the trainer's sampling is passed on."""

    prompts_in_flight: int = Field(default=16, gt=0)
    """Prompts of one request that vLLM works on at the same time."""
    requests: int = Field(default=4, gt=0)
    """Requests under way, of whichever trainer; more are told to come back."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Longest time for one prompt's samples."""
    priority: int = Field(default=10, gt=0)
    """vLLM priority; suggestions have 0, and lower goes first."""


class ObserveSettings(Section):
    """How the gateway can be watched, besides its page and /metrics."""

    log: Literal["text", "json"] = "text"
    """Form of the log on standard error."""
    traces: str = ""
    """Address of an OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318;
    empty sends no traces. vLLM's own spans need `--otlp-traces-endpoint` in engine.extra_args."""


class FeedbackSettings(Section):
    """What is recorded."""

    level: FeedbackLevel = FeedbackLevel.FULL
    """The most that is recorded: full, facts (no text, no token ids) or off."""


class CanarySettings(Section):
    """What a version that passed the gate has to show before everybody gets it."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of sessions that a new version answers at first; 0 lets it go live at once."""
    min_shown: int = Field(default=100, ge=10)
    """Suggestions on screen, of either version, before a canary goes live."""
    margin: float = Field(default=0.05, ge=0, lt=1)
    """How much lower the share of taken suggestions may look, at the 97.5 % bound of a look."""
    max_hours: float = Field(default=72.0, gt=0)
    """A canary of which too little is known after so long is refused."""


class WatchSettings(Section):
    """How versions in service are watched."""

    interval_s: float = Field(default=10.0, gt=0)
    """How often they are looked at."""
    rollback: bool = True
    """Take a live version out of service that does surely worse than the one before."""
    window_days: float = Field(default=14.0, gt=0)
    """How far back the version before is looked at."""


class ServerSettings(Settings):
    """Everything that `hone-server` can be told."""

    listen: ListenSettings = ListenSettings()
    """Where the gateway listens."""
    limits: LimitSettings = LimitSettings()
    """What one credential may ask for."""
    oidc: OidcSettings = OidcSettings()
    """Tokens of the company's own identity provider."""
    data: DataSettings = DataSettings()
    """Where the gateway keeps everything."""
    engine: EngineSettings = EngineSettings()
    """The vLLM behind the gateway."""
    suggest: SuggestSettings = SuggestSettings()
    """How suggestions are made."""
    rollouts: RolloutSettings = RolloutSettings()
    """How the trainer's sampling is passed on."""
    canary: CanarySettings = CanarySettings()
    """What a version that passed the gate has to show before everybody gets it."""
    watch: WatchSettings = WatchSettings()
    """How versions in service are watched."""
    feedback: FeedbackSettings = FeedbackSettings()
    """What is recorded."""
    observe: ObserveSettings = ObserveSettings()
    """How the gateway can be watched."""
    store: StoreSettings = StoreSettings()
    """The event log and the database."""
    retention: RetentionSettings = RetentionSettings()
    """How long what is kept, once `hone-store retain` is run."""
    query: QuerySettings = QuerySettings()
    """What one question of `hone-store query` may take."""

    def model_folder(self) -> Path:
        """Return the base model's folder."""
        return self.engine.model or EMBEDDED_MODELS / self.engine.profile

    def adapters_folder(self) -> Path:
        """Return where policy versions are published."""
        return self.data.folder / "adapters"

    def routes_file(self) -> Path:
        """Return where the routing table is kept."""
        return self.data.folder / "routes.json"

    def snapshots_folder(self) -> Path:
        """Return where rollout snapshots are published."""
        return self.data.folder / "snapshots"
