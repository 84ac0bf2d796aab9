"""Keeps the text of exceptions and log lines out of Prefect's database, and secrets out of the worker's own log.

Prefect makes a state's message from the exception that left the flow or the task: `sanitised` lets none but clean ones
leave. Producers make tasks by `run.step`; Prefect's own `@task` is beyond that. Log lines and tracebacks pass a filter on
every handler, the local log's too. An exception's own text may quote a request, a file or a password.
"""

import asyncio
import logging
import resource
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, TypeVar, cast

from prefect.exceptions import FailedRun

from flows._tracking.run_log import join_run_log, run_log
from runstore.errors import TenantAtlasError
from runstore.fence.redaction import scrub_text
from runstore.reasons import RUN_ITEM, ReasonedError, chain_of, class_name_of, failure_of
from runstore.runs.run import Failure

R = TypeVar("R")

LINE_LIMIT: Final = 20_000
"""Bytes of a log line that are kept."""

FRAME_LIMIT: Final = 40

_SCRUBBED: Final = "_tenantatlas_scrubbed"


def unexpected_failure(exception: BaseException, item_id: object = RUN_ITEM) -> Failure:
    """The failure an exception stands for; one that nobody foresaw is logged under its correlation id."""
    _make_room(exception)
    failure, correlation_id = failure_of(exception, item_id)
    if correlation_id is not None:
        run_log().error("%s [%s]\n%s", failure.message, correlation_id, story(exception))
    return failure


def _make_room(problem: BaseException) -> None:
    """After a MemoryError: lets go of what the failed calls held, and raises the limit, so that it can be told."""
    for link in chain_of(problem):
        if isinstance(link, MemoryError):
            traceback.clear_frames(link.__traceback__)
            with suppress(OSError, ValueError):
                _, hard = resource.getrlimit(resource.RLIMIT_DATA)
                resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def sanitise(exception: BaseException) -> BaseException:
    """The exception that may leave a tracked flow or a task in place of this one, without cause, context or traceback.

    Raise it *outside* the `except` block, or Python hangs the raw one on it as context again. A timeout and what pauses
    or ends a process stay themselves; `sys.exit` keeps its code.
    """
    if isinstance(exception, SystemExit):
        return SystemExit(exception.code if isinstance(exception.code, int) else 1)
    if _is_signal(exception):
        exception.__cause__ = exception.__context__ = None
        return exception.with_traceback(None)
    clean = ReasonedError(unexpected_failure(exception))
    clean.__suppress_context__ = True
    return clean


def _is_signal(exception: BaseException) -> bool:
    if isinstance(exception, KeyboardInterrupt | GeneratorExit | asyncio.CancelledError):
        return True
    is_prefects = type(exception).__module__.partition(".")[0] == "prefect"
    return is_prefects and (isinstance(exception, TimeoutError) or not isinstance(exception, Exception))


def sanitised(work: Callable[[], R]) -> R:
    try:
        return work()
    except BaseException as problem:
        clean = sanitise(problem)
    raise clean


def story(exception: BaseException) -> str:
    """Class and place of an exception and of those that led to it, newest first; the text only of our own."""
    lines: list[str] = []
    for link in chain_of(exception):
        said = f": {scrub_text(str(link), limit=500)}" if isinstance(link, TenantAtlasError) else ""
        lines.append(f"{type(link).__module__}.{class_name_of(link)}{said}")
        # The module says where without saying how this machine's disk is laid out.
        places = [
            f"  at {frame.f_globals.get('__name__', '?')}:{line} in {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(link.__traceback__)
            if frame.f_globals.get("__name__") != __name__
        ]
        # The ends of a deep recursion tell where it came from and where it was.
        lines.extend(places if len(places) <= FRAME_LIMIT else [*places[:10], "  …", *places[10 - FRAME_LIMIT :]])
    return scrub_text("\n".join(lines), limit=LINE_LIMIT)


class ScrubbingFilter(logging.Filter):
    """Rewrites a record in place, once: arguments merged and scrubbed, the traceback replaced by its story. Drops the engine's
    story of a flow that ended as Failed by itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Prefect's engine raises the end of each flow that has failed and said why, and calls that unexpected.
        if isinstance(record.exc_info, tuple) and isinstance(record.exc_info[1], FailedRun):
            return False
        if not getattr(record, _SCRUBBED, False):
            try:
                self._rewrite(record)
            except Exception:
                record.msg, record.args, record.exc_info, record.exc_text = "[log line withheld]", None, None, None
            setattr(record, _SCRUBBED, True)
        return True

    def _rewrite(self, record: logging.LogRecord) -> None:
        exceptions = [value for value in _values(record.args) if isinstance(value, BaseException)]
        # A line written while an exception is handled may quote it without attaching it.
        current = record.exc_info[1] if isinstance(record.exc_info, tuple) else sys.exc_info()[1]
        if current is not None:
            exceptions.append(current)
        # Libraries write `%r` of an exception into their line: the text is known here, so it need not be guessed.
        line = _without_texts(record.getMessage(), exceptions)
        record.msg = scrub_text(line, limit=LINE_LIMIT)
        record.args = None
        if record.exc_info and current is not None:
            record.msg = f"{record.msg}\n{story(current)}"
        record.exc_info = None
        record.exc_text = None
        if record.stack_info:
            record.stack_info = scrub_text(record.stack_info, limit=LINE_LIMIT)


def _values(args: object) -> tuple[object, ...]:
    if isinstance(args, tuple):
        return cast("tuple[object, ...]", args)
    if isinstance(args, dict):
        return tuple(cast("dict[str, object]", args).values())
    return ()


def _without_texts(line: str, exceptions: list[BaseException]) -> str:
    for exception in exceptions:
        for link in chain_of(exception):
            if isinstance(link, TenantAtlasError):
                continue
            name = class_name_of(link)
            for text, shown in ((_said(repr, link), f"{name}(…)"), (_said(str, link), f"({name})")):
                if len(text) >= 3:
                    line = line.replace(text, shown)
    return line


def _said(how: Callable[[object], str], exception: BaseException) -> str:
    try:
        return how(exception)
    except Exception:
        return ""


def install() -> None:
    """Puts the fences up in a process of flows; cheap to call again, as is needed once logging was set up again."""
    join_run_log()
    for handler in _handlers():
        if not any(isinstance(known, ScrubbingFilter) for known in handler.filters):
            handler.addFilter(ScrubbingFilter())
    # A warning quotes values, and would be printed past every handler.
    logging.captureWarnings(True)
    if sys.excepthook is not _print_story:
        sys.excepthook = _print_story
    if threading.excepthook is not _print_thread_story:
        threading.excepthook = _print_thread_story


def _handlers() -> Iterator[logging.Handler]:
    loggers: list[object] = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
    if logging.lastResort is not None:
        yield logging.lastResort


def _print_story(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    if isinstance(problem, KeyboardInterrupt | asyncio.CancelledError):
        return
    sys.stderr.write(f"Uncaught {story(problem.with_traceback(trace))}\n")


def _print_thread_story(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        sys.stderr.write(f"Uncaught in a thread: {story(args.exc_value)}\n")
