"""`tenantatlas worker`: serves a work pool, with the worker its type asks for, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx
from anyio.abc import TaskGroup
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings, temporary_settings
from prefect.workers.base import BaseWorker

from deployments.local.readiness import announce_ready
from deployments.orchestration.deploy import await_server
from deployments.orchestration.prefect_address import one_authority_file
from deployments.orchestration.prefect_errors import PrefectUnavailableError
from deployments.orchestration.warm.fork_client import WarmParentError
from deployments.orchestration.warm.serving import Serving
from deployments.orchestration.warm.worker import WORKER_TYPE, WarmWorker
from deployments.services.prefect_worker import serve_until
from deployments.services.start_hints import hear_hand_overs
from deployments.services.worker_health import asks_prefect, health_served
from deployments.settings import Settings
from deployments.store_access import configured_url, producer_migrations
from deployments.version import installed_version
from flows._tracking.log_scrubbing import install
from runstore.errors import BadInputError, StoreError, UnavailableError
from runstore.schema_check import verify_schema

if TYPE_CHECKING:
    from prefect.settings.context import SettingKey

# Pools whose flow runs are processes of the worker's own machine.
HERE = frozenset({WORKER_TYPE, "process"})

_logger = logging.getLogger("deployments.worker")


def serve(settings: Settings, *, name: str | None, pool: str | None) -> None:
    """Returns after a stop was asked for (SIGTERM, SIGINT) and the runs in flight have ended.

    Waits for Prefect's server and for the work pool to exist, however long that takes. A pool of our own type is served
    by the warm worker; any other by Prefect's worker of that type, polling as briskly. Raises BadInputError for a pool
    type this installation has no worker for.
    """
    if settings.prefect_api_url is None:
        raise PrefectUnavailableError("The worker does not know Prefect's server: set PREFECT_API_URL to its address.")
    worker_url(settings)
    install()
    asyncio.run(_serve(settings, full_name(name), pool or settings.work_pool))


def worker_url(settings: Settings) -> str:
    """The address the worker and its flows log in at: its own, or the one all share. BadInputError when there is none."""
    own = settings.worker_database_url
    url = own.get_secret_value() if own is not None else configured_url(settings)
    if url is None:
        raise BadInputError(
            "The worker does not know its database: set TENANTATLAS_DATABASE_URL to its address, or start everything "
            "with `tenantatlas up`."
        )
    return url


def full_name(name: str | None) -> str:
    """The name with the version behind it, so that `status` can tell old workers; by default, where the worker runs."""
    return f"{name or f'{socket.gethostname()}-{os.getpid()}'}@{installed_version()}"


async def _serve(settings: Settings, name: str, pool_name: str) -> None:
    stop = anyio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving: list[BaseWorker[Any, Any, Any]] = []
    async with health_served(settings, lambda: any(map(asks_prefect, serving))):
        pool = await _found_pool(settings, pool_name, stop)
        if pool is None:
            return
        serving.append(worker := _worker_for(pool, settings, name))
        if isinstance(worker, WarmWorker):
            await _serve_warm(worker, settings, stop)
            return
        with settings_for_jobs(pool.type, settings):
            async with _cancelled_by(None) as beside:
                beside.start_soon(_announce_when_polling, worker)
                # Runs that are no children of the worker go on without it.
                drain = settings.worker_drain_seconds if pool.type == "process" else 0
                await serve_until(stop, worker, drain_seconds=drain)


@contextmanager
def settings_for_jobs(pool_type: str, settings: Settings) -> Generator[None]:
    """The block has Prefect's settings as its worker and flow runs of that type can use them: a worker gives all to each run.

    It polls as often as ours, unless `PREFECT_WORKER_QUERY_SECONDS` says otherwise. A container has none of this machine's
    files, and a flow run told of our file of one authority would end at its first client. A file that somebody named on
    purpose is theirs, and stays.
    """
    present = get_current_settings()
    changed: dict[SettingKey, Any] = {}
    if "query_seconds" not in present.worker.model_fields_set:
        changed["worker.query_seconds"] = settings.worker_poll_seconds
    if pool_type not in HERE and present.api.ssl_cert_file == str(one_authority_file(settings.home)):
        changed["api.ssl_cert_file"] = None
    with temporary_settings(changed):
        yield


async def _found_pool(settings: Settings, pool_name: str, stop: anyio.Event) -> WorkPool | None:
    """The pool, once it and the schema are there; None if told to stop before."""
    found: list[WorkPool] = []
    async with _cancelled_by(stop):
        await _await_schema(worker_url(settings))
        found.append(await _await_pool(pool_name))
    return found[0] if found else None


async def _serve_warm(worker: WarmWorker, settings: Settings, stop: anyio.Event) -> None:
    ready = anyio.Event()
    serving = Serving(worker)
    ended: list[WarmParentError] = []
    async with _cancelled_by(None) as beside:
        beside.start_soon(_announce, ready)
        beside.start_soon(hear_hand_overs, worker_url(settings), serving.hurry)
        try:
            await serving.serve(
                stop,
                ready=ready,
                poll_seconds=settings.worker_poll_seconds,
                drain_seconds=settings.worker_drain_seconds,
            )
        except WarmParentError as problem:
            # Raised behind the block, which would make a group of it.
            ended.append(problem)
    if ended:
        raise ended[0]


@asynccontextmanager
async def _cancelled_by(stop: anyio.Event | None) -> AsyncGenerator[TaskGroup]:
    """A block, and tasks beside it, that end together: when the block does, or as soon as `stop` is set."""
    async with anyio.create_task_group() as group:

        async def cancel() -> None:
            if stop is not None:
                await stop.wait()
                group.cancel_scope.cancel()

        group.start_soon(cancel)
        yield group
        group.cancel_scope.cancel()


def _worker_for(pool: WorkPool, settings: Settings, name: str) -> BaseWorker[Any, Any, Any]:
    kind = BaseWorker.get_worker_class_from_type(pool.type)
    if kind is None:
        raise BadInputError(
            f"The work pool {pool.name!r} is of type {pool.type!r}, and this installation has no worker for that. "
            "Install the Prefect package that brings it, or name another pool with --pool."
        )
    return kind(work_pool_name=pool.name, name=name, limit=settings.worker_limit, prefetch_seconds=0)


async def _await_pool(name: str) -> WorkPool:
    async with get_client() as client:
        await await_server(client, None)
        while True:
            with suppress(ObjectNotFound, httpx.HTTPError):
                return await client.read_work_pool(name)
            await anyio.sleep(0.2)


async def _await_schema(url: str) -> None:
    """Returns once the schema is as new as this version: runs wait better in the queue than they fail on it."""
    said = ""
    while True:
        try:
            await anyio.to_thread.run_sync(verify_schema, url, producer_migrations(), abandon_on_cancel=True)
            return
        except (UnavailableError, StoreError) as problem:
            if str(problem) != said:
                _logger.warning("No run is taken for now: %s", said := str(problem))
            await anyio.sleep(1)


async def _announce(ready: anyio.Event) -> None:
    await ready.wait()
    announce_ready()


async def _announce_when_polling(worker: BaseWorker[Any, Any, Any]) -> None:
    while worker.backend_id is None and not worker.is_setup:
        await anyio.sleep(0.1)
    announce_ready()
