"""Reads findings in the JSON shape of the contract: the register, or what one comparison found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from flows.drift.comparison.severity import Severity
from flows.drift.register.filters import FindingFilter
from flows.drift.register.life import FindingStatus
from flows.drift.register.names import with_known_names
from flows.drift.register.rows import of_register, of_run
from flows.drift.register.rules import ignore_rules
from flows.drift.register.words import why_empty as why_empty
from flows.drift.reports.groups import groups_json
from flows.drift.tables import DriftComparison, DriftEvent
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope

LIMIT = 10_000
MOST_SCOPES = 1_000
EVENTS_SHOWN = 1_000
OPEN = FindingFilter()
"""Open and acknowledged ones, of every scope."""


def findings_document(
    database: Database,
    scope: TenantScope,
    *,
    run_id: str | None = None,
    wanted: FindingFilter = OPEN,
    include_ignored: bool = False,
    offset: int = 0,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """The register: what stands open in the tenant, most severe first, or with `run_id` what that comparison found.

    `view` says which of the two it is. `findings` are at most `limit` from `offset` on, each with what its last comparison found;
    `total` how many there are, `not_listed` how many of them come after those listed. `counts` has them by severity and
    type, whatever severity and type is asked for. `comparisons` are the newest of each scope, or the run's; `withheld` what
    those did not compare; `ignored` the number of changes that rules hide.
    BadInputError for a malformed id, NotFoundError for a run that compared nothing in this tenant.
    """
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        runs = _comparisons(connection, scope, run_id, wanted.scope_key)
        if run_id is not None and not runs:
            raise NotFoundError(f"Tenant {scope.slug!r} has no drift run {run_id}.")
        rules = None if include_ignored else ignore_rules(connection, scope)
        if run_id is None:
            rows = of_register(connection, scope, wanted, rules, offset, limit)
        else:
            rows = of_run(connection, scope, wanted, rules, runs[0].run_id, offset, limit)
    findings = with_known_names(database, scope, rows.findings)
    return {
        "view": "register" if run_id is None else "comparison",
        "findings": findings,
        "groups": groups_json(findings),
        "as_of": (rows.as_of or datetime.now(UTC)).isoformat(),
        "total": rows.total,
        "counts": rows.counts,
        "withheld": [entry for run in runs for entry in run.withheld],
        "comparisons": [_comparison(run) for run in runs],
        "ignored": rows.ignored,
        "not_listed": max(rows.total - offset - len(findings), 0),
    }


def newest_comparisons(database: Database, scope: TenantScope) -> list[dict[str, Any]]:
    """The newest comparison of each scope, in the JSON shape of the contract, with what it `withheld`."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        newest = _comparisons(connection, scope, None, None)
    return [{**_comparison(run), "withheld": run.withheld} for run in newest]


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


def histories(database: Database, scope: TenantScope, finding_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The last events of several findings by id, newest first, in the JSON shape of `history`."""
    scope.require(Permission.VIEW)
    wanted = DriftEvent.tenant_id == scope.tenant_id, DriftEvent.finding_id.in_([UUID(one) for one in finding_ids])
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(DriftEvent.finding_id, *_EVENT)
            .where(*wanted)
            .order_by(DriftEvent.at.desc(), DriftEvent.id.desc())
            .limit(EVENTS_SHOWN)
        ).all()
    found: dict[str, list[dict[str, Any]]] = {}
    for finding_id, *event in rows:
        found.setdefault(str(finding_id), []).append(_event(event))
    return found


def history(database: Database, scope: TenantScope, finding_id: UUID) -> list[dict[str, Any]]:
    """The life of one finding, oldest event first; NotFoundError when the tenant has no such finding."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        rows = connection.execute(
            select(*_EVENT)
            .where(DriftEvent.tenant_id == scope.tenant_id, DriftEvent.finding_id == finding_id)
            .order_by(DriftEvent.at, DriftEvent.id)
        ).all()
    if not rows:
        raise NotFoundError(f"Tenant {scope.slug!r} has no finding {finding_id}.")
    return [_event(row) for row in rows]


_EVENT = (
    DriftEvent.at,
    DriftEvent.actor,
    DriftEvent.event,
    DriftEvent.from_status,
    DriftEvent.to_status,
    DriftEvent.run_id,
    DriftEvent.detail,
)


def _event(row: Sequence[Any]) -> dict[str, Any]:
    at, actor, event, before, after, run_id, detail = row
    return {
        "at": at.isoformat(),
        "actor": actor,
        "event": event,
        "from": before,
        "to": after,
        "run_id": str(run_id) if run_id else None,
        "detail": detail,
    }


def _comparison(run: Any) -> dict[str, Any]:
    return {
        "run_id": str(run.run_id),
        "scope": run.scope,
        "against": run.against,
        "baseline_sync_id": str(run.baseline_sync_id),
        "current_sync_id": str(run.current_sync_id),
        "created_at": run.created_at.isoformat(),
    }


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
