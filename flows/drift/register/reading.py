"""Reads findings in the JSON shape of the contract: the register, what one comparison found, or a finding's kept words."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from flows._policies.kept_words import kept_words
from flows._policies.known_names import known_names
from flows._policies.sealing import Seals
from flows._policies.secrets import FINGERPRINT
from flows.drift.comparison.names import ids_of, named
from flows.drift.comparison.severity import Severity
from flows.drift.register.filters import AS_IT_STANDS, FindingFilter
from flows.drift.register.ignore_rules import ignore_rules
from flows.drift.register.lifecycle import FindingStatus
from flows.drift.register.rows import OF_LAST_RUN, of_register, of_run
from flows.drift.reports.summary import groups_json
from flows.drift.tables import DriftComparison, DriftEvent, DriftFinding, DriftRunFinding
from runstore.audit import record_audit
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

    BadInputError for a threshold that is not a severity; NotFoundError when nothing was compared, which passes no threshold.
    """
    try:
        limit = Severity(threshold)
    except ValueError:
        raise BadInputError(f"--fail-on takes one of {', '.join(Severity)}.") from None
    if not document["comparisons"]:
        raise NotFoundError(
            "Nothing has been compared yet, so --fail-on cannot tell; run `tenantatlas drift generate`."
        )
    settled = (FindingStatus.ACCEPTED, FindingStatus.RESOLVED)
    severe = (one for one in document["findings"] if Severity(one["severity"]).at_least(limit))
    return [one for one in severe if one["status"] not in settled]


def with_known_names(
    database: Database, scope: TenantScope, findings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The findings with what their ids are called now; a name changed since is the one that is shown."""
    with database.transaction(scope) as connection:
        return named(findings, known_names(connection, scope, ids_of(findings)))


def histories(database: Database, scope: TenantScope, finding_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The last events of several findings by id, newest first, in the JSON shape of `history`."""
    wanted = DriftEvent.finding_id.in_([UUID(one) for one in finding_ids])
    found: dict[str, list[dict[str, Any]]] = {}
    for finding_id, event in _events(database, scope, wanted, EVENTS_SHOWN)[::-1]:
        found.setdefault(str(finding_id), []).append(event)
    return found


def history(database: Database, scope: TenantScope, finding_id: UUID) -> list[dict[str, Any]]:
    """The life of one finding, oldest event first; NotFoundError when the tenant has no such finding."""
    found = [event for _, event in _events(database, scope, DriftEvent.finding_id == finding_id)]
    if not found:
        raise NotFoundError(f"Tenant {scope.slug!r} has no finding {finding_id}.")
    return found


def _events(
    database: Database, scope: TenantScope, wanted: ColumnElement[bool], limit: int | None = None
) -> list[tuple[UUID, dict[str, Any]]]:
    """The events, each with its finding's id, the last one at the end; at most the newest `limit`."""
    scope.require(Permission.VIEW)
    asked = (
        select(DriftEvent)
        .where(DriftEvent.tenant_id == scope.tenant_id, wanted)
        .order_by(DriftEvent.at.desc(), DriftEvent.id.desc())
        .limit(limit)
    )
    with database.transaction(scope) as connection:
        rows = connection.execute(asked).all()
    return [
        (
            row.finding_id,
            {
                "at": row.at.isoformat(),
                "actor": row.actor,
                "event": row.event,
                "from": row.from_status,
                "to": row.to_status,
                "run_id": str(row.run_id) if row.run_id else None,
                "detail": row.detail,
            },
        )
        for row in reversed(rows)
    ]


def reveal(database: Database, scope: TenantScope, finding_id: str) -> dict[str, Any]:
    """The words behind the fingerprints in a finding's changes, as far as they are kept. The audit log has it before.

    BadInputError for a malformed id, NotFoundError for a finding the tenant has not, ForbiddenError for another role than owner
    and manager and where revealing is not allowed.
    """
    scope.require(Permission.ADMINISTER)
    wanted = checked_id(finding_id, "A finding id is a UUID, as `tenantatlas drift findings` shows it.")
    with database.transaction(scope) as connection:
        row = connection.execute(
            select(*AS_IT_STANDS)
            .select_from(DriftFinding)
            .outerjoin(DriftRunFinding, OF_LAST_RUN)
            .where(DriftFinding.tenant_id == scope.tenant_id, DriftFinding.id == wanted)
        ).one_or_none()
        if row is None:
            raise NotFoundError(f"Tenant {scope.slug!r} has no finding {wanted}.")
        seals = Seals(connection, scope)
        changes = seals.opened_json(row.changes, wanted.bytes) or ()
        values = json.dumps([[change.get("before"), change.get("after")] for change in changes])
        marks = list(dict.fromkeys(FINGERPRINT.findall(values)))
        words = kept_words(connection, scope, marks, seals)
        record_audit(connection, scope, "drift.reveal", str(wanted), {"values": len(words)})
    shown = [{"fingerprint": mark, "value": words[mark]} for mark in marks if mark in words]
    return {"finding": str(wanted), "values": shown}


def _comparison(run: Any) -> dict[str, Any]:
    names = ("run_id", "scope", "against", "baseline_sync_id", "current_sync_id")
    return {**{name: str(getattr(run, name)) for name in names}, "created_at": run.created_at.isoformat()}


def _comparisons(
    connection: Connection, scope: TenantScope, run_id: str | None, scope_key: str | None
) -> Sequence[Any]:
    wanted = select(DriftComparison).where(DriftComparison.tenant_id == scope.tenant_id).limit(MOST_SCOPES)
    if scope_key is not None:
        wanted = wanted.where(DriftComparison.scope == scope_key)
    if run_id is not None:
        wanted_run = checked_id(run_id, "A run id is a UUID, as `tenantatlas runs list` shows it.")
        return connection.execute(wanted.where(DriftComparison.run_id == wanted_run)).all()
    newest = (DriftComparison.scope, DriftComparison.created_at.desc(), DriftComparison.run_id.desc())
    return connection.execute(wanted.distinct(DriftComparison.scope).order_by(*newest)).all()
