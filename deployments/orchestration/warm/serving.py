"""Serves a work pool with a warm worker: looks for runs briskly, bears a Prefect server that is away, drains at the end."""

from __future__ import annotations

import logging
from uuid import UUID

import anyio

from deployments.orchestration.warm.parents import OutdatedWorkerError
from deployments.orchestration.warm.worker import WarmWorker
from deployments.services.prefect_worker import look_without_patience

DEFAULT_POLL_SECONDS = 0.3
LONGEST_BACKOFF_SECONDS = 5.0
HURRIED_POLL_SECONDS = 0.05
HURRY_SECONDS = 1.5

_logger = logging.getLogger("deployments.orchestration.warm")


class Serving:
    """The loops of one worker."""

    def __init__(self, worker: WarmWorker) -> None:
        self._worker = worker
        self._wake = anyio.Event()
        self._hurried_at = -HURRY_SECONDS

    def hurry(self) -> None:
        """Tells `serve` that there is work: it looks now, and often until it finds some, for a little while at most.

        Call it from the worker's own event loop, when Prefect was given a run. What clocks disagree about is made up for by
        looking again.
        """
        self._hurried_at = anyio.current_time()
        self._wake.set()

    async def serve(
        self,
        stop: anyio.Event,
        *,
        ready: anyio.Event | None = None,
        poll_seconds: float = DEFAULT_POLL_SECONDS,
        drain_seconds: float = 60,
    ) -> None:
        """Works until `stop` is set, then takes no more runs and gives those in flight `drain_seconds` to finish.

        A run still going after that is killed, and reported as crashed. A Prefect server that is away is asked again
        and again, at most five seconds apart, for as long as it takes. Raises OutdatedWorkerError, after draining too, when
        no run can be started any more because another version is installed: whoever starts the worker again starts that.
        """
        worker = self._worker
        look_without_patience(worker)
        async with worker:
            async with anyio.create_task_group() as group:
                group.start_soon(self.poll, poll_seconds)
                group.start_soon(self._heartbeat)
                group.start_soon(self._stop_when_outdated, stop)
                if ready is not None:
                    ready.set()
                await stop.wait()
                group.cancel_scope.cancel()
            with anyio.move_on_after(drain_seconds):
                while worker._submitting_flow_run_ids or worker.in_flight:  # pyright: ignore[reportPrivateUsage]
                    await anyio.sleep(0.05)
            worker.closed = True
            await self._kill_what_is_left(drain_seconds)
        if worker.parents.outdated.is_set():
            raise OutdatedWorkerError

    async def _kill_what_is_left(self, drain_seconds: float) -> None:
        processes, killed = self._worker.executors.processes, set[UUID]()
        # Until none is left: one may have been taken before the stop and have its process only now.
        while self._worker.in_flight:
            for run in set(processes.flow_run_ids()) - killed:
                _logger.warning("Flow run %s did not finish within %.0f seconds and is killed.", run, drain_seconds)
                await processes.kill(run, force=True)
                killed.add(run)
            await anyio.sleep(0.05)

    async def poll(self, seconds: float) -> None:
        """Looks for runs, for ever."""
        pause = seconds
        while True:
            self._wake, begun = anyio.Event(), anyio.current_time()
            try:
                found = await self._worker.get_and_submit_flow_runs()
                pause = seconds
                if found and self._hurried_at < begun:
                    # What was told of is found. Each further look costs Prefect's server time that the run needs to begin.
                    self._hurried_at = -HURRY_SECONDS
            except Exception as problem:
                # No answer, or one that is none of Prefect's: what stands before its server may have a word of its own.
                if pause <= seconds:
                    _logger.warning("The Prefect server does not answer (%s); asking again.", type(problem).__name__)
                pause = min(max(pause, seconds) * 2, LONGEST_BACKOFF_SECONDS)
            if anyio.current_time() < self._hurried_at + HURRY_SECONDS:
                pause = HURRIED_POLL_SECONDS
            with anyio.move_on_after(pause):
                await self._wake.wait()

    async def _heartbeat(self) -> None:
        worker = self._worker
        failing = False
        while True:
            # Until the first one, Prefect's worker takes no runs.
            synced = worker._has_successfully_synced  # pyright: ignore[reportPrivateUsage]
            await anyio.sleep(worker.heartbeat_interval_seconds if synced else 1)
            try:
                await worker._sync_and_initialize()  # pyright: ignore[reportPrivateUsage]
                failing = False
            except Exception as problem:
                if not failing:
                    _logger.warning("Prefect does not know of this worker now (%s).", type(problem).__name__)
                failing = True

    async def _stop_when_outdated(self, stop: anyio.Event) -> None:
        await self._worker.parents.outdated.wait()
        stop.set()
