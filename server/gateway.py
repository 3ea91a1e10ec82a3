"""The running gateway: its parts, put together once and handed to every route.

Knows which parts there are and how they start and end. Does not know HTTP.
"""

import asyncio
import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from feedback_store.store import Store
from server.audit import Audit
from server.auth import Door
from server.config import ServerSettings
from server.dashboard import Boards
from server.exclusions import Exclusions
from server.fleet import Fleet
from server.limits import Limits, Room
from server.metrics import Metrics
from server.pool import Pool
from server.prompts.profile import ModelProfile
from server.reconciler import Flights
from server.registry import Registry
from server.routing import Asker, choose
from server.traces import Traces

Result = TypeVar("Result")
ASKS_AT_ONCE = 4
ASKS_WAITING = 12
ROLLOUTS_AGAIN_S = 5.0
"""When a trainer may ask again that found no room."""


@dataclass
class Gateway:
    """Everything a route may need."""

    settings: ServerSettings
    profile: ModelProfile
    store: Store
    fleet: Fleet
    registry: Registry
    flights: Flights
    door: Door
    limits: Limits
    audit: Audit
    metrics: Metrics
    traces: Traces
    boards: Boards
    exclusions: Exclusions
    draw: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)
    """A number from 0 to 1 for each suggestion; below the holdout share it is held out."""
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    reads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "hone-reads"))
    """Where the store is asked for figures: never in the threads that editors wait for."""
    asks: Pool = field(default_factory=lambda: Pool("hone-asks", ASKS_AT_ONCE, ASKS_WAITING))
    """Where what `hone-store` asks is done: a question may take half a minute, a rebuild more."""
    rollout_room: Room = field(init=False)
    """Place for the trainers' requests, each of which is hundreds of answers."""
    in_flight: int = 0
    """Suggestions and completions being made right now."""

    def __post_init__(self) -> None:
        places = self.settings.rollouts.requests
        self.rollout_room = Room(places, "requests for rollouts", ROLLOUTS_AGAIN_S)

    async def read(self, call: Callable[..., Result], *given: Any) -> Result:
        """Return what a call that asks the store or the disk returns."""
        return await asyncio.get_running_loop().run_in_executor(self.reads, call, *given)

    def policy_name(self) -> str:
        """Return the name that answers editors now: the live version or the base model."""
        return self.registry.book.live or self.profile.name

    def policy_for(self, asker: Asker) -> str:
        """Return the name that answers this request: its team's or language's own version, the
        canary's if its session was drawn, else as everybody."""
        held = self.fleet.loaded
        share = self.settings.canary.share
        chosen = choose(self.registry.table, self.registry.book, share, asker, held)
        return chosen or self.profile.name
