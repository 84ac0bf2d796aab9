"""A list's filter as branches that each read one index and stop at their limit.

One statement with every condition in it is shorter, but leaves the planner to choose between walking a tenant's whole history and
sorting half of it. Each branch here fits one index by construction. How many there are depends on the filter's shape only, never
on its values or on what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    literal_column,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from runstore.ids import ids_from
from runstore.runs.filters import RunFilter
from runstore.runs.status import UNFINISHED, StatusBucket
from runstore.runs.views import ENDED_RUNS, FINISHED_RUNS, MAX_SCOPE
from runstore.schema import ENDED_BADLY_SQL, LONG_RUN, LONG_RUN_SQL, MAX_ITEM_KEY, SCOPE_SQL, OperationRun

Condition = ColumnElement[bool]
_RUNS: Any = OperationRun.__table__.c
_ENDED: Any = ENDED_RUNS.c
_FINISHED: Any = FINISHED_RUNS.c


@dataclass(frozen=True, slots=True)
class Branch:
    """Some columns to read from, a table's or those of `_few`, and conditions on them.

    `lead` is a column that is the same in all these runs, and by which an index sorts them first.
    """

    columns: Any
    conditions: Sequence[Condition]
    lead: Any = None


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a filter has. Of the buckets it says which: each has branches of its own."""

    type: bool
    buckets: frozenset[StatusBucket]
    since: bool
    until: bool
    running_at: bool
    created_since: bool
    created_before: bool
    initiated_by: bool
    search: bool
    names_a_run: bool
    scope: bool
    reason: bool
    needs_attention: bool


def shape_of(wanted: RunFilter) -> Shape:
    """The filter without its values."""
    return Shape(
        type=wanted.type is not None,
        buckets=wanted.buckets,
        since=wanted.since is not None,
        until=wanted.until is not None,
        running_at=wanted.running_at is not None,
        created_since=wanted.created_since is not None,
        created_before=wanted.created_before is not None,
        initiated_by=wanted.initiated_by is not None,
        search=wanted.search is not None,
        names_a_run=wanted.search is not None and ids_from(wanted.search) is not None,
        scope=wanted.scope is not None,
        reason=wanted.reason is not None,
        needs_attention=wanted.needs_attention,
    )


def values_of(tenant_id: UUID, wanted: RunFilter, size: int) -> dict[str, Any]:
    """What the parameters hold, those too that this filter's statement does without."""
    values: dict[str, Any] = {"tenant": tenant_id, "tenant_text": str(tenant_id), "size": size}
    values |= {"since": wanted.since, "until": wanted.until, "running_at": wanted.running_at}
    values |= {"created_since": wanted.created_since, "created_before": wanted.created_before}
    values |= {"initiated_by": wanted.initiated_by, "reason": wanted.reason}
    values["scope"] = None if wanted.scope is None else wanted.scope[:MAX_SCOPE]
    if wanted.type is not None:
        values |= {"resource": wanted.type.resource, "action": wanted.type.action}
    if (begin := wanted.running_at or wanted.since) is not None:
        values["long_before"] = begin - LONG_RUN
    if wanted.running_at is not None:
        values["long_after"] = wanted.running_at + LONG_RUN
    if wanted.search is not None:
        values |= {"item": [wanted.search], "item_key": [wanted.search[:MAX_ITEM_KEY]]}
        values["first_id"], values["last_id"] = ids_from(wanted.search) or (None, None)
    return values


_MOMENT = DateTime(timezone=True)
_TYPES: dict[str, Any] = {
    "tenant": Uuid,
    "tenant_text": Text,
    "size": Integer,
    "since": _MOMENT,
    "until": _MOMENT,
    "running_at": _MOMENT,
    "created_since": _MOMENT,
    "created_before": _MOMENT,
    "long_before": _MOMENT,
    "long_after": _MOMENT,
    "place_at": _MOMENT,
    "place_id": Uuid,
    "initiated_by": Text,
    "scope": Text,
    "reason": Text,
    "resource": Text,
    "action": Text,
    "item": JSONB,
    "item_key": ARRAY(Text),
    "first_id": Uuid,
    "last_id": Uuid,
}


def parameter(name: str) -> BindParameter[Any]:
    """The place of a value of `values_of`, or of `place_at` and `place_id`, a cursor's."""
    return bindparam(name, type_=_TYPES[name])


def branches(wanted: Shape) -> Iterable[Branch]:
    """A filter of that shape as branches without a run in common."""
    if wanted.search:
        return _searched(wanted)
    if wanted.needs_attention:
        return [Branch(_ATTENTION, _plain(_ATTENTION, wanted))]
    return [branch for buckets in _buckets(wanted) for branch in _by_time(replace(wanted, buckets=buckets))]


def _buckets(wanted: Shape) -> Sequence[frozenset[StatusBucket]]:
    """The indexes by type and by initiator go on with the bucket, so that the two together are one walk as well."""
    if not wanted.buckets and not any((wanted.type, wanted.initiated_by, wanted.scope, wanted.reason)):
        return (wanted.buckets,)
    # In an order of its own: statements are kept by their text.
    return [frozenset({bucket}) for bucket in StatusBucket if not wanted.buckets or bucket in wanted.buckets]


def _by_time(wanted: Shape) -> Iterable[Branch]:
    """Runs are listed by their creation and asked for by their end: the two are brought together here.

    A run that had not ended at a moment was created after it, or shortly before it, or is one of the few that took long: those have
    an index of their own, and so have unfinished ones. `wanted` has one bucket or none.
    """
    begin, end = wanted.running_at or wanted.since, wanted.running_at or wanted.until
    by_expression = wanted.scope or wanted.reason
    shared = [*_attributes(_RUNS, wanted), *_begun(_RUNS, wanted)]
    if not begin and not end and not by_expression:
        yield Branch(_RUNS, shared)
        return
    if _may_be_unfinished(wanted):
        yield Branch(_RUNS, [*shared, _RUNS.finished_at.is_(None)])
    if not _may_be_finished(wanted):
        return
    # Behind row-level security no index on an expression is used: the view stands in for the table.
    runs = _ENDED if by_expression else _RUNS
    shared = [*_attributes(runs, wanted), *_begun(runs, wanted)]
    # To the planner an expression that could tell of rows behind row-level security is never settled: the order names it, too.
    lead = (runs.scope if wanted.scope else runs.reason) if by_expression else None
    if not begin and not end:
        yield Branch(runs, shared, lead)
        return
    # The end is hidden from the index by end: the planner takes a run's creation and end for independent, and would sort all of
    # a wide range to give a page of it.
    ended = [*shared, runs.finished_at.is_not(None), *_ended(runs.finished_at + _NOTHING, wanted)]
    if wanted.running_at:
        # Not exactly then: the clocks of workers and database may differ, and a run say that it began before it was created.
        ended.append(runs.created_at <= parameter("long_after"))
    if not begin:
        yield Branch(runs, ended, lead)
        return
    yield Branch(runs, [*ended, runs.created_at >= parameter("long_before")], lead)
    few = _few(runs, [literal_column(LONG_RUN_SQL, Boolean), *_ended(runs.finished_at, wanted)])
    yield Branch(few, [*_attributes(few, wanted), *_begun(few, wanted), few.created_at < parameter("long_before")])


_NOTHING = literal_column("interval '0'", Interval)


def _searched(wanted: Shape) -> Iterable[Branch]:
    """Runs of that id or flow run id, and runs with an item of that id: finished ones by index, the few others one by one."""
    named = [column.between(parameter("first_id"), parameter("last_id")) for column in (_RUNS.id, _RUNS.flow_run_id)]

    def plain(columns: Any) -> list[Condition]:
        needed = [columns.id.in_(select(_ATTENTION.id))] if wanted.needs_attention else []
        return [*_plain(columns, wanted), *needed]

    if wanted.names_a_run:
        yield Branch(_RUNS, [named[0], *plain(_RUNS)])
        yield Branch(_RUNS, [named[1], not_(named[0]), *plain(_RUNS)])

    def others(columns: Any) -> list[Condition]:
        if not wanted.names_a_run:
            return plain(columns)
        by_flow_run = select(_RUNS.id).where(_RUNS.tenant_id == parameter("tenant"), named[1])
        by_id = columns.id.between(parameter("first_id"), parameter("last_id"))
        return [*plain(columns), not_(by_id), columns.id.not_in(by_flow_run)]

    if _may_be_unfinished(wanted):
        holds = _RUNS.item_ids.contains(parameter("item"))
        yield Branch(_RUNS, [_RUNS.finished_at.is_(None), holds, *others(_RUNS)])
    if _may_be_finished(wanted):
        holds = _FINISHED.item_keys.contains(parameter("item_key"))
        few = _few(_FINISHED, [holds], by_item=True)
        yield Branch(few, others(few))


def _plain(columns: Any, wanted: Shape) -> list[Condition]:
    """What the filter means, condition by condition; the search aside."""
    conditions = [*_attributes(columns, wanted), *_begun(columns, wanted)]
    if ended := _ended(columns.finished_at, wanted):
        conditions.append(or_(columns.finished_at.is_(None), and_(*ended)))
    return conditions


def _attributes(columns: Any, wanted: Shape) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.type:
        conditions += [columns.resource == parameter("resource"), columns.action == parameter("action")]
    if wanted.initiated_by:
        conditions.append(columns.initiated_by == parameter("initiated_by"))
    if wanted.scope or wanted.reason:
        conditions += _told(columns, wanted)
    if len(wanted.buckets) == 1:
        conditions += [columns.bucket == bucket.value for bucket in wanted.buckets]
    elif wanted.buckets:
        conditions.append(columns.bucket.in_(sorted(bucket.value for bucket in wanted.buckets)))
    return conditions


def _told(columns: Any, wanted: Shape) -> list[Condition]:
    """By scope and reason. Runs found by an item are few: each is looked at once more."""
    if columns is not _RUNS and "scope" not in columns:
        mine = [_ENDED.tenant_id == parameter("tenant"), _ENDED.id == columns.id]
        return [select(literal_column("1", Integer)).where(*mine, *_told(_ENDED, wanted)).exists()]
    scope, reason = (_SCOPE, _REASON) if columns is _RUNS else (columns.scope, columns.reason)
    conditions: list[Condition] = [scope == parameter("scope")] if wanted.scope else []
    if wanted.reason:
        # The first is the index's own.
        own = literal_column(ENDED_BADLY_SQL, Boolean)
        is_plain = columns is _RUNS or columns is _ENDED
        conditions += [own if is_plain else columns.bucket.in_(_ENDED_BADLY), reason == parameter("reason")]
    return conditions


def _may_be_unfinished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets & UNFINISHED)


def _may_be_finished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets - UNFINISHED)


def _begun(columns: Any, wanted: Shape) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.running_at:
        conditions.append(columns.started_at <= parameter("running_at"))
    if wanted.until:
        conditions.append(columns.created_at <= parameter("until"))
    if wanted.created_since:
        conditions.append(columns.created_at >= parameter("created_since"))
    if wanted.created_before:
        conditions.append(columns.created_at < parameter("created_before"))
    return conditions


def _ended(finished_at: Any, wanted: Shape) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.running_at:
        conditions.append(finished_at >= parameter("running_at"))
    if wanted.since:
        conditions.append(finished_at >= parameter("since"))
    if wanted.until:
        conditions.append(finished_at <= parameter("until"))
    return conditions


def _few(columns: Any, conditions: Sequence[Condition], *, by_item: bool = False) -> Any:
    """The columns of the few runs that a partial index holds; OFFSET 0 keeps other conditions from proposing another index."""
    # The view compares the tenant as text, and so does this by item: that leaves the index of items without a rival.
    as_text = cast(columns.tenant_id, Text) == parameter("tenant_text")
    mine = as_text if by_item else columns.tenant_id == parameter("tenant")
    read = [columns[name] for name in _READ] + ([columns.scope, columns.reason] if columns is _ENDED else [])
    return select(*read).where(mine, *conditions).offset(literal_column("0")).subquery().c


_READ = ("id", "tenant_id", "resource", "action", "bucket", "initiated_by", "created_at", "started_at", "finished_at")

_SCOPE: Any = literal_column(SCOPE_SQL, Text)
_REASON: Any = literal_column("run_reason(failures)", Text)
_ENDED_BADLY = (StatusBucket.FAILED.value, StatusBucket.PARTIAL.value)

_KIND = ", ".join(f"e.{name}" for name in (*_READ, "scope"))

# From the newest run of one operation and scope the index is walked to the first of the next, however many lie between.
_ATTENTION: Any = (
    text(
        f"""
        WITH RECURSIVE newest AS (
          (SELECT {_KIND} FROM ended_runs e WHERE e.tenant_id = :tenant
           ORDER BY e.resource, e.action, e.scope, e.created_at DESC, e.id DESC LIMIT 1)
          UNION ALL
          SELECT f.* FROM newest n CROSS JOIN LATERAL (
            SELECT {_KIND} FROM ended_runs e
            WHERE e.tenant_id = :tenant AND (e.resource, e.action, e.scope) > (n.resource, n.action, n.scope)
            ORDER BY e.resource, e.action, e.scope, e.created_at DESC, e.id DESC LIMIT 1) f
        ), kinds AS (SELECT * FROM newest LIMIT 2000)
        SELECT k.*, (SELECT e.reason FROM ended_runs e WHERE e.tenant_id = :tenant AND e.id = k.id) AS reason
        FROM kinds k WHERE {ENDED_BADLY_SQL}
        """
    )
    .bindparams(bindparam("tenant", type_=Uuid))
    .columns(*(ENDED_RUNS.c[name] for name in (*_READ, "scope", "reason")))
    .subquery("attention")
    .c
)
