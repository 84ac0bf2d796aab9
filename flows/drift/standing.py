"""What the Drift page says of each scope beside its syncs: what is open, and why a comparison did not start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, func, select

from flows.drift.comparison.severity import Severity
from flows.drift.operation import OPERATION
from flows.drift.register.filters import SHOWN, UNSETTLED, FindingFilter
from flows.drift.tables import DriftFinding
from runstore.schema import OperationRun
from runstore.tenancy import TenantScope

_RUNS_LOOKED_AT: Final = 500
_MOST_LINES: Final = 5_000


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
    levels = list(Severity)
    for key, rank, count in rows:
        found.setdefault(key, {})[levels[rank or 0].value] = count
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
