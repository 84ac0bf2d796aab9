"""The worker's connection to the run store, and patience while it is away."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from runstore.database import Database, DatabaseRole
from runstore.errors import BadInputError, StoreUnavailableError

T = TypeVar("T")

VARIABLES = ("TENANTATLAS_WORKER_DATABASE_URL", "TENANTATLAS_DATABASE_URL")


def worker_store() -> Database:
    """This process's connections under the worker's role, opened at first use and again after a fork.

    BadInputError names the variable when no address is set.
    """
    return _store(os.getpid())


@cache
def _store(_pid: int) -> Database:
    url = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)
    if url is None:
        raise BadInputError("The worker does not know its database: set TENANTATLAS_DATABASE_URL to its address.")
    return Database(url, DatabaseRole.WORKER, pool_size=3)


def patiently(call: Callable[[], T], *, give_up_after: float) -> T:
    """What `call` answers, asked again with back-off and jitter while the store is away.

    Raises StoreUnavailableError after `give_up_after` seconds. Only for calls that may be made twice.
    """
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
