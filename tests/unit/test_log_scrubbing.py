"""What leaves a flow process as text: exceptions without theirs, log lines without secrets, stories with places."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from prefect.exceptions import Pause, PrefectHTTPStatusError
from prefect.flow_engine import FlowRunTimeoutError

from flows._tracking import log_scrubbing
from flows._tracking.log_scrubbing import ScrubbingFilter, install, sanitise, sanitised, story, unexpected_failure
from runstore.errors import BadInputError
from runstore.reasons import CONTACT_LOST, ReasonedError

TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 4
TEXT = f"the remote said hunter-two and {TOKEN}"


class RemoteError(Exception):
    pass


def raised() -> RemoteError:
    try:
        try:
            raise KeyError(TEXT)
        except KeyError as cause:
            raise RemoteError(TEXT) from cause
    except RemoteError as problem:
        return problem


class Kept(logging.Handler):
    """A handler that formats what it is given, as Prefect's API handler does."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[tuple[logging.Logger, Kept]]:
    logger, handler = logging.getLogger("tenantatlas.test"), Kept()
    handler.addFilter(ScrubbingFilter())
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, handler
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.fixture
def fences() -> Iterator[None]:
    """The fences of this process, taken down again."""
    before = sys.excepthook, threading.excepthook
    ours = logging.getLogger("tenantatlas")
    install()
    yield
    for handler in log_scrubbing._handlers():  # pyright: ignore[reportPrivateUsage]
        for one in [one for one in handler.filters if isinstance(one, ScrubbingFilter)]:
            handler.removeFilter(one)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = before
    for handler in [one for one in ours.handlers if type(one).__name__ == "_IntoTheRun"]:
        ours.removeHandler(handler)
    ours.setLevel(logging.NOTSET)
    ours.propagate = True


def test_a_sanitised_exception_has_a_catalogued_text_and_no_chain() -> None:
    clean = sanitise(raised())
    assert isinstance(clean, ReasonedError)
    assert clean.failure.reason_code == "internal_error"
    assert "RemoteError" in str(clean) and "hunter" not in str(clean)
    assert clean.__cause__ is None and clean.__context__ is None and clean.__traceback__ is None
    assert str(pickle.loads(pickle.dumps(clean))) == str(clean)


def test_a_reason_survives_and_prefects_own_stay_themselves() -> None:
    failure = CONTACT_LOST.failure(seconds=3)
    clean = sanitise(ReasonedError(failure))
    assert isinstance(clean, ReasonedError) and clean.failure == failure
    timeout = FlowRunTimeoutError("too slow")
    timeout.__context__ = raised()
    assert sanitise(timeout) is timeout and timeout.__context__ is None


def test_a_sanitised_call_lets_no_raw_exception_out() -> None:
    def fails() -> None:
        raise raised()

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(ReasonedError) as caught:
        sanitised(fails)
    assert caught.value.__context__ is None and caught.value.__cause__ is None
    with pytest.raises(KeyboardInterrupt):
        sanitised(interrupted)


def test_the_story_has_classes_and_places_and_no_text() -> None:
    told = story(raised())
    assert "RemoteError" in told and "builtins.KeyError" in told
    assert f"at {__name__}:" in told and "in raised" in told
    assert "hunter" not in told and TOKEN not in told
    assert "no such scope" in story(BadInputError("no such scope"))


def test_a_story_of_a_ring_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert story(first).count("ValueError") == 2


def test_the_correlation_id_leads_from_the_failure_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    failure = unexpected_failure(raised(), "item-1")
    assert failure.item_id == "item-1"
    correlation_id = failure.message.rpartition(" ")[2].rstrip(".")
    assert any(f"[{correlation_id}]" in line and "in raised" in line for line in caplog.messages)
    assert "hunter" not in caplog.text


@pytest.mark.parametrize("secret_first", [True, False])
def test_lines_arguments_tracebacks_and_reprs_are_scrubbed(
    kept: tuple[logging.Logger, Kept], secret_first: bool
) -> None:
    logger, handler = kept
    logger.warning("plain %s", TOKEN)
    logger.warning("mapping %(body)s", {"body": {"password": "Zx81kl#p"}})
    try:
        raise raised()
    except RemoteError as problem:
        logger.exception("while reading")
        logger.error("failed with %r", problem)
        logger.error(f"failed with {problem}", stack_info=True)
        logger.error(f"state Failed('{problem!r}')")
    logger.warning("broken %d", "x")
    said = "\n".join(handler.lines)
    assert len(handler.lines) == 7
    assert TOKEN not in said and "Zx81kl" not in said and "hunter" not in said
    assert "in raised" in said and "RemoteError" in said
    assert "[log line withheld]" in handler.lines[-1]


def test_a_record_is_rewritten_once_however_many_handlers_it_passes(kept: tuple[logging.Logger, Kept]) -> None:
    logger, first = kept
    second = Kept()
    second.addFilter(ScrubbingFilter())
    logger.addHandler(second)
    logger.warning("plain %s", TOKEN)
    logger.removeHandler(second)
    assert first.lines == second.lines


def test_what_prefect_raises_with_a_text_of_a_server_is_no_signal() -> None:
    request = httpx.Request("GET", "http://prefect.example")
    answer = httpx.Response(500, request=request, text=TEXT)
    clean = sanitise(PrefectHTTPStatusError(TEXT, request=request, response=answer))
    assert isinstance(clean, ReasonedError) and "hunter" not in str(clean)
    assert isinstance(sanitise(Pause()), Pause)


@pytest.mark.parametrize(("code", "left"), [(3, 3), (TEXT, 1)])
def test_leaving_by_exit_keeps_its_code_and_loses_its_text(code: object, left: int) -> None:
    clean = sanitise(SystemExit(code))
    assert isinstance(clean, SystemExit) and clean.code == left


class OddError(BaseException):
    pass


def test_an_exception_that_is_none_to_python_is_one_here() -> None:
    assert isinstance(sanitise(OddError(TEXT)), ReasonedError)


def test_a_deep_recursion_shows_both_ends() -> None:
    def deep(left: int) -> None:
        if not left:
            raise KeyError(TEXT)
        deep(left - 1)

    try:
        deep(200)
    except KeyError as problem:
        told = story(problem)
    assert "in test_a_deep_recursion" in told and "…" in told and told.count("in deep") < 50


def test_our_loggers_outside_of_a_run_only_warn_and_once(fences: None) -> None:
    root, handler = logging.getLogger(), Kept()
    root.addHandler(handler)
    logging.getLogger("tenantatlas.graph").info("Waiting 3 s")
    logging.getLogger("tenantatlas.graph").warning("away")
    root.removeHandler(handler)
    assert handler.lines == ["away"]


def test_installing_twice_changes_nothing_more(fences: None) -> None:
    install()
    joined = [type(handler).__name__ for handler in logging.getLogger("tenantatlas").handlers]
    assert joined.count("_IntoTheRun") == 1
    for handler in log_scrubbing._handlers():  # pyright: ignore[reportPrivateUsage]
        assert sum(isinstance(one, ScrubbingFilter) for one in handler.filters) <= 1


def test_prefects_own_handlers_get_the_filter_and_uncaught_exceptions_are_told_without_text() -> None:
    code = (
        "import logging, threading, prefect\n"
        "from flows._tracking.log_scrubbing import install, ScrubbingFilter\n"
        "install()\n"
        "for name in ('prefect.flow_runs', 'prefect.task_runs', 'prefect.workers', 'prefect.extra', ''):\n"
        "    for handler in logging.getLogger(name).handlers:\n"
        "        assert any(isinstance(f, ScrubbingFilter) for f in handler.filters), (name, handler)\n"
        "def fail(): raise ValueError('hunter' + 'two')\n"
        "t = threading.Thread(target=fail); t.start(); t.join()\n"
        "fail()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("builtins.ValueError") == 2, ended.stderr
    assert "hunter" not in ended.stderr and "in fail" in ended.stderr
