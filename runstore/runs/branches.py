"""A list's filter as branches that each read one index and stop at their limit.

One statement with every condition in it is shorter, but leaves the planner to choose between walking a tenant's whole history and
sorting half of it. Each branch here fits one index by construction. How many there are depends on the filter's shape only, never
on its values or on what is stored.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from runstore.ids import ids_from
from runstore.runs.filters import RunFilter
from runstore.runs.run_sources import ATTENTION, ENDED, FINISHED, IN_PART, RUNS, Source
from runstore.runs.status import UNFINISHED, StatusBucket
from runstore.schema import ENDED_BADLY_SQL, LONG_RUN, LONG_RUN_SQL, MAX_ITEM_KEY, MAX_SCOPE


@dataclass(frozen=True, slots=True)
class Branch:
    """SQL: what to read, as `r`, and conditions on it. `lead` is the same in all these runs, and first in the index."""

    source: Source
    conditions: Sequence[str]
    lead: str = ""


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
    values: dict[str, Any] = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
    values |= {"tenant": tenant_id, "tenant_text": str(tenant_id), "size": size}
    values["scope"] = None if wanted.scope is None else wanted.scope[:MAX_SCOPE]
    if wanted.type is not None:
        values |= {"resource": wanted.type.resource, "action": wanted.type.action}
    if (begin := wanted.running_at or wanted.since) is not None:
        values["long_before"] = begin - LONG_RUN
    if wanted.running_at is not None:
        values["long_after"] = wanted.running_at + LONG_RUN
    if wanted.search is not None:
        values |= {"item": json.dumps([wanted.search]), "part": wanted.search, "named": [*wanted.named]}
        values |= {"is_named": bool(wanted.named), "quoted": json.dumps(wanted.search, ensure_ascii=False)[1:-1]}
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
    shared = _attributes(RUNS, wanted)
    if not begin and not end and not by_expression:
        yield Branch(RUNS, shared)
        return
    if _may_be_unfinished(wanted):
        yield Branch(RUNS, [*shared, "r.finished_at IS NULL"])
    if not _may_be_finished(wanted):
        return
    # Behind row-level security no index on an expression is used: the view stands in for the table.
    runs = ENDED if by_expression else RUNS
    shared = _attributes(runs, wanted)
    # To the planner an expression that could tell of rows behind row-level security is never settled: the order names it, too.
    lead = (runs.scope if "scope" in wanted else runs.reason) if by_expression else ""
    if not begin and not end:
        yield Branch(runs, shared, lead)
        return
    # The end is hidden from the index by end: the planner takes a run's creation and end for independent, and would sort all of
    # a wide range to give a page of it.
    ended = [*shared, "r.finished_at IS NOT NULL", *_ended("r.finished_at + interval '0'", wanted)]
    if "running_at" in wanted:
        # Not exactly then: the clocks of workers and database may differ, and a run say that it began before it was created.
        ended.append("r.created_at <= :long_after")
    if not begin:
        yield Branch(runs, ended, lead)
        return
    yield Branch(runs, [*ended, "r.created_at >= :long_before"], lead)
    few = _few(runs, "r.tenant_id = :tenant", LONG_RUN_SQL, *_ended("r.finished_at", wanted))
    yield Branch(few, [*_attributes(few, wanted), "r.created_at < :long_before"])


def _searched(wanted: Shape) -> Iterable[Branch]:
    """Runs of that id or flow run id; runs with an item of that id: finished ones by index, the few others one by one; and of
    the newest runs those with an item that is called so in part.
    """
    by_id, by_flow_run = (f"{column} BETWEEN :first_id AND :last_id" for column in ("r.id", "r.flow_run_id"))
    others: list[str] = []
    if "names_a_run" in wanted:
        yield Branch(RUNS, [by_id, *_plain(RUNS, wanted)])
        yield Branch(RUNS, [by_flow_run, f"NOT {by_id}", *_plain(RUNS, wanted)])
        named = f"SELECT r.id FROM operation_runs r WHERE r.tenant_id = :tenant AND {by_flow_run}"
        others = [f"NOT {by_id}", f"r.id NOT IN ({named})"]
    if _may_be_unfinished(wanted):
        holds = "r.item_ids @> CAST(:item AS jsonb)"
        yield Branch(RUNS, ["r.finished_at IS NULL", holds, *_plain(RUNS, wanted), *others])
    if _may_be_finished(wanted):
        # The view compares the tenant as text, and so does this: that leaves the index of items without a rival.
        few = _few(FINISHED, "r.tenant_id::text = :tenant_text", "r.item_keys @> CAST(:item_key AS text[])")
        yield Branch(few, [*_plain(few, wanted), *others])
    yield Branch(IN_PART, [*_plain(IN_PART, wanted), *others])


def _plain(source: Source, wanted: Shape) -> list[str]:
    conditions = _attributes(source, wanted)
    if ended := _ended("r.finished_at", wanted):
        conditions.append(f"(r.finished_at IS NULL OR {' AND '.join(ended)})")
    if "search" in wanted and "needs_attention" in wanted:
        # Said as a value, so that the server looks each up in a table that it makes once, not through all of them.
        conditions.append(f"(r.id IN (SELECT a.id FROM {ATTENTION.sql} a)) IS TRUE")
    return conditions


_ATTRIBUTES = {
    "type": "r.resource = :resource AND r.action = :action",
    "initiated_by": "r.initiated_by = :initiated_by",
    "running_at": "r.started_at <= :running_at",
    "until": "r.created_at <= :until",
    "created_since": "r.created_at >= :created_since",
    "created_before": "r.created_at < :created_before",
}
_ENDS = {"running_at": ">= :running_at", "since": ">= :since", "until": "<= :until"}


def _attributes(source: Source, wanted: Shape) -> list[str]:
    conditions = [condition for part, condition in _ATTRIBUTES.items() if part in wanted]
    told = [f"{source.scope} = :scope"] if "scope" in wanted else []
    if "reason" in wanted:
        # The first is the index's own.
        told += [ENDED_BADLY_SQL, f"{source.reason} = :reason"]
    if told and not source.scope:
        # Runs found by an item are few: each is looked at once more.
        again = " AND ".join(_attributes(ENDED, Shape(wanted.parts & {"scope", "reason"}, frozenset())))
        told = [f"r.id IN (SELECT r.id FROM ended_runs r WHERE r.tenant_id = :tenant AND {again})"]
    if wanted.buckets:
        names = ", ".join(f"'{bucket}'" for bucket in StatusBucket if bucket in wanted.buckets)
        conditions.append(f"r.bucket IN ({names})")
    return conditions + told


def _ended(finished_at: str, wanted: Shape) -> list[str]:
    return [f"{finished_at} {holds}" for part, holds in _ENDS.items() if part in wanted]


def _may_be_unfinished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets & UNFINISHED)


def _may_be_finished(wanted: Shape) -> bool:
    return not wanted.buckets or bool(wanted.buckets - UNFINISHED)


def _few(source: Source, *conditions: str) -> Source:
    """The few runs that a partial index holds; OFFSET 0 keeps other conditions from proposing another index."""
    return source._replace(sql=f"(SELECT * FROM {source.sql} r WHERE {' AND '.join(conditions)} OFFSET 0)")
