"""Passes on, to an event loop, the database's news that Prefect was given a run."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio
import anyio.to_thread

from runstore.errors import TenantAtlasError
from runstore.listener import RunListener
from runstore.runs.outbox import HANDED_OVER

WAIT_SECONDS = 1.0

_logger = logging.getLogger("deployments.services.start_hints")


async def hear_hand_overs(url: str, heard: Callable[[], None]) -> None:
    """Calls `heard` whenever Prefect was given a run, until cancelled.

    Only a hint: without it, or while the database is away, whoever listens still polls. An address that cannot be used
    is logged once.
    """
    try:
        with RunListener(url, HANDED_OVER) as listener:
            while True:
                if await anyio.to_thread.run_sync(listener.wait, WAIT_SECONDS, abandon_on_cancel=True):
                    heard()
    except TenantAtlasError as problem:
        _logger.warning("Hand-overs are not heard, only polled for: %s", problem)
