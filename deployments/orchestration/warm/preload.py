"""Imports what a flow run needs before there is one, so that a forked child has nothing left to import."""

from __future__ import annotations

import importlib
import logging

from flows._tracking.log_scrubbing import story
from flows.folders import producer_folders

# What Prefect's engine imports only once it runs, found by comparing sys.modules before and after a first flow run.
LIBRARIES = """
    prefect.engine prefect.flow_engine prefect.task_engine prefect.client.orchestration prefect.runner prefect.results
    prefect.utilities.visualization
    anyio._backends._asyncio pydantic.v1 encodings.idna rich._emoji_codes orjson
    sqlalchemy.dialects.postgresql.psycopg psycopg psycopg_binary psycopg_pool
""".split()  # noqa: SIM905 - short in this way


def import_everything() -> None:
    """Imports the libraries and every producer's flow module. One that fails is logged, and fails in its own runs again."""
    flows = [f"flows.{folder.name}.flow" for folder in producer_folders() if (folder / "flow.py").is_file()]
    for name in (*LIBRARIES, *flows):
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as problem:
            # A module that ends the interpreter it is imported in, too, would otherwise end the parent of all the others.
            logging.getLogger(__name__).error("Cannot import %s ahead of its runs:\n%s", name, story(problem))
