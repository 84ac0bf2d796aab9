"""Reads findings in the JSON shape of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from flows.drift.comparison.severity import Severity
from flows.drift.register.life import FindingStatus
from flows.drift.register.rules import ignore_rules, without_ignored
from flows.drift.register.words import why_empty as why_empty
from flows.drift.reports.groups import groups_json
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding, DriftRunFinding
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

LIMIT = 10_000
MOST_SCOPES = 1_000


def findings_document(
    database: Database,
    scope: TenantScope,
    *,
    run_id: str | None = None,
    scope_key: str | None = None,
    include_ignored: bool = False,
    statuses: Sequence[str] = (),
) -> dict[str, Any]:
    """What a drift run found: `findings`, `withheld`, `comparisons`, `ignored`, the number of changes rules hide, and
    `not_listed`, how many findings beyond the `LIMIT` most severe ones of a run there are.

    Without `run_id` the newest comparison of every scope key (or of `scope_key`) is shown; none at all gives empty lists.
    BadInputError for a malformed id, NotFoundError for a run that compared nothing in this tenant.
    """
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        runs = _comparisons(connection, scope, run_id, scope_key)
        if run_id is not None and not runs:
            raise NotFoundError(f"Tenant {scope.slug!r} has no drift run {run_id}.")
        found = [finding for run in runs for finding in run_findings(connection, scope, run.run_id)]
        more = _count(connection, scope, runs) - len(found) if len(found) >= LIMIT else 0
        rules = [] if include_ignored else ignore_rules(connection, scope)
    if statuses:
        found = [finding for finding in found if finding["status"] in statuses]
    shown, ignored = without_ignored(found, rules)
    return {
        "findings": shown,
        "groups": groups_json(shown),
        "withheld": [entry for run in runs for entry in run.withheld],
        "comparisons": [
            {
                "run_id": str(run.run_id),
                "scope": run.scope,
                "against": run.against,
                "baseline_sync_id": str(run.baseline_sync_id),
                "current_sync_id": str(run.current_sync_id),
                "created_at": run.created_at.isoformat(),
            }
            for run in runs
        ],
        "ignored": ignored,
        "not_listed": more,
    }


def _count(connection: Connection, scope: TenantScope, runs: Sequence[Any]) -> int:
    of_runs = (
        DriftRunFinding.tenant_id == scope.tenant_id,
        DriftRunFinding.run_id.in_([run.run_id for run in runs]),
    )
    return connection.execute(select(func.count()).select_from(DriftRunFinding).where(*of_runs)).scalar_one()


def worst_open(document: Mapping[str, Any], threshold: str) -> list[dict[str, Any]]:
    """The findings of a document that are as severe as `threshold` or more and neither accepted nor resolved.

    BadInputError for a threshold that is no severity; NotFoundError when nothing was compared, which passes no threshold.
    """
    try:
        limit = Severity(threshold)
    except ValueError:
        raise BadInputError(f"--fail-on takes one of {', '.join(Severity)}.") from None
    if not document["comparisons"]:
        raise NotFoundError(
            "Nothing has been compared yet, so --fail-on cannot tell; run `tenantatlas drift generate`."
        )
    settled = (FindingStatus.ACCEPTED.value, FindingStatus.RESOLVED.value)
    return [
        finding
        for finding in document["findings"]
        if finding["status"] not in settled and Severity(finding["severity"]).at_least(limit)
    ]


def run_findings(connection: Connection, scope: TenantScope, run_id: UUID) -> list[dict[str, Any]]:
    """The findings of one run, most severe first, each with where its subject stands now."""
    rows = connection.execute(
        select(
            *DriftRunFinding.__table__.columns,
            DriftFinding.status,
            DriftFinding.owner,
            DriftFinding.reason,
            DriftFinding.accepted_until,
            DriftFinding.first_seen_at,
        )
        .join(DriftFinding, DriftFinding.id == DriftRunFinding.finding_id)
        .where(DriftRunFinding.tenant_id == scope.tenant_id, DriftRunFinding.run_id == run_id)
        .order_by(DriftRunFinding.position)
        .limit(LIMIT)
    )
    now = datetime.now(UTC)
    return [_shown(row, now) for row in rows.mappings()]


def history(database: Database, scope: TenantScope, finding_id: UUID) -> list[dict[str, Any]]:
    """The life of one finding, oldest event first; NotFoundError when the tenant has no such finding."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(
                DriftEvent.at,
                DriftEvent.actor,
                DriftEvent.event,
                DriftEvent.from_status,
                DriftEvent.to_status,
                DriftEvent.run_id,
                DriftEvent.detail,
            )
            .where(DriftEvent.tenant_id == scope.tenant_id, DriftEvent.finding_id == finding_id)
            .order_by(DriftEvent.at, DriftEvent.id)
        ).all()
    if not rows:
        raise NotFoundError(f"Tenant {scope.slug!r} has no finding {finding_id}.")
    return [
        {
            "at": at.isoformat(),
            "actor": actor,
            "event": event,
            "from": before,
            "to": after,
            "run_id": str(run_id) if run_id else None,
            "detail": detail,
        }
        for at, actor, event, before, after, run_id, detail in rows
    ]


def _comparisons(
    connection: Connection, scope: TenantScope, run_id: str | None, scope_key: str | None
) -> Sequence[Any]:
    columns = (
        DriftComparison.run_id,
        DriftComparison.scope,
        DriftComparison.against,
        DriftComparison.baseline_sync_id,
        DriftComparison.current_sync_id,
        DriftComparison.withheld,
        DriftComparison.created_at,
    )
    wanted = select(*columns).where(DriftComparison.tenant_id == scope.tenant_id)
    if scope_key is not None:
        wanted = wanted.where(DriftComparison.scope == scope_key)
    if run_id is not None:
        wanted_run = checked_id(run_id, "A run id is a UUID, as `tenantatlas runs list` shows it.")
        return connection.execute(wanted.where(DriftComparison.run_id == wanted_run).limit(MOST_SCOPES)).all()
    newest = wanted.distinct(DriftComparison.scope).order_by(
        DriftComparison.scope, DriftComparison.created_at.desc(), DriftComparison.run_id.desc()
    )
    newest = newest.limit(MOST_SCOPES)
    return connection.execute(newest).all()


def _shown(row: Any, now: datetime) -> dict[str, Any]:
    status = row["status"]
    until = row["accepted_until"]
    if status == FindingStatus.ACCEPTED.value and until is not None and until <= now:
        # The date has passed; the next comparison will write it down.
        status = FindingStatus.OPEN.value
    shown: dict[str, Any] = {
        "id": str(row["finding_id"]),
        "run_id": str(row["run_id"]),
        "kind": row["kind"],
        "policy_id": row["policy_id"],
        "policy_name": row["policy_name"],
        "policy_type": row["policy_type"],
        "severity": row["severity"],
        "status": status,
        "changes": row["changes"],
        "first_seen_at": row["first_seen_at"].isoformat(),
    }
    if row["previous_policy_id"] is not None:
        shown["previous_policy_id"] = row["previous_policy_id"]
    if row["policies"]:
        shown["policies"] = row["policies"]
    if row["notes"]:
        shown["notes"] = row["notes"]
    if row["changed_by"] is not None:
        shown["changed_by"] = row["changed_by"]
    if row["owner"] is not None:
        shown |= {"owner": row["owner"], "reason": row["reason"]}
    if until is not None:
        shown["accepted_until"] = until.isoformat()
    return shown
