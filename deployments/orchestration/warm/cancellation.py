"""Hears of flow runs that are to be cancelled, for as long as a worker lives."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client.orchestration import get_client
from prefect.events.clients import get_events_subscriber

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class LastingObserver(FlowRunCancellingObserver):
    """Prefect's observer, which outlives a Prefect server that is away.

    Prefect's listens until its events end, asks every ten seconds from then on, and gives up after three questions without
    an answer, or at once when the events end in order: enough for an observer that lives as long as one run. A worker's
    lives for weeks. This one listens again, and asks whenever it begins or ceases to listen, so that nothing asked for
    meanwhile is missed. One of these for all of a worker's runs also spares each of them two connections to the server,
    0.17 s of a start.
    """

    async def __aenter__(self) -> Self:
        """Listens until left; the server need not be there yet."""
        self._resources = AsyncExitStack()
        self._client = await self._resources.enter_async_context(get_client())
        self._consumer_task = asyncio.create_task(self._observe())
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """Ends listening."""
        if self._consumer_task is not None:
            self._consumer_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._consumer_task
        await self._resources.__aexit__(*exc_info)

    async def _observe(self) -> None:
        pause, said = FIRST_PAUSE_SECONDS, False
        while True:
            try:
                async with get_events_subscriber(filter=self._event_filter, reconnection_attempts=0) as events:
                    self._events_subscriber = events
                    await self._ask()
                    pause, said = FIRST_PAUSE_SECONDS, False
                    await self._consume_events()
            except Exception as problem:
                if not said:
                    self.logger.warning(
                        "Prefect's events are not heard (%s); asking for cancelled runs until they are.",
                        type(problem).__name__,
                    )
                said = True
            # Where no event ever comes through, asking is all there is.
            with suppress(Exception):
                await self._ask()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _ask(self) -> None:
        if self._in_flight_flow_run_ids:
            await self._check_for_cancelled_flow_runs()
