"""Imports what a flow run needs before there is one, so that a forked child has nothing left to import."""

from __future__ import annotations

import importlib
import logging

from flows._tracking.log_scrubbing import story
from flows.folders import producer_folders

_logger = logging.getLogger("deployments.orchestration.warm.preload")

# What Prefect's engine imports only once it runs, found by comparing sys.modules before and after a first flow run.
LIBRARIES = (
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.client.orchestration",
    "prefect._internal.metrics",
    "prefect._internal.observers",
    "prefect.results",
    "anyio._backends._asyncio",
    "pydantic.v1",
    "encodings.idna",
    "rich._emoji_codes",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg_binary",
    "psycopg_pool",
    "orjson",
)


def import_everything() -> None:
    """Imports the libraries and every producer's flow module.

    A flow module that cannot be imported is logged and left out: its own runs then fail with that very error, as they
    would with Prefect's process worker, and the other producers' runs are unharmed.
    """
    for name in (*LIBRARIES, *flow_modules()):
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as problem:
            # A module that ends the interpreter it is imported in, too, would otherwise end the parent of all the others.
            _logger.error("Cannot import %s ahead of its runs:\n%s", name, story(problem))


def flow_modules() -> list[str]:
    """The module of every producer's flow. A producer whose declaration is broken is skipped here, too."""
    return [f"flows.{folder.name}.flow" for folder in producer_folders() if (folder / "flow.py").is_file()]
