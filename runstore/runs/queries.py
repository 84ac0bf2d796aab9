"""Which runs a RunFilter means, as statements: a page of them, and how many there are in each bucket.

Putting a statement together takes longer than the server needs for it. One is made for each shape of a filter, and kept; tenant,
names and moments are its parameters, which the server plans with.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CompoundSelect, Integer, Select, Subquery, bindparam, func, select, union_all

from runstore.runs.branches import Branch, Shape, branches
from runstore.runs.rows import list_of_runs
from runstore.runs.run_sources import parameter
from runstore.runs.status import StatusBucket
from runstore.schema import OperationRun


@lru_cache(maxsize=256)
def newest(wanted: Shape, newer: bool | None) -> Select[Any]:
    """The first runs from the place of a cursor on, in its direction (None without one), with the list's columns."""
    page = _newest_of(wanted, newer)
    order = (page.c.created_at, page.c.id)
    query = list_of_runs().join(page, page.c.id == OperationRun.id).where(OperationRun.tenant_id == parameter("tenant"))
    return query.order_by(*(column.asc() if newer else column.desc() for column in order))


@lru_cache(maxsize=256)
def longest(wanted: Shape) -> Select[Any]:
    """Those of the newest runs that took longest, `shown` of them, with the list's columns."""
    page = _newest_of(wanted, None)
    lasted = func.coalesce(OperationRun.finished_at, func.now()) - OperationRun.started_at
    query = list_of_runs().join(page, page.c.id == OperationRun.id).where(OperationRun.tenant_id == parameter("tenant"))
    order = (lasted.desc().nulls_last(), OperationRun.created_at.desc(), OperationRun.id.desc())
    return query.order_by(*order).limit(bindparam("shown", type_=Integer))


def _newest_of(wanted: Shape, newer: bool | None) -> Subquery:
    parts = [_in_order(_selected(branch, newer, in_order=True), newer) for branch in branches(wanted)]
    if len(parts) > 1:
        parts = [_in_order(union_all(*(select(part.subquery()) for part in parts)).subquery(), newer)]
    return parts[0].subquery("page")


@lru_cache(maxsize=256)
def bucket_counts(wanted: Shape) -> CompoundSelect[tuple[str, int]]:
    """(bucket, n), counted up to the size; what reads the same few runs for each leaves out the buckets of which it finds none."""
    cap = parameter("size")
    if wanted.parts & {"search", "needs_attention"}:
        every = union_all(*(select(_selected(part)) for part in branches(wanted))).subquery()
        return union_all(select(every.c.bucket, func.least(func.count(), cap).label("n")).group_by(every.c.bucket))
    counts: list[Select[tuple[str, int]]] = []
    for bucket in StatusBucket:
        parts = [
            select(select(_selected(part)).limit(cap).subquery())
            for part in branches(replace(wanted, buckets=frozenset({bucket})))
        ]
        some = union_all(*parts).limit(cap).subquery()
        counts.append(
            select(sa.literal(bucket.value, sa.Text).label("bucket"), func.count().label("n")).select_from(some)
        )
    return union_all(*counts)


@lru_cache(maxsize=256)
def per_day(wanted: Shape) -> Select[Any]:
    """(day, bucket, runs) of the newest runs, the day by the number of its beginning among `begins` from 1 on."""
    parts = [_in_order(_selected(branch, in_order=True), None, "bucket") for branch in branches(wanted)]
    every = union_all(*(select(part.subquery()) for part in parts)).subquery()
    newest = _in_order(every, None, "bucket").subquery()
    # Finding a moment's day among fourteen takes a quarter of what converting each moment to a zone and sorting the days does.
    begins = sa.bindparam("begins", type_=sa.ARRAY(sa.DateTime(timezone=True)))
    counted = select(
        func.width_bucket(newest.c.created_at, begins).label("day"), newest.c.bucket, func.count().label("runs")
    )
    return counted.group_by("day", newest.c.bucket).limit(1000)


def _selected(branch: Branch, newer: bool | None = None, *, in_order: bool = False) -> Subquery:
    columns = branch.columns
    # Row-level security says the tenant too; said here, the planner can use the tenant's indexes.
    lead = [branch.lead.label("lead")] if in_order and branch.lead is not None else []
    query = select(columns.id, columns.created_at, columns.bucket, *lead).where(
        columns.tenant_id == parameter("tenant"), *branch.conditions
    )
    if newer is not None:
        key, place = sa.tuple_(columns.created_at, columns.id), sa.tuple_(parameter("place_at"), parameter("place_id"))
        query = query.where(key > place if newer else key < place)
    return query.subquery()


def _in_order(found: Subquery, newer: bool | None, *more: str) -> Select[Any]:
    order = (found.c.created_at, found.c.id)
    lead = [found.c.lead.desc() if newer else found.c.lead.asc()] if "lead" in found.c else []
    return (
        select(*order, *(found.c[name] for name in more))
        .order_by(*lead, *(key.asc() if newer else key.desc() for key in order))
        .limit(parameter("size"))
    )
