"""What Prefect's own workers need beside what they do, to be served as ours is: a server that may be away, retries that wait,
and a stop that drains.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse
    from prefect.workers.base import BaseWorker

SUBMISSION_SECONDS = 30.0
"""How long a stop waits for a run that was taken and has no process or container yet."""

ASK_SECONDS = 15.0
"""How long Prefect's server may take to say which runs are due."""

T = TypeVar("T")

_logger = logging.getLogger("deployments.worker")


class OneTry:
    """Blocks whose requests to Prefect are tried once."""

    def __init__(self) -> None:
        self._present: SettingsContext | None = None
        self._changed: SettingsContext | None = None

    @contextmanager
    def __call__(self) -> Generator[None]:
        """One such block. Not for what starts tasks: they would have the settings for good."""
        present = get_settings_context()
        if self._changed is None or present is not self._present:
            # Kept, because making them takes longer than the request.
            settings = present.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0})
            self._present, self._changed = present, SettingsContext(profile=present.profile, settings=settings)
        with self._changed.model_copy():
            yield


def without_ending(
    worker: BaseWorker[Any, Any, Any], found: Sequence[WorkerFlowRunResponse]
) -> list[WorkerFlowRunResponse]:
    """What was found, less the flow runs whose earlier attempt still holds a place: they are found again at the next look."""
    limiter = worker._limiter  # pyright: ignore[reportPrivateUsage]
    ending = set[Any](limiter.statistics().borrowers) if limiter else set[Any]()
    return [one for one in found if one.flow_run.id not in ending]


def look_without_patience(worker: BaseWorker[Any, Any, Any]) -> None:
    """Has each of the worker's looks ask once, for ASK_SECONDS at most: for one that is not ended by a look that fails.

    Prefect's client, once it was connected, sleeps up to half a minute between its tries, and as long as a proxy asks it to: the
    server may be back for as long, and whoever looks again anyhow does not hear of it.
    """
    ask = worker._get_scheduled_flow_runs  # pyright: ignore[reportPrivateUsage]
    one_try = OneTry()

    async def ask_once() -> list[WorkerFlowRunResponse]:
        with one_try(), anyio.fail_after(ASK_SECONDS):
            return await ask()

    worker._get_scheduled_flow_runs = ask_once  # pyright: ignore[reportPrivateUsage]


async def serve_until(stop: anyio.Event, worker: BaseWorker[Any, Any, Any], *, drain_seconds: float) -> None:
    """Runs one of Prefect's own workers until `stop` is set, and gives the runs it has under way `drain_seconds` to finish.

    By itself it takes a retry that comes while the earlier attempt's process still ends for a second run at the same place,
    an error that ends the worker and every run it serves: rare at a poll every ten seconds, not at ours. Twelve looks
    in a row that fail end it just so. And by itself it kills its runs the moment it is stopped.
    """
    submit = worker._submit_scheduled_flow_runs  # pyright: ignore[reportPrivateUsage]
    look = worker.get_and_submit_flow_runs

    async def submit_free(flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await submit(without_ending(worker, flow_run_response))

    async def look_unless_stopped() -> list[FlowRun]:
        return [] if stop.is_set() else await look()

    async def drain() -> None:
        await stop.wait()
        with anyio.move_on_after(SUBMISSION_SECONDS):
            # Cut off here, a run would be nobody's until a relay gives it up.
            while worker._submitting_flow_run_ids:  # pyright: ignore[reportPrivateUsage]
                await anyio.sleep(0.05)
        with anyio.move_on_after(drain_seconds):
            while (limiter := worker._limiter) and limiter.borrowed_tokens:  # pyright: ignore[reportPrivateUsage]
                await anyio.sleep(0.05)
            group.cancel_scope.cancel()
            return
        if drain_seconds:
            _logger.warning("The runs that did not finish within %.0f seconds are killed.", drain_seconds)
        group.cancel_scope.cancel()

    look_without_patience(worker)
    worker._submit_scheduled_flow_runs = submit_free  # pyright: ignore[reportPrivateUsage]
    worker.get_and_submit_flow_runs = _borne(look_unless_stopped, list)
    worker._sync_and_initialize = _borne(worker._sync_and_initialize, lambda: None)  # pyright: ignore[reportPrivateUsage]
    async with anyio.create_task_group() as group:
        group.start_soon(drain)
        await worker.start()
        group.cancel_scope.cancel()


def _borne(
    work: Callable[[], Coroutine[Any, Any, T]], otherwise: Callable[[], T]
) -> Callable[[], CoroutineType[Any, Any, T]]:
    """The work, which fails no more: the first failure of several in a row is logged."""
    failing = False

    async def attempt() -> T:
        nonlocal failing
        try:
            done = await work()
        except Exception as problem:
            if not failing:
                _logger.warning("The Prefect server does not answer (%s); asking again.", type(problem).__name__)
            failing = True
            return otherwise()
        failing = False
        return done

    return attempt
