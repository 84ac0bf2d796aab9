"""Passes on, to an event loop, the database's news that a run was started."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio
import anyio.to_thread

from runstore.errors import TenantAtlasError
from runstore.listener import RunListener

WAIT_SECONDS = 1.0

_logger = logging.getLogger("deployments.start_hints")


async def hear_starts(url: str, heard: Callable[[], None]) -> None:
    """Calls `heard` whenever a run was started, until cancelled.

    Only a hint: without it, or while the database is away, whoever listens still polls. An address that cannot be used
    is logged once.
    """
    try:
        with RunListener(url) as listener:
            while True:
                if await anyio.to_thread.run_sync(listener.wait, WAIT_SECONDS, abandon_on_cancel=True):
                    heard()
    except TenantAtlasError as problem:
        _logger.warning("Starts are not heard, only polled for: %s", problem)
