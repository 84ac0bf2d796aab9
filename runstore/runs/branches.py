"""A list's filter as branches that each read one index and stop at their limit.

One statement with every condition in it is shorter, but leaves the planner to choose between walking a tenant's whole history and
sorting half of it. Each branch here fits one index by construction. How many there are depends on the filter's shape only, never
on its values or on what is stored.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import ge, le, lt
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Text

from runstore.ids import ids_from
from runstore.runs.filters import RunFilter
from runstore.runs.run_sources import ATTENTION, ENDED, FINISHED, IN_PART, MOMENTS, READ, RUNS, parameter
from runstore.runs.status import UNFINISHED, StatusBucket
from runstore.schema import ENDED_BADLY_SQL, LONG_RUN, LONG_RUN_SQL, MAX_ITEM_KEY, MAX_SCOPE, SCOPE_SQL

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Branch:
    """Columns to read, and conditions on them. `lead` is the same in all these runs, and first in the index."""

    columns: Any
    conditions: Sequence[Condition]
    lead: Any = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A filter without its values: its parts, `names_a_run` if the search begins an id, and its buckets."""

    parts: frozenset[str]
    buckets: frozenset[StatusBucket]

    def __contains__(self, part: str) -> bool:
        return part in self.parts


def shape_of(wanted: RunFilter) -> Shape:
    parts = {one.name for one in fields(wanted) if getattr(wanted, one.name) not in (None, False)}
    parts -= {"buckets", "named"}
    if wanted.search is not None and ids_from(wanted.search) is not None:
        parts.add("names_a_run")
    return Shape(frozenset(parts), wanted.buckets)


def values_of(tenant_id: UUID, wanted: RunFilter, size: int) -> dict[str, Any]:
    values: dict[str, Any] = {"tenant": tenant_id, "tenant_text": str(tenant_id), "size": size}
    values |= {name: getattr(wanted, name) for name in (*MOMENTS, "initiated_by", "reason")}
    values["scope"] = None if wanted.scope is None else wanted.scope[:MAX_SCOPE]
    if wanted.type is not None:
        values |= {"resource": wanted.type.resource, "action": wanted.type.action}
    if (begin := wanted.running_at or wanted.since) is not None:
        values["long_before"] = begin - LONG_RUN
    if wanted.running_at is not None:
        values["long_after"] = wanted.running_at + LONG_RUN
    if wanted.search is not None:
        values |= {"item": [wanted.search], "part": wanted.search, "named": [*wanted.named]}
        values["quoted"] = json.dumps(wanted.search, ensure_ascii=False)[1:-1]
        values |= {"item_key": [wanted.search[:MAX_ITEM_KEY]], "key": wanted.search[:MAX_ITEM_KEY]}
        values["first_id"], values["last_id"] = ids_from(wanted.search) or (None, None)
    return values


def branches(wanted: Shape) -> Iterable[Branch]:
    if "search" in wanted:
        return _searched(wanted)
    if "needs_attention" in wanted:
        return [Branch(ATTENTION, _plain(ATTENTION, wanted))]
    return [branch for buckets in _buckets(wanted) for branch in _by_time(replace(wanted, buckets=buckets))]


def _buckets(wanted: Shape) -> Sequence[frozenset[StatusBucket]]:
    """The indexes by type and by initiator go on with the bucket, so that the two together are one walk as well."""
    if not wanted.buckets and not wanted.parts & {"type", "initiated_by", "scope", "reason"}:
        return (wanted.buckets,)
    # In an order of its own: statements are kept by their text.
    return [frozenset({bucket}) for bucket in StatusBucket if not wanted.buckets or bucket in wanted.buckets]


def _by_time(wanted: Shape) -> Iterable[Branch]:
    """Runs are listed by their creation and asked for by their end: the two are brought together here.

    A run that had not ended at a moment was created after it, or shortly before, or is one of the few that took long,
    which have an index of their own, as unfinished ones do. `wanted` has one bucket or none.
    """
    begin, end = wanted.parts & {"running_at", "since"}, wanted.parts & {"running_at", "until"}
    by_expression = wanted.parts & {"scope", "reason"}
    shared = [*_attributes(RUNS, wanted), *_begun(RUNS, wanted)]
    if not begin and not end and not by_expression:
        yield Branch(RUNS, shared)
        return
    if _may_be_unfinished(wanted):
        yield Branch(RUNS, [*shared, RUNS.finished_at.is_(None)])
    if not _may_be_finished(wanted):
        return
    # Behind row-level security no index on an expression is used: the view stands in for the table.
    runs = ENDED if by_expression else RUNS
    shared = [*_attributes(runs, wanted), *_begun(runs, wanted)]
    # To the planner an expression that could tell of rows behind row-level security is never settled: the order names it, too.
    lead = (runs.scope if "scope" in wanted else runs.reason) if by_expression else None
    if not begin and not end:
        yield Branch(runs, shared, lead)
        return
    # The end is hidden from the index by end: the planner takes a run's creation and end for independent, and would sort all of
    # a wide range to give a page of it.
    ended = [*shared, runs.finished_at.is_not(None), *_ended(runs.finished_at + _NOTHING, wanted)]
    if "running_at" in wanted:
        # Not exactly then: the clocks of workers and database may differ, and a run say that it began before it was created.
        ended.append(runs.created_at <= parameter("long_after"))
    if not begin:
        yield Branch(runs, ended, lead)
        return
    yield Branch(runs, [*ended, runs.created_at >= parameter("long_before")], lead)
    few = _few(runs, [sa.literal_column(LONG_RUN_SQL, sa.Boolean), *_ended(runs.finished_at, wanted)])
    yield Branch(few, [*_attributes(few, wanted), *_begun(few, wanted), few.created_at < parameter("long_before")])


_NOTHING = sa.literal_column("interval '0'", sa.Interval)


def _searched(wanted: Shape) -> Iterable[Branch]:
    """Runs of that id or flow run id; runs with an item of that id: finished ones by index, the few others one by one; and of
    the newest runs those with an item that is called so in part.
    """
    named = [column.between(parameter("first_id"), parameter("last_id")) for column in (RUNS.id, RUNS.flow_run_id)]

    def plain(columns: Any) -> list[Condition]:
        # Said as a value, so that the server looks each up in a table that it makes once, not through all of them.
        needed = [columns.id.in_(sa.select(ATTENTION.id)).is_(True)] if "needs_attention" in wanted else []
        return [*_plain(columns, wanted), *needed]

    if "names_a_run" in wanted:
        yield Branch(RUNS, [named[0], *plain(RUNS)])
        yield Branch(RUNS, [named[1], sa.not_(named[0]), *plain(RUNS)])

    def others(columns: Any) -> list[Condition]:
        if "names_a_run" not in wanted:
            return plain(columns)
        by_flow_run = sa.select(RUNS.id).where(RUNS.tenant_id == parameter("tenant"), named[1])
        by_id = columns.id.between(parameter("first_id"), parameter("last_id"))
        return [*plain(columns), sa.not_(by_id), columns.id.not_in(by_flow_run)]

    if _may_be_unfinished(wanted):
        holds = RUNS.item_ids.contains(parameter("item"))
        yield Branch(RUNS, [RUNS.finished_at.is_(None), holds, *others(RUNS)])
    if _may_be_finished(wanted):
        holds = FINISHED.item_keys.contains(parameter("item_key"))
        few = _few(FINISHED, [holds], by_item=True)
        yield Branch(few, others(few))
    yield Branch(IN_PART, others(IN_PART))


def _plain(columns: Any, wanted: Shape) -> list[Condition]:
    conditions = [*_attributes(columns, wanted), *_begun(columns, wanted)]
    if ended := _ended(columns.finished_at, wanted):
        conditions.append(sa.or_(columns.finished_at.is_(None), sa.and_(*ended)))
    return conditions


def _attributes(columns: Any, wanted: Shape) -> list[Condition]:
    conditions: list[Condition] = []
    if "type" in wanted:
        conditions += [columns.resource == parameter("resource"), columns.action == parameter("action")]
    if "initiated_by" in wanted:
        conditions.append(columns.initiated_by == parameter("initiated_by"))
    if "scope" in wanted or "reason" in wanted:
        conditions += _told(columns, wanted)
    if len(wanted.buckets) == 1:
        conditions += [columns.bucket == bucket.value for bucket in wanted.buckets]
    elif wanted.buckets:
        conditions.append(columns.bucket.in_(sorted(bucket.value for bucket in wanted.buckets)))
    return conditions


def _told(columns: Any, wanted: Shape) -> list[Condition]:
    """By scope and reason. Runs found by an item are few: each is looked at once more."""
    if columns is not RUNS and "scope" not in columns:
        mine = [ENDED.tenant_id == parameter("tenant"), ENDED.id == columns.id]
        return [sa.select(sa.literal_column("1", sa.Integer)).where(*mine, *_told(ENDED, wanted)).exists()]
    scope, reason = (_SCOPE, _REASON) if columns is RUNS else (columns.scope, columns.reason)
    conditions: list[Condition] = [scope == parameter("scope")] if "scope" in wanted else []
    if "reason" in wanted:
        # The first is the index's own.
        own = sa.literal_column(ENDED_BADLY_SQL, sa.Boolean)
        is_plain = columns is RUNS or columns is ENDED
        conditions += [own if is_plain else columns.bucket.in_(_ENDED_BADLY), reason == parameter("reason")]
    return conditions


def _may_be_unfinished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets & UNFINISHED)


def _may_be_finished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets - UNFINISHED)


_BEGUN = (
    ("running_at", "started_at", le),
    ("until", "created_at", le),
    ("created_since", "created_at", ge),
    ("created_before", "created_at", lt),
)
_ENDS = (("running_at", ge), ("since", ge), ("until", le))


def _begun(columns: Any, wanted: Shape) -> list[Condition]:
    return [holds(columns[column], parameter(part)) for part, column, holds in _BEGUN if part in wanted]


def _ended(finished_at: Any, wanted: Shape) -> list[Condition]:
    return [holds(finished_at, parameter(part)) for part, holds in _ENDS if part in wanted]


def _few(columns: Any, conditions: Sequence[Condition], *, by_item: bool = False) -> Any:
    """The columns of the few runs that a partial index holds; OFFSET 0 keeps other conditions from proposing another index."""
    # The view compares the tenant as text, and so does this by item: that leaves the index of items without a rival.
    as_text = sa.cast(columns.tenant_id, Text) == parameter("tenant_text")
    mine = as_text if by_item else columns.tenant_id == parameter("tenant")
    read = [columns[name] for name in READ] + ([columns.scope, columns.reason] if columns is ENDED else [])
    return sa.select(*read).where(mine, *conditions).offset(sa.literal_column("0")).subquery().c


_SCOPE: Any = sa.literal_column(SCOPE_SQL, Text)
_REASON: Any = sa.literal_column("run_reason(failures)", Text)
_ENDED_BADLY = (StatusBucket.FAILED.value, StatusBucket.PARTIAL.value)
