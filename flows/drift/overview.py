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
from flows.drift.register.reading import MOST_SCOPES
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


# What a comparison itself opened; a person's own reopening names the run that the finding was last found by, too.
_OPENED: Final = "(event IN ('found', 'moved') OR from_status = 'resolved')"
# By how much what was open grew on each day; with a run, how many it opened; with neither, what is still to run out. A connection's
# zone is UTC. An acceptance that ran out opens without an event until the next comparison.
_STEPS: Final = text(
    f"""
    WITH moved AS (
      SELECT date_bin('1 day', at, :since) AS day, rank, from_status, to_status, event, run_id, count(*) AS n
        FROM drift_finding_events WHERE tenant_id = :tenant AND at >= :since AND rank < 9 GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT day, rank, run_id, sum(step) FROM (
      SELECT day::date AS day, rank, NULL::uuid AS run_id,
             n * ((to_status IN ('open', 'acknowledged'))::int
                  - (coalesce(from_status, '') IN ('open', 'acknowledged'))::int) AS step FROM moved
      UNION ALL
      SELECT NULL, NULL, run_id, n FROM moved WHERE run_id = ANY(CAST(:runs AS uuid[])) AND {_OPENED}
      UNION ALL
      SELECT NULL, NULL, c.run_id, before.n FROM unnest(CAST(:runs AS uuid[]), CAST(:times AS timestamptz[])) AS c (run_id, at)
       CROSS JOIN LATERAL (
         SELECT count(*) AS n FROM drift_finding_events e
          WHERE tenant_id = :tenant AND rank < 9 AND e.run_id = c.run_id AND {_OPENED}
                AND e.at BETWEEN c.at - interval '1 hour' AND c.at + interval '1 hour' AND e.at < :since
       ) before
      UNION ALL
      SELECT CASE WHEN accepted_until <= now() THEN accepted_until::date END, rank, NULL, 1 FROM drift_findings
       WHERE tenant_id = :tenant AND status = 'accepted' AND rank < 9
             AND accepted_until BETWEEN :since AND now() + interval '{EXPIRING_DAYS} days'
    ) steps GROUP BY day, rank, run_id LIMIT {DAYS * 10 + MOST_SCOPES}
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
    count, seconds = connection.execute(_DECIDED, asked).one()
    runs = [one["run_id"] for one in compared]
    times = [datetime.fromisoformat(one["created_at"]) for one in compared]
    steps: dict[tuple[date | None, str], int] = {}
    new: dict[str, int] = {}
    for day, rank, run_id, step in connection.execute(_STEPS, {**asked, "runs": runs, "times": times}):
        if run_id is not None:
            new[str(run_id)] = int(step)
        else:
            steps[day, _LEVELS[rank]] = int(step)
    left = {level: sum(of.get(level, 0) for of in standing.values()) for level in _LEVELS}
    oldest = select(func.min(DriftComparison.created_at)).where(DriftComparison.tenant_id == scope.tenant_id).limit(1)
    begun = connection.execute(oldest).scalar_one() or datetime.now(UTC)
    days: list[tuple[date, Mapping[str, int] | None]] = []
    for back in range(DAYS):
        day = today - timedelta(days=back)
        is_known = day >= begun.astimezone(UTC).date()
        days.append((day, {level: number for level, number in left.items() if number > 0} if is_known else None))
        left = {level: number - steps.get((day, level), 0) for level, number in left.items()}
    return Trend(
        days[::-1], count, None if seconds is None else float(seconds), sum(steps.get((None, level), 0) for level in _LEVELS),
        {one["scope"]: new.get(one["run_id"], 0) for one in compared},
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
