"""Which runs a RunFilter means, as branches that each read one index and stop at their limit.

One statement with every condition in it is shorter, but leaves the planner to choose between walking a tenant's whole history and
sorting half of it. Each branch here fits one index by construction. How many there are depends on the filter only, never on what
is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Interval,
    Select,
    Subquery,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from runstore.cursor import Cursor
from runstore.filters import RunFilter
from runstore.rows import list_of_runs, uuid_or_none
from runstore.schema import FINISHED_RUNS, LONG_RUN, LONG_RUN_SQL, MAX_ITEM_KEY, OperationRun
from runstore.status import UNFINISHED, StatusBucket

Condition = ColumnElement[bool]
_RUNS: Any = OperationRun.__table__.c
_FINISHED: Any = FINISHED_RUNS.c


@dataclass(frozen=True, slots=True)
class Branch:
    """Some columns to read from, a table's or those of `_few`, and conditions on them."""

    columns: Any
    conditions: Sequence[Condition]


# Putting a statement together takes longer than the server needs for it, and the same few are asked for again and again.
@lru_cache(maxsize=128)
def newest(tenant_id: UUID, wanted: RunFilter, limit: int, cursor: Cursor | None) -> Select[*tuple[Any, ...]]:
    """The first `limit` runs from the cursor on, in the cursor's direction, with the list's columns."""
    page = _newest_of(tenant_id, wanted, limit, cursor)
    order = (page.c.created_at, page.c.id)
    upwards = cursor is not None and cursor.newer
    query = list_of_runs().join(page, page.c.id == OperationRun.id).where(OperationRun.tenant_id == tenant_id)
    return query.order_by(*(column.asc() if upwards else column.desc() for column in order))


def _newest_of(tenant_id: UUID, wanted: RunFilter, limit: int, cursor: Cursor | None) -> Subquery:
    """(id, created_at) of those runs."""
    upwards = cursor is not None and cursor.newer
    parts = [_in_order(_selected(tenant_id, branch, cursor), limit, upwards) for branch in branches(tenant_id, wanted)]
    if len(parts) > 1:
        parts = [_in_order(union_all(*(select(part.subquery()) for part in parts)).subquery(), limit, upwards)]
    return parts[0].subquery("page")


@lru_cache(maxsize=128)
def bucket_counts(tenant_id: UUID, wanted: RunFilter, cap: int) -> CompoundSelect[str, int]:
    """(bucket, n) for the buckets under the rest of the filter, counted up to `cap`: no branch reads further than that.

    A search reads all it finds once, and leaves out the buckets of which it found none.
    """
    if wanted.search is not None:
        found = union_all(
            *(select(_selected(tenant_id, part)) for part in branches(tenant_id, replace(wanted, bucket=None)))
        )
        every = found.subquery()
        return union_all(select(every.c.bucket, func.least(func.count(), cap).label("n")).group_by(every.c.bucket))
    counts: list[Select[str, int]] = []
    for bucket in StatusBucket:
        parts = [
            select(select(_selected(tenant_id, part)).limit(cap).subquery())
            for part in branches(tenant_id, replace(wanted, bucket=bucket))
        ]
        some = union_all(*parts).limit(cap).subquery()
        counts.append(select(literal(bucket.value, Text).label("bucket"), func.count().label("n")).select_from(some))
    return union_all(*counts)


def branches(tenant_id: UUID, wanted: RunFilter) -> Iterable[Branch]:
    """The filter as branches without a run in common."""
    if wanted.search is not None:
        return _searched(tenant_id, wanted, wanted.search)
    return [branch for bucket in _buckets(wanted) for branch in _by_time(tenant_id, replace(wanted, bucket=bucket))]


def _buckets(wanted: RunFilter) -> Sequence[StatusBucket | None]:
    """The indexes by type and by initiator go on with the bucket, so that the two together are one walk as well."""
    if wanted.bucket is not None:
        return (wanted.bucket,)
    return tuple(StatusBucket) if wanted.type or wanted.initiated_by else (None,)


def _by_time(tenant_id: UUID, wanted: RunFilter) -> Iterable[Branch]:
    """Runs are listed by their creation and asked for by their end: the two are brought together here.

    A run that had not ended at a moment was created after it, or shortly before it, or is one of the few that took long: those have
    an index of their own, and so have unfinished ones.
    """
    begin, end = wanted.running_at or wanted.since, wanted.running_at or wanted.until
    shared = [*_attributes(_RUNS, wanted), *_begun(_RUNS, wanted)]
    if begin is None and end is None:
        yield Branch(_RUNS, shared)
        return
    if wanted.bucket is None or wanted.bucket in UNFINISHED:
        yield Branch(_RUNS, [*shared, _RUNS.finished_at.is_(None)])
    if wanted.bucket in UNFINISHED:
        return
    # The end is hidden from the index by end: the planner takes a run's creation and end for independent, and would sort all of
    # a wide range to give a page of it.
    ended = [*shared, _RUNS.finished_at.is_not(None), *_ended(_RUNS.finished_at + _NOTHING, wanted)]
    if end is not None:
        # Not exactly `end`: the clocks of workers and database may differ, and a run say that it began before it was created.
        ended.append(_RUNS.created_at <= end + LONG_RUN)
    if begin is None:
        yield Branch(_RUNS, ended)
        return
    yield Branch(_RUNS, [*ended, _RUNS.created_at >= begin - LONG_RUN])
    few = _few(tenant_id, _RUNS, [literal_column(LONG_RUN_SQL, Boolean), *_ended(_RUNS.finished_at, wanted)])
    yield Branch(few, [*_attributes(few, wanted), *_begun(few, wanted), few.created_at < begin - LONG_RUN])


_NOTHING = literal_column("interval '0'", Interval)


def _searched(tenant_id: UUID, wanted: RunFilter, text: str) -> Iterable[Branch]:
    """A run of that id, and runs with an item of that id: finished ones by index, the few others one by one."""
    run_id = uuid_or_none(text)
    if run_id is not None:
        yield Branch(_RUNS, [_RUNS.id == run_id, *plain(_RUNS, wanted)])

    def others(columns: Any) -> list[Condition]:
        return [*plain(columns, wanted), *([] if run_id is None else [columns.id != run_id])]

    if wanted.bucket is None or wanted.bucket in UNFINISHED:
        holds = _RUNS.item_ids.contains(cast([text], JSONB))
        yield Branch(_RUNS, [_RUNS.finished_at.is_(None), holds, *others(_RUNS)])
    if wanted.bucket not in UNFINISHED:
        holds = _FINISHED.item_keys.contains([text[:MAX_ITEM_KEY]])
        few = _few(tenant_id, _FINISHED, [holds])
        yield Branch(few, others(few))


def plain(columns: Any, wanted: RunFilter) -> list[Condition]:
    """What the filter means, condition by condition; the search aside."""
    conditions = [*_attributes(columns, wanted), *_begun(columns, wanted)]
    if ended := _ended(columns.finished_at, wanted):
        conditions.append(or_(columns.finished_at.is_(None), and_(*ended)))
    return conditions


def _attributes(columns: Any, wanted: RunFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.type is not None:
        conditions += [columns.resource == wanted.type.resource, columns.action == wanted.type.action]
    if wanted.initiated_by is not None:
        conditions.append(columns.initiated_by == wanted.initiated_by)
    if wanted.bucket is not None:
        conditions.append(columns.bucket == wanted.bucket.value)
    return conditions


def _begun(columns: Any, wanted: RunFilter) -> list[Condition]:
    return [columns.started_at <= wanted.running_at] if wanted.running_at is not None else []


def _ended(finished_at: Any, wanted: RunFilter) -> list[Condition]:
    earliest = [finished_at >= moment for moment in (wanted.running_at, wanted.since) if moment is not None]
    return [*earliest, finished_at <= wanted.until] if wanted.until is not None else earliest


def _few(tenant_id: UUID, columns: Any, conditions: Sequence[Condition]) -> Any:
    """The columns of the few runs that a partial index holds; OFFSET 0 keeps other conditions from proposing another index."""
    # The view compares the tenant as text, and so does this: that leaves the index of items without a rival.
    mine = columns.tenant_id == tenant_id if columns is _RUNS else cast(columns.tenant_id, Text) == str(tenant_id)
    read = [columns[name] for name in _READ]
    return select(*read).where(mine, *conditions).offset(literal_column("0")).subquery().c


_READ = ("id", "tenant_id", "resource", "action", "bucket", "initiated_by", "created_at", "started_at", "finished_at")


def _selected(tenant_id: UUID, branch: Branch, cursor: Cursor | None = None) -> Subquery:
    columns = branch.columns
    # Row-level security says the tenant too; said here, the planner can use the tenant's indexes.
    query = select(columns.id, columns.created_at, columns.bucket).where(
        columns.tenant_id == tenant_id, *branch.conditions
    )
    if cursor is not None:
        key, place = tuple_(columns.created_at, columns.id), tuple_(cursor.created_at, cursor.run_id)
        query = query.where(key > place if cursor.newer else key < place)
    return query.subquery()


def _in_order(found: Subquery, limit: int, upwards: bool) -> Select[Any, Any]:
    order = (found.c.created_at, found.c.id)
    return select(*order).order_by(*(key.asc() if upwards else key.desc() for key in order)).limit(limit)
