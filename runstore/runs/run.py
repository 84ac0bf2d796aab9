"""A run as values: the row as read, its counts, failures and links, and what a writer reports about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from runstore.runs.operation import OperationType
from runstore.runs.status import ObservedState, RunStatus, StatusBucket, Verdict

if TYPE_CHECKING:
    # Values are pure: code that compares them needs no database.
    from runstore.tenancy import Trigger


def utc_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, with a Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of one attempt. `processed` is what has an outcome; `total` is never below it."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def processed(self) -> int:
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one item failed. Built only by `runstore.reasons`: a catalogued code and a short sanitised message."""

    item_id: str
    reason_code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"item_id": self.item_id, "reason_code": self.reason_code, "message": self.message}


RUN_ITEM = "run"
"""The item id of a failure that concerns the run as a whole."""


@dataclass(frozen=True, slots=True)
class RelatedLink:
    """Where a run's result can be seen: a label, a page of the hub and its parameters. The tenant is added when shown."""

    label: str
    page: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, Any]:
        return {"label": self.label, "page": self.page, "parameters": dict(self.parameters)}


class Source(StrEnum):
    START = "start"
    HOOK = "hook"
    PROGRESS = "progress"
    RECONCILER = "reconciler"


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `operation_runs`, without the columns that may be large (item ids, failures): see RunDetail."""

    id: UUID
    tenant_id: UUID
    tenant: str
    type: OperationType
    status: RunStatus
    bucket: StatusBucket
    attempt: int
    idempotency_key: str
    counts: Counts
    trigger: Trigger
    initiated_by: str
    last_source: Source
    flow_run_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    contact_lost_at: datetime | None

    @property
    def path(self) -> str:
        return f"/r/{self.tenant}/{self.id}"

    def as_json(self) -> dict[str, Any]:
        """As lists and downloads have it: the contract's names, in its order."""
        counts = ("total", "processed", "succeeded", "failed", "skipped")
        times = ("created_at", "started_at", "finished_at")
        return {
            "id": str(self.id),
            "tenant": self.tenant,
            "type": str(self.type),
            "status": self.status.value,
            "bucket": self.bucket.value,
            "attempt": self.attempt,
            "counts": {name: getattr(self.counts, name) for name in counts},
            "trigger": self.trigger.value,
            "initiated_by": self.initiated_by,
            **{name: utc_text(getattr(self, name)) for name in times},
        }


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    attempt: int
    status: RunStatus
    at: datetime
    source: Source


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with everything: context, item ids, failures, links and its history, oldest first."""

    run: Run
    context: Mapping[str, Any]
    item_ids: Sequence[str]
    failures: Sequence[Failure]
    related: Sequence[RelatedLink]
    history: Sequence[HistoryEntry]


@dataclass(frozen=True, slots=True)
class RunObservation:
    """What a writer saw of one attempt of a run. Safe to report twice, late, or out of order.

    `failure` explains a FAILED or ABORTED state. `guess_from`: it counts only if the row is still as in that run.
    """

    run_id: UUID
    attempt: int
    state: ObservedState
    source: Source
    at: datetime
    flow_run_id: UUID | None = None
    failure: Failure | None = None
    guess_from: Run | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt has come, in absolute figures; `restarted`: they take the place of higher ones."""

    run_id: UUID
    attempt: int
    counts: Counts
    failures: Sequence[Failure] | None = None
    item_ids: Sequence[str] | None = None
    related: Sequence[RelatedLink] | None = None
    context: Mapping[str, Any] | None = None
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    run: Run | None
    verdict: Verdict

    @property
    def applied(self) -> bool:
        return self.verdict is Verdict.APPLIED


NOTICE: Final = "Notice"


def context_sentences(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a context says in words, by name. Producers write it: nothing is taken for text that is none."""
    graph = context.get("graph")
    cost = cast("Mapping[str, Any]", graph).get("summary") if isinstance(graph, Mapping) else None
    said = (("Nothing follows", context.get("then_why")), (NOTICE, context.get("notice")), ("Microsoft Graph", cost))
    return [(name, words) for name, words in said if isinstance(words, str) and words]
