"""The worker's connection to the run store, and patience while it is away."""

import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Final, TypeVar
from uuid import UUID

from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.errors import BadInputError, NotFoundError, StoreUnavailableError, TenantAtlasError
from runstore.runs.reader import RunReader
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Progress, RunObservation, Source
from runstore.runs.status import ObservedState
from runstore.tenancy import PREFECT, TenantScope, Trigger

T = TypeVar("T")

_NOBODY: Final = UUID(int=0)
_log = logging.getLogger("tenantatlas.store")

VARIABLES = ("TENANTATLAS_WORKER_DATABASE_URL", "TENANTATLAS_DATABASE_URL")


def worker_store() -> Database:
    """This process's connections under the worker's role, opened at first use and again after a fork."""
    url = _address()
    if url is None:
        raise BadInputError("The worker does not know its database: set TENANTATLAS_DATABASE_URL to its address.")
    return _store(url)


def warm_up() -> None:
    """Makes a parent's forked children quick at their first statements; does nothing while the store is away."""
    if _address() is None:
        return
    store = worker_store()
    nobody = TenantScope(_NOBODY, "", PREFECT)
    try:
        with suppress(NotFoundError):
            Directory(store).for_flow("", Trigger.PREFECT)
        RunReader(store, nobody).find_by_flow_run(_NOBODY)
        RunReader(store, nobody).find(_NOBODY)
        recorder = Recorder(store, nobody)
        for state in ObservedState:
            recorder.observe(
                RunObservation(run_id=_NOBODY, attempt=1, state=state, source=Source.HOOK, at=datetime.now(UTC))
            )
        recorder.progress(Progress(_NOBODY, attempt=1, counts=Counts()))
    except TenantAtlasError as problem:
        _log.warning("The first flow runs begin more slowly: %s", problem)
    finally:
        store.dispose()


def _address() -> str | None:
    return next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)


@cache
def _store(url: str) -> Database:
    store = Database(url, DatabaseRole.WORKER, pool_size=3)
    # Two processes on one connection would read each other's answers.
    os.register_at_fork(after_in_child=partial(store.dispose, close=False))
    return store


def patiently(call: Callable[[], T], *, give_up_after: float) -> T:
    """What `call`, which may be made twice, answers; StoreUnavailableError when the store is away for longer."""
    deadline = time.monotonic() + give_up_after
    delay = 0.1
    while True:
        try:
            return call()
        except StoreUnavailableError:
            if time.monotonic() + delay > deadline:
                raise
            time.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, 5.0)
