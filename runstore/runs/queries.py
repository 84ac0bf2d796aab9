"""Which runs a RunFilter means, as statements: a page of them, and how many there are in each bucket.

One statement is made for each shape of a filter, and kept; tenant, names and moments are its parameters, which the server plans
with.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import TextClause, text

from runstore.runs.branches import Branch, Shape, branches
from runstore.runs.rows import list_of_runs
from runstore.runs.status import StatusBucket


@lru_cache(maxsize=256)
def newest(wanted: Shape, newer: bool | None) -> TextClause:
    """The first runs from the place of a cursor on, in its direction (None without one), with the list's columns."""
    order = "p.created_at, p.id" if newer else "p.created_at DESC, p.id DESC"
    return text(f"{_listed(wanted, newer)} ORDER BY {order}")


@lru_cache(maxsize=256)
def longest(wanted: Shape) -> TextClause:
    """Those of the newest runs that took longest, `shown` of them, with the list's columns."""
    lasted = "coalesce(r.finished_at, now()) - r.started_at"
    order = f"{lasted} DESC NULLS LAST, r.created_at DESC, r.id DESC"
    return text(f"{_listed(wanted, None)} ORDER BY {order} LIMIT :shown")


@lru_cache(maxsize=256)
def bucket_counts(wanted: Shape) -> TextClause:
    """(bucket, n), counted up to the size; what reads the same few runs for each leaves out the buckets of which it finds none."""
    if wanted.parts & {"search", "needs_attention"}:
        every = _union(map(_read, branches(wanted)))
        return text(f"SELECT bucket, least(count(*), :size) AS n FROM ({every}) every GROUP BY bucket")
    counts: list[str] = []
    for bucket in StatusBucket:
        parts = branches(replace(wanted, buckets=frozenset({bucket})))
        some = f"SELECT FROM ({_union(f'{_read(part)} LIMIT :size' for part in parts)}) parts LIMIT :size"
        counts.append(f"SELECT '{bucket}' AS bucket, count(*) AS n FROM ({some}) capped")
    return text(_union(counts))


@lru_cache(maxsize=256)
def per_day(wanted: Shape) -> TextClause:
    """(day, bucket, runs) of the newest runs, the day by the number of its beginning among `begins` from 1 on."""
    # Finding a moment's day among fourteen takes a quarter of what converting each moment to a zone and sorting the days does.
    day = "width_bucket(created_at, CAST(:begins AS timestamptz[]))"
    every = _newest_of(wanted, None)
    return text(f"SELECT {day} AS day, bucket, count(*) AS runs FROM ({every}) newest GROUP BY 1, 2 LIMIT 1000")


def _listed(wanted: Shape, newer: bool | None) -> str:
    return f"{list_of_runs()} JOIN ({_newest_of(wanted, newer)}) p ON p.id = r.id WHERE r.tenant_id = :tenant"


def _newest_of(wanted: Shape, newer: bool | None) -> str:
    down, up = ("", "DESC") if newer else ("DESC", "")
    order = f"created_at {down}, id {down} LIMIT :size"
    parts = [
        f"{_read(branch, newer)} ORDER BY {f'{branch.lead} {up}, ' if branch.lead else ''}{order}"
        for branch in branches(wanted)
    ]
    return parts[0] if len(parts) == 1 else f"SELECT * FROM ({_union(parts)}) parts ORDER BY {order}"


def _read(branch: Branch, newer: bool | None = None) -> str:
    # Row-level security says the tenant too; said here, the planner can use the tenant's indexes.
    conditions = ["r.tenant_id = :tenant", *branch.conditions]
    if newer is not None:
        conditions.append(f"(r.created_at, r.id) {'>' if newer else '<'} (:place_at, :place_id)")
    return f"SELECT r.created_at, r.id, r.bucket FROM {branch.source.sql} r WHERE {' AND '.join(conditions)}"


def _union(parts: Iterable[str]) -> str:
    return " UNION ALL ".join(f"({part})" for part in parts)
