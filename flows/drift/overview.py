"""What the Drift page says: what is open in each scope and since when, what did not start, what is new, expires, is unread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from flows._policies.snapshots import Sync
from flows.drift.comparison.severity import Severity
from flows.drift.comparison.sides import Completeness
from flows.drift.operation import OPERATION
from flows.drift.register.filters import EXPIRING_DAYS, SHOWN, UNSETTLED, FindingFilter
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding
from runstore.schema import OperationRun
from runstore.tenancy import TenantScope

_RUNS_LOOKED_AT: Final = 500
_MOST_LINES: Final = 5_000
DAYS: Final = 30
_LEVELS: Final[Sequence[str]] = [one.value for one in Severity]


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A comparison that was to follow a run and does not: which run, when, and why."""

    run_id: UUID
    at: datetime
    why: str


def open_by_scope(connection: Connection, scope: TenantScope) -> Mapping[str, Mapping[str, int]]:
    """How many findings are open or acknowledged in each scope, by severity, most severe first."""
    rows = connection.execute(
        select(DriftFinding.scope, DriftFinding.rank, func.count())
        .where(DriftFinding.tenant_id == scope.tenant_id, SHOWN, *FindingFilter().about(default=UNSETTLED))
        .group_by(DriftFinding.scope, DriftFinding.rank)
        .order_by(DriftFinding.scope, DriftFinding.rank)
        .limit(_MOST_LINES)
    )
    found: dict[str, dict[str, int]] = {}
    for key, rank, count in rows:
        found.setdefault(key, {})[_LEVELS[rank or 0]] = count
    return found


def not_started(connection: Connection, scope: TenantScope) -> Mapping[str, NotStarted]:
    """By scope: why the newest comparison that was to follow a run there does not; scopes where one follows are left out.

    Looks at the tenant's newest 500 runs.
    """
    newest = (
        select(OperationRun.id, OperationRun.context, OperationRun.created_at)
        .where(OperationRun.tenant_id == scope.tenant_id)
        .order_by(OperationRun.created_at.desc(), OperationRun.id.desc())
        .limit(_RUNS_LOOKED_AT)
        .subquery()
    )
    context = newest.c.context
    rows = connection.execute(
        select(newest.c.id, newest.c.created_at, context["scope"].astext, context["then_why"].astext)
        .where(context["then"].astext == str(OPERATION.type))
        .order_by(newest.c.created_at.desc(), newest.c.id.desc())
        .limit(_RUNS_LOOKED_AT)
    )
    found: dict[str, NotStarted | None] = {}
    for run_id, at, key, why in rows:
        found.setdefault(key, NotStarted(run_id, at, why) if why else None)
    return {key: one for key, one in found.items() if one is not None}


@dataclass(frozen=True, slots=True)
class Trend:
    """The last 30 days of a tenant, by UTC.

    `days` has each day's open and acknowledged findings at its end by severity, oldest first, None before the first comparison that
    is kept; severities are those of today.
    `decisions` counts findings acknowledged or accepted in these days, `until_decided` is how long that took on average since they
    opened, in seconds. `expiring` are accepted until a date within 30 days, `new` opened in the newest comparison of their scope.
    """

    days: Sequence[tuple[date, Mapping[str, int] | None]]
    decisions: int
    until_decided: float | None
    expiring: int
    new: Mapping[str, int]


# By how much what was open grew on each day; a connection's zone is UTC.
# An acceptance that ran out opens without an event until the next comparison. With no day: what is still to run out.
_STEPS: Final = text(
    f"""
    SELECT day, rank, sum(step) FROM (
      SELECT e.at::date AS day, f.rank, count(*) FILTER (WHERE e.to_status IN ('open', 'acknowledged'))
             - count(*) FILTER (WHERE e.from_status IN ('open', 'acknowledged')) AS step
        FROM drift_finding_events e JOIN drift_findings f ON f.id = e.finding_id AND f.tenant_id = e.tenant_id
       WHERE e.tenant_id = :tenant AND e.at >= :since AND f.rank < 9 GROUP BY 1, 2
      UNION ALL
      SELECT CASE WHEN accepted_until <= now() THEN accepted_until::date END, rank, count(*) FROM drift_findings
       WHERE tenant_id = :tenant AND status = 'accepted' AND rank < 9
             AND accepted_until BETWEEN :since AND now() + interval '{EXPIRING_DAYS} days' GROUP BY 1, 2
    ) steps GROUP BY day, rank LIMIT {DAYS * 10}
    """
)
_DECIDED: Final = text(
    """
    SELECT count(*), extract(epoch FROM avg(e.at - opened.at)) FROM drift_finding_events e CROSS JOIN LATERAL (
      SELECT max(b.at) AS at FROM drift_finding_events b
       WHERE b.tenant_id = e.tenant_id AND b.finding_id = e.finding_id AND b.at < e.at
         AND b.to_status = 'open' AND b.from_status IS DISTINCT FROM 'open'
    ) opened
     WHERE e.tenant_id = :tenant AND e.at >= :since AND e.from_status = 'open' AND e.to_status IN ('acknowledged', 'accepted')
     LIMIT 1
    """
)
# A comparison and the steps it makes are of one transaction; the hour lets the index by time find them.
_NEW: Final = text(
    """
    SELECT c.run_id, count(*) FROM unnest(CAST(:runs AS uuid[]), CAST(:times AS timestamptz[])) AS c (run_id, at)
      JOIN drift_finding_events e ON e.tenant_id = :tenant AND e.run_id = c.run_id
           AND e.at BETWEEN c.at - interval '1 hour' AND c.at + interval '1 hour'
      JOIN drift_findings f ON f.id = e.finding_id AND f.rank < 9
     WHERE e.to_status = 'open' AND e.event <> 'expired'
     GROUP BY c.run_id LIMIT 1000
    """
)


def moved_at(connection: Connection, scope: TenantScope) -> datetime | None:
    """When a finding of the tenant last moved; None where none ever did."""
    last = select(DriftEvent.at).where(DriftEvent.tenant_id == scope.tenant_id).order_by(DriftEvent.at.desc())
    return connection.execute(last.limit(1)).scalar_one_or_none()


def trend(
    connection: Connection,
    scope: TenantScope,
    standing: Mapping[str, Mapping[str, int]],
    compared: Sequence[Mapping[str, Any]],
) -> Trend:
    """The tenant's trend, back from what is open now in each scope (`standing`); `compared` are its newest comparisons."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    since = datetime.combine(first, datetime.min.time(), UTC)
    asked = {"tenant": scope.tenant_id, "since": since}
    moved = connection.execute(_STEPS, asked)
    steps: dict[tuple[date | None, str], int] = {(day, _LEVELS[rank]): int(step) for day, rank, step in moved}
    count, seconds = connection.execute(_DECIDED, asked).one()
    runs = [one["run_id"] for one in compared]
    times = [datetime.fromisoformat(one["created_at"]) for one in compared]
    new = connection.execute(_NEW, {"tenant": scope.tenant_id, "runs": runs, "times": times})
    left = {level: sum(of.get(level, 0) for of in standing.values()) for level in _LEVELS}
    oldest = select(func.min(DriftComparison.created_at)).where(DriftComparison.tenant_id == scope.tenant_id).limit(1)
    begun = connection.execute(oldest).scalar_one() or datetime.now(UTC)
    days: list[tuple[date, Mapping[str, int] | None]] = []
    for back in range(DAYS):
        day = today - timedelta(days=back)
        is_known = day >= begun.astimezone(UTC).date()
        days.append((day, {level: number for level, number in left.items() if number > 0} if is_known else None))
        left = {level: number - steps.get((day, level), 0) for level, number in left.items()}
    known = {str(run_id): number for run_id, number in new}
    return Trend(
        days[::-1], count, None if seconds is None else float(seconds), sum(steps.get((None, level), 0) for level in _LEVELS),
        {one["scope"]: known.get(one["run_id"], 0) for one in compared},
    )  # fmt: skip


def blind(usable: Sequence[Sync]) -> Mapping[str, tuple[datetime, bool]]:
    """The types of which a scope's newest usable sync could not tell everything: since which sync, of those given, newest first.

    The flag says that the oldest of them could not either, so that it may have begun earlier.
    """
    found: dict[str, tuple[datetime, bool]] = {}
    known = [Completeness.of_json(sync.unread) for sync in usable]
    unread = [one.types | frozenset(one.items) for one in known]
    for policy_type in sorted(unread[0]) if unread else ():
        lasts = next((place for place, types in enumerate(unread) if policy_type not in types), len(unread))
        found[policy_type] = (usable[lasts - 1].started_at, lasts == len(unread))
    return found
