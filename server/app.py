"""The FastAPI application around a gateway: its lifespan, middleware and routes.

Knows the order in which the parts start and end. Does not know what they do.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware

from feedback_store.operations import Operations
from feedback_store.store import Store
from server import __version__, errors
from server.audit import Audit
from server.auth import Door, KeyRing
from server.auth.oidc import Tokens
from server.base_model import base_of
from server.config import ServerSettings, is_loopback
from server.dashboard import Boards
from server.engine.flags import Machine, launch
from server.engine.supervisor import Engine, EngineFiles, ManagedEngine, RemoteEngine
from server.exclusions import Exclusions
from server.fleet import Fleet, Replica
from server.gateway import Gateway
from server.limits import Limits
from server.metrics import Metrics
from server.middleware import (
    LOOPBACK_NAMES,
    BodyLimit,
    KnownHost,
    RequestId,
    SafeHeaders,
    Unexpected,
)
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from server.queues import Queues
from server.reconciler import Flights, Reconciler
from server.registry import Registry
from server.routes import admin, editor, observe, openai, page, training
from server.routes import store as store_routes
from server.routes.entrance import Entrance
from server.status import Counters
from server.traces import Traces
from server.watcher import Watcher

logger = logging.getLogger(__name__)


def create_app(settings: ServerSettings, store: Store) -> FastAPI:
    """Return the application around an open store, which stays the caller's to close.

    Nothing starts before the application's lifespan does.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gateway = build(settings, store)
        app.state.gateway, app.state.counters = gateway, Counters(store)
        app.state.queues = Queues()
        operations = Operations(store, settings.retention, settings.query)
        app.state.operations = operations
        await gateway.exclusions.warm_up()
        resuming = asyncio.create_task(gateway.asks.run(operations.resume))
        running = asyncio.gather(gateway.fleet.run(), watcher_of(gateway).run())
        try:
            yield
        finally:
            await asyncio.gather(resuming, return_exceptions=True)
            await _finish(gateway, running)

    app = FastAPI(
        title="hone-server",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # the viewers load their scripts from another host
        redoc_url=None,
        responses=errors.RESPONSES,
        middleware=middleware(settings),
    )
    errors.install(app)
    for routes in (editor, openai, training, admin, store_routes, page, observe):
        app.include_router(routes.router)
    return app


def middleware(settings: ServerSettings) -> list[Middleware]:
    """Return what every request passes on its way to a route, outermost first."""
    listen = settings.listen
    return [
        Middleware(RequestId),
        Middleware(SafeHeaders, secure=listen.tls_cert is not None),
        Middleware(Unexpected),
        Middleware(KnownHost, hosts=known_hosts(settings)),
        Middleware(Entrance),
        Middleware(BodyLimit, listen.max_body_bytes, listen.body_timeout_s),
    ]


def build(settings: ServerSettings, store: Store) -> Gateway:
    """Put the gateway's parts together around an open store."""
    profile = profile_for(settings.engine.profile)
    base = base_of(settings, profile)
    folders = settings.adapters_folder(), settings.snapshots_folder()
    registry = Registry(store, *folders, settings.routes_file(), base)
    flights = Flights()
    return Gateway(
        settings=settings,
        profile=profile,
        store=store,
        fleet=build_fleet(settings, profile, registry, flights),
        registry=registry,
        flights=flights,
        door=build_door(settings),
        limits=Limits(settings.limits, time.monotonic),
        audit=Audit(settings.data.folder),
        metrics=Metrics(),
        traces=Traces(settings.observe.traces),
        boards=Boards(store),
        exclusions=Exclusions(settings.suggest),
    )


def build_door(settings: ServerSettings) -> Door:
    """Return what asks for credentials."""
    tokens = Tokens(settings.oidc) if settings.oidc.issuer else None
    may_open = not settings.listen.reaches_others()
    return Door(KeyRing(settings.data.folder), tokens, may_open=may_open)


def build_fleet(
    settings: ServerSettings, profile: ModelProfile, registry: Registry, flights: Flights
) -> Fleet:
    """Return the engines that the settings name, not yet started."""

    def replica(name: str, make: Callable[[Callable[[], None]], Engine]) -> Replica:
        # Engine and reconciler need each other: the engine tells when it came up.
        engine = make(lambda: reconciler.kick())
        reconciler = Reconciler(engine.client, registry.wanted, registry.known, flights)
        return Replica(name, engine, reconciler)

    asked = settings.engine
    if not asked.managed:
        addresses = dict.fromkeys((asked.url, *asked.replicas))
        return Fleet(
            [
                replica(url, lambda up, url=url: RemoteEngine(url, asked.key, up))
                for url in addresses
            ]
        )
    folder, model = settings.data.folder, settings.model_folder().resolve()
    command = launch(asked, profile, model, this_machine())
    files = EngineFiles(folder / "engine.json", folder / "engine.log")
    return Fleet([replica("managed", lambda up: ManagedEngine(asked, command, files, up))])


def watcher_of(gateway: Gateway) -> Watcher:
    """Return what watches the versions in service."""
    return Watcher(
        gateway.store,
        gateway.registry,
        gateway.fleet,
        gateway.settings.canary,
        gateway.settings.watch,
        gateway.profile.name,
    )


def this_machine() -> Machine:
    """Look at what the engine's command depends on."""
    openmp = Path(sys.prefix) / "lib" / "libiomp5.so"
    return Machine(
        python=Path(sys.executable),
        has_gpu=Path("/dev/nvidiactl").exists(),
        openmp=openmp if openmp.exists() else None,
        environ=os.environ,
        cores=_cores(),
    )


def _cores() -> int:
    """CPUs that this process may use; macOS cannot say, and has no limits to ask for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def known_hosts(settings: ServerSettings) -> frozenset[str]:
    """Return the host names that requests may name, besides the address that they arrive at; empty
    means any, where keys protect."""
    listen = settings.listen
    open_bind = listen.socket is not None or not is_loopback(listen.host)
    if open_bind and not listen.allowed_hosts:
        return frozenset()
    mine = {listen.host, *listen.allowed_hosts}
    return LOOPBACK_NAMES | {name.lower() for name in mine}


async def _finish(gateway: Gateway, running: "asyncio.Future[tuple[None, None]]") -> None:
    """End the loops, the threads and the engine; uvicorn has let the requests under way end."""
    running.cancel()
    # Whatever ended the loops, the engines and the traces are still to be ended.
    await asyncio.gather(running, return_exceptions=True)
    gateway.reads.shutdown(wait=False, cancel_futures=True)
    await gateway.fleet.stop()
    await asyncio.to_thread(gateway.traces.close)
    # The folder is let go of next: an erasure that goes on must be done by then.
    await asyncio.to_thread(gateway.asks.close)
