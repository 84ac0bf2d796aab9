"""A warm worker as a process of its own, for a test's Prefect double: impatient, and with children that run a script."""

from __future__ import annotations

import asyncio
import signal

import anyio

from deployments.orchestration.warm import cancellation, executors, parents, steady_worker
from deployments.orchestration.warm.parents import OutdatedWorkerError, Parents
from deployments.orchestration.warm.serving import Serving
from deployments.orchestration.warm.worker import WarmWorker
from tests.support.script_parent import ScriptParent

LIMIT = 2
OUTDATED = 7
"""The exit code of a worker that is to be started again as the version that is installed."""


async def serve() -> None:
    """Serves until told to stop."""
    worker = WarmWorker(work_pool_name="tried", name="ours", limit=LIMIT, prefetch_seconds=0)
    worker.parents = Parents(ScriptParent.start)
    stop = anyio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Serving(worker).serve(stop, poll_seconds=0.1)


def main() -> None:
    """The process."""
    for module in (executors, steady_worker):
        module.TRY_AGAIN_SECONDS = 0.3
    steady_worker.OFFER_AGAIN_SECONDS = 0.5
    cancellation.LONGEST_PAUSE_SECONDS = 0.5
    parents.CHECK_SECONDS = 0.1
    try:
        asyncio.run(serve())
    except OutdatedWorkerError:
        raise SystemExit(OUTDATED) from None


if __name__ == "__main__":
    main()
