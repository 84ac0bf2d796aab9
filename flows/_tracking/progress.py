"""How a running flow tells the store how far it has come: in absolute figures, a few writes a second at most."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from flows._tracking.run_log import run_log
from flows._tracking.store import patiently
from runstore.errors import StoreError, StoreUnavailableError
from runstore.runs.recorder import Recorder
from runstore.runs.run import Counts, Failure, Progress, RelatedLink

WRITE_INTERVAL = 0.4
"""Seconds between two writes of one run at least: a reader sees movement, the table is not hammered."""

HEARTBEAT_INTERVAL = 2.0
"""Seconds after which a run that has nothing to report says that it is alive."""

FINAL_WRITE_PATIENCE = 600.0
"""Seconds the end of a flow waits for a store that is away: its work is done, and only its result is missing."""

FAILURES_TOLD = 50
"""Failed items that the run's log tells one by one; of more it tells the number."""

_log = logging.getLogger("tenantatlas.progress")


class _Outcome(Enum):
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"


class ProgressReporter:
    """Counts each item once, by its last outcome, and writes from a thread of its own while it is entered.

    A store that is away does not stop the flow: the figures are absolute, so the next write carries what the lost one did.
    Safe to use from several threads. `anew` says that the attempt's work begins once more (it was suspended and resumed):
    the figures so far are replaced. `checkpoint` is called after each item and may hold the flow up, or end it.
    """

    def __init__(
        self,
        recorder: Recorder,
        run_id: UUID,
        attempt: int,
        *,
        anew: bool = False,
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._recorder = recorder
        self._run_id = run_id
        self._attempt = attempt
        self._lock = threading.Lock()
        self._outcomes: dict[str, _Outcome] = {}
        self._failures: dict[str, Failure] = {}
        self._tally = dict.fromkeys(_Outcome, 0)
        self._total = 0
        self._told: set[str] = set()
        self._item_ids: list[str] | None = None
        self._related: list[RelatedLink] | None = None
        self._context: dict[str, Any] = {}
        self._anew = anew
        self._checkpoint = checkpoint
        self._changed: set[str] = {"counts", "failures"} if anew else set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_until_stopped, name="progress", daemon=True)

    def expect(self, item_ids: Iterable[str]) -> None:
        """Says which items the run is about; replaces what was said before."""
        with self._lock:
            self._item_ids = list(dict.fromkeys(item_ids))
            self._total = len(self._item_ids)
            self._changed |= {"counts", "item_ids"}

    def expect_count(self, total: int) -> None:
        """Says how many items there are, where naming them all would be of no use to a reader."""
        with self._lock:
            self._total = total
            self._changed.add("counts")

    def succeeded(self, item_id: str) -> None:
        """The item is done."""
        self._settle(item_id, _Outcome.SUCCEEDED, None)

    def skipped(self, item_id: str) -> None:
        """The item needed nothing."""
        self._settle(item_id, _Outcome.SKIPPED, None)

    def failed(self, failure: Failure) -> None:
        """The item of the failure could not be done; the run's log says so."""
        if len(self._told) < FAILURES_TOLD and failure.item_id not in self._told:
            self._told.add(failure.item_id)
            run_log().warning("%s failed, %s: %s", failure.item_id, failure.reason_code, failure.message)
        self._settle(failure.item_id, _Outcome.FAILED, failure)

    def link(self, *links: RelatedLink) -> None:
        """Where the result can be seen; replaces what was said before."""
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
        """The figures as of now."""
        with self._lock:
            return self._counts()

    def standing(self) -> tuple[Counts, list[Failure]]:
        """The figures and the failures as of now."""
        with self._lock:
            return self._counts(), list(self._failures.values())

    def _counts(self) -> Counts:
        return Counts(
            total=max(self._total, len(self._outcomes)),
            succeeded=self._tally[_Outcome.SUCCEEDED],
            failed=self._tally[_Outcome.FAILED],
            skipped=self._tally[_Outcome.SKIPPED],
        )

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
        self._checkpoint()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        untold = self._tally[_Outcome.FAILED] - len(self._told)
        if untold > 0:
            run_log().warning("%d more items failed; the hub lists them all.", untold)
        # A flow that was told to stop has seconds, not minutes.
        patience = FINAL_WRITE_PATIENCE if kind is None or issubclass(kind, Exception) else 2.0
        try:
            patiently(self._write, give_up_after=patience)
        except (StoreUnavailableError, StoreError) as away:
            if kind is None:
                raise
            _log.warning("The last progress of run %s could not be stored: %s", self._run_id, away)

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
                context=_copy(self._context) if "context" in changed else None,
                anew=self._anew,
            )
        try:
            self._recorder.progress(progress)
        except BaseException:
            with self._lock:
                self._changed |= changed
            raise
        self._anew = False

    def _write_until_stopped(self) -> None:
        last = time.monotonic()
        while not self._stopped.wait(WRITE_INTERVAL):
            try:
                if self._changed:
                    self._write()
                elif time.monotonic() - last >= HEARTBEAT_INTERVAL:
                    self._recorder.heartbeat(self._run_id, self._attempt)
                else:
                    continue
                last = time.monotonic()
            except (StoreUnavailableError, StoreError) as away:
                _log.warning("The progress of run %s waits: %s", self._run_id, away)


def _copy(context: Mapping[str, Any]) -> dict[str, Any]:
    return dict(context)
