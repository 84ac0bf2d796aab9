"""What a reader asks the list of runs for, checked when it is made, and an opaque place in that list."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from runstore.errors import BadInputError
from runstore.runs.operation import OperationType
from runstore.runs.status import StatusBucket

MAX_LIMIT = 500
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Runs of one tenant. Every part that is None or empty leaves that part open.

    `since` and `until` bound the end of finished runs; unfinished ones are shown unless they were created after
    `until`. `running_at` asks for the runs that were running at that moment; `created_since` (included) and
    `created_before` (not included) bound the creation. `search` is an item's id, or the beginning of a run's or its
    flow run's; in the newest SEARCHED_RUNS runs also part of an item's id, and there an item of `named` counts as well.
    `reason` is why a run, or its first failed item, failed. `needs_attention`: of each operation and scope the newest
    that has ended, if it ended badly.
    """

    type: OperationType | None = None
    buckets: frozenset[StatusBucket] = field(default_factory=frozenset[StatusBucket])
    since: datetime | None = None
    until: datetime | None = None
    running_at: datetime | None = None
    created_since: datetime | None = None
    created_before: datetime | None = None
    initiated_by: str | None = None
    search: str | None = None
    named: Sequence[str] = ()
    scope: str | None = None
    reason: str | None = None
    needs_attention: bool = False

    def __post_init__(self) -> None:
        for moment in (self.since, self.until, self.running_at, self.created_since, self.created_before):
            if moment is not None and moment.tzinfo is None:
                raise BadInputError("A time without a time zone is ambiguous: write it as 2026-03-01T06:00:00Z.")
        if self.since and self.until and self.since > self.until:
            raise BadInputError("The time range ends before it begins: give a --since that is earlier than --until.")

    @property
    def is_open(self) -> bool:
        return self == EVERYTHING


EVERYTHING = RunFilter()


def checked_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInputError(f"A page holds between 1 and {MAX_LIMIT} runs, not {limit}.")
    return limit


SORT = "created_at"
"""Named in a cursor, so that one made for another list is refused."""

MAX_LENGTH = 200


class BadCursorError(BadInputError):
    """The cursor is not one that this list gave out; open the list without it."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row after which a page begins, or before it going up (`newer`), by its sort values."""

    created_at: datetime
    run_id: UUID
    newer: bool = False

    def encode(self) -> str:
        payload = [SORT, "newer" if self.newer else "older", self.created_at.isoformat(), str(self.run_id)]
        return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Self:
        if not text or len(text) > MAX_LENGTH or not text.isascii():
            raise BadCursorError
        try:
            payload: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            sort, direction, created_at, run_id = payload
            moment = datetime.fromisoformat(created_at)
            cursor = cls(moment.astimezone(UTC), UUID(run_id), direction == "newer")
        except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise BadCursorError from None
        if sort != SORT or direction not in ("newer", "older") or moment.tzinfo is None:
            raise BadCursorError
        return cursor
