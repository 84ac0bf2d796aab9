"""How a running flow tells the store how far it has come: in absolute figures, a few writes a second at most."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, Self
from uuid import UUID

from prefect.exceptions import Abort

from flows._tracking.artifacts import Called
from flows._tracking.run_log import run_log
from flows._tracking.store import patiently
from runstore.errors import StoreError, StoreUnavailableError
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, RelatedLink
from runstore.runs.status import RunStatus

WRITE_INTERVAL = 0.4
"""Seconds between two writes of one run at least: a reader sees movement, the table is not hammered."""

HEARTBEAT_INTERVAL = 2.0
"""Seconds after which a run that has nothing to report says that it is alive."""

FINAL_WRITE_PATIENCE = 600.0
"""Seconds the end of a flow waits for a store that is away: its work is done, and only its result is missing."""

DOUBT_SECONDS = 5.0
"""Seconds without an answer of the store after which the next report asks first whether the run is still this attempt's."""

ITEMS_LISTED = 5000
"""Item ids that are put on a run; of more, only the number is."""

_log = logging.getLogger("tenantatlas.progress")


_Outcome = Literal["succeeded", "skipped", "failed"]


class ProgressReporter:
    """Counts each item once, by its last outcome, and writes from a thread of its own while it is entered.

    The figures are absolute, so a store that is away stops nothing: the next write carries what the lost one did.
    `restarted`: the attempt's work begins once more, and its figures replace those so far. `checkpoint`, called after
    each item, may hold the flow up or end it; `called` names failed items for the log. Once the run is another's, every
    report raises Prefect's Abort, which ends the process and leaves the flow run's state as it is.
    """

    def __init__(
        self,
        recorder: Recorder,
        run_id: UUID,
        attempt: int,
        *,
        restarted: bool = False,
        checkpoint: Callable[[], None] = lambda: None,
        called: Called = lambda items: {},
    ) -> None:
        self._recorder = recorder
        self._run_id = run_id
        self._attempt = attempt
        self._lock = threading.Lock()
        self._outcomes: dict[str, _Outcome] = {}
        self._failures: dict[str, Failure] = {}
        self._tally: dict[_Outcome, int] = {"succeeded": 0, "skipped": 0, "failed": 0}
        self._total = 0
        self._told: set[str] = set()
        self._item_ids: list[str] | None = None
        self._related: list[RelatedLink] | None = None
        self._context: dict[str, Any] = {}
        self._restarted = restarted
        self._checkpoint = checkpoint
        self._called = called
        self._changed: set[str] = {"counts", "failures"} if restarted else set()
        self._is_over = False
        self._is_away = False
        self._heard_at = time.monotonic()
        self._asking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_until_stopped, name="progress", daemon=True)

    def expect(self, item_ids: Iterable[str]) -> None:
        """What the run will do; of more than ITEMS_LISTED items only the number is kept."""
        expected = list(dict.fromkeys(item_ids))
        with self._lock:
            self._total = len(expected)
            self._changed.add("counts")
            if len(expected) <= ITEMS_LISTED:
                self._item_ids = expected
                self._changed.add("item_ids")

    def expect_count(self, total: int) -> None:
        with self._lock:
            self._total = total
            self._changed.add("counts")

    def succeeded(self, item_id: str) -> None:
        self._settle(item_id, "succeeded", None)

    def skipped(self, item_id: str) -> None:
        self._settle(item_id, "skipped", None)

    def failed(self, failure: Failure) -> None:
        """The item of the failure could not be done; of the first 50 the run's log says so one by one."""
        if len(self._told) < 50 and failure.item_id not in self._told:
            self._told.add(failure.item_id)
            item = failure.item_id
            # A store that has not answered for a while is not waited for once more with each item.
            if not (self._is_away or self._is_in_doubt()):
                item = self._called([item]).get(item, item)
            run_log().warning("%s failed, %s: %s", item, failure.reason_code, failure.message)
        self._settle(failure.item_id, "failed", failure)

    def link(self, *links: RelatedLink) -> None:
        with self._lock:
            self._related = list(links)
            self._changed.add("related")

    def note(self, **context: Any) -> None:
        """Adds to the run's context: JSON values, no payloads."""
        with self._lock:
            self._context |= context
            self._changed.add("context")

    @property
    def counts(self) -> Counts:
        return self.standing()[0]

    def standing(self) -> tuple[Counts, list[Failure]]:
        with self._lock:
            return self._counts(), list(self._failures.values())

    def _counts(self) -> Counts:
        return Counts(max(self._total, len(self._outcomes)), **self._tally)

    def _settle(self, item_id: str, outcome: _Outcome, failure: Failure | None) -> None:
        with self._lock:
            before = self._outcomes.get(item_id)
            if before is not None:
                self._tally[before] -= 1
            self._tally[outcome] += 1
            self._outcomes[item_id] = outcome
            self._changed.add("counts")
            if failure is not None:
                self._failures[item_id] = failure
                self._changed.add("failures")
            elif self._failures.pop(item_id, None) is not None:
                self._changed.add("failures")
        self.still_ours()
        self._checkpoint()

    def still_ours(self) -> None:
        """Raises Abort once the store has said that the run is another's; after a silence it is asked first."""
        if self._thread.is_alive() and not self._is_away and self._is_in_doubt():
            with self._asking:
                if self._is_in_doubt():
                    self._ask()
        if self._is_over:
            run_log().warning("Run %s was given up, or has a later attempt: this process ends here.", self._run_id)
            raise Abort(f"Run {self._run_id} is no longer this attempt's.")

    def _is_in_doubt(self) -> bool:
        return time.monotonic() - self._heard_at > DOUBT_SECONDS

    def _ask(self) -> None:
        try:
            self._hear(self._recorder.heartbeat(self._run_id, self._attempt))
        except (StoreUnavailableError, StoreError) as away:
            self._is_away = True
            _log.warning("Whether run %s is still this attempt's is not known: %s", self._run_id, away)

    def _hear(self, is_ours: bool) -> None:
        self._heard_at, self._is_away = time.monotonic(), False
        self._is_over = self._is_over or not is_ours

    def _end(self) -> None:
        self._write()
        if self._is_in_doubt():
            self._hear(self._recorder.heartbeat(self._run_id, self._attempt))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: object, trace: object) -> None:
        self._stopped.set()
        self._thread.join()
        untold = self._tally["failed"] - len(self._told)
        if untold > 0:
            run_log().warning("%d more items failed; the hub lists them all.", untold)
        # A flow that was told to stop has seconds, not minutes.
        patience = FINAL_WRITE_PATIENCE if kind is None or issubclass(kind, Exception) else 2.0
        try:
            patiently(self._end, give_up_after=patience)
        except (StoreUnavailableError, StoreError) as away:
            if kind is None:
                raise
            _log.warning("The last progress of run %s could not be stored: %s", self._run_id, away)
        if kind is None:
            self.still_ours()

    def _write(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
            if not changed:
                return
            progress = Progress(
                run_id=self._run_id,
                attempt=self._attempt,
                counts=self._counts(),
                failures=list(self._failures.values()) if "failures" in changed else None,
                item_ids=self._item_ids if "item_ids" in changed else None,
                related=self._related if "related" in changed else None,
                context=dict(self._context) if "context" in changed else None,
                restarted=self._restarted,
            )
        try:
            run = self._recorder.progress(progress).run
            # A write that came late (STALE) says nothing against a row that still runs in this attempt.
            self._hear(run is not None and run.status is RunStatus.RUNNING and run.attempt == self._attempt)
        except BaseException:
            with self._lock:
                self._changed |= changed
            raise
        self._restarted = False

    def _write_until_stopped(self) -> None:
        last = time.monotonic()
        while not self._is_over and not self._stopped.wait(WRITE_INTERVAL):
            try:
                if self._changed:
                    self._write()
                elif time.monotonic() - last >= HEARTBEAT_INTERVAL:
                    self._hear(self._recorder.heartbeat(self._run_id, self._attempt))
                else:
                    continue
                last = time.monotonic()
            except (StoreUnavailableError, StoreError) as away:
                self._is_away = True
                _log.warning("The progress of run %s waits: %s", self._run_id, away)
