"""The log of the flow run: what Prefect shows on its page, and the worker's own log has as well."""

import logging
from typing import Final

from prefect import get_run_logger
from prefect.exceptions import MissingContextError

OURS: Final = "tenantatlas"
"""What is logged below this name in a flow or task is part of the log of the run, from any module."""

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


def run_log() -> Log:
    """Prefect's logger of the task or flow that runs here; outside of one, and in a thread of its own, the local one."""
    return _run_logger() or logging.getLogger(f"{OURS}.flow")


def join_run_log() -> None:
    """Brings our loggers' lines into the log of the run; outside of one, warnings go to the root's handlers."""
    ours = logging.getLogger(OURS)
    if not any(isinstance(handler, _IntoTheRun) for handler in ours.handlers):
        ours.addHandler(_IntoTheRun())
        ours.setLevel(logging.INFO)
        # The run's logger prints the line as well: it would stand in the worker's log twice.
        ours.propagate = False


def _run_logger() -> Log | None:
    try:
        return get_run_logger()
    except MissingContextError:
        return None


class _IntoTheRun(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = _run_logger()
        if log is not None:
            log.log(record.levelno, "%s", record.getMessage())
        elif record.levelno >= logging.WARNING:
            logging.getLogger().handle(record)
