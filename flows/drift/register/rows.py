"""The rows behind a document of findings: of the register, by pages, and of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Uuid,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from flows._policies.sealing import Seals
from flows.drift.comparison.severity import Severity
from flows.drift.register.filters import AS_IT_STANDS, HIDES, SHOWN, STATE, UNSETTLED, FindingFilter
from flows.drift.register.ignore_rules import IgnoreRule, without_ignored
from flows.drift.tables import DriftEvent, DriftFinding, DriftRunFinding
from runstore.tenancy import TenantScope

MOST_GROUPS: Final = 1_000
_RANKS: Final = {one.value: one.rank for one in Severity}
_NAMES: Final[dict[int, str]] = {one.rank: one.value for one in Severity}


@dataclass(frozen=True, slots=True)
class Rows:
    """Findings as they are shown; how many there are, and how many by severity and type; how many changes rules hide.

    `as_of` is when they were read, by the database's clock; None where nothing was.
    """

    findings: list[dict[str, Any]]
    total: int
    counts: list[dict[str, Any]]
    ignored: int
    as_of: datetime | None = None


def of_register(
    connection: Connection,
    scope: TenantScope,
    wanted: FindingFilter,
    rules: Sequence[IgnoreRule] | None,
    offset: int,
    limit: int,
) -> Rows:
    """What the register holds of what is wanted, most severe first. With `rules` None nothing is hidden."""
    where = [DriftFinding.tenant_id == scope.tenant_id, *wanted.about(default=UNSETTLED)]
    if rules is None:
        severity, rank, shown = DriftFinding.severity, case(_RANKS, value=DriftFinding.severity), true()
    else:
        severity, rank, shown = case(_NAMES, value=DriftFinding.rank), DriftFinding.rank, SHOWN
    hidden = func.coalesce(func.sum(DriftFinding.hidden_changes), 0)
    within = (func.left(DriftFinding.policy_name, 100), DriftFinding.id)
    # What no index finds is looked for once: the groups that are counted bring the ids of a page with them.
    is_searched = bool(wanted.text or wanted.owner)
    ordered: ColumnElement[Any] = func.array_agg(aggregate_order_by(DriftFinding.id, *within), type_=ARRAY(Uuid()))
    of_page = ordered[1 : offset + limit] if is_searched else null()
    counted = connection.execute(
        select(rank, DriftFinding.policy_type, func.count(), hidden, of_page)
        .where(*where)
        .group_by(rank, DriftFinding.policy_type)
        .limit(MOST_GROUPS)
    ).all()
    counts, total, ignored = _counted(counted, wanted)
    order = (rank, DriftFinding.policy_type, *within)
    of_kind = wanted.of_kind(severity, DriftFinding.policy_type)
    page = select(DriftFinding.id).where(*where, shown, *of_kind)
    if offset <= total // 2:
        page = page.order_by(*order).offset(offset).limit(limit)
    else:
        # From the nearer end: what is skipped is read, too.
        after = max(total - offset - limit, 0)
        page = page.order_by(*(one.desc() for one in order)).offset(after).limit(max(total - offset - after, 0))
    if is_searched:
        page = select(
            func.unnest(bindparam("found", _found(counted, wanted)[offset : offset + limit], ARRAY(Uuid()))).label("id")
        )
    ids = page.subquery()
    listed = (
        select(*_STANDING, *_FOUND, *AS_IT_STANDS)
        .join(ids, ids.c.id == DriftFinding.id)
        .outerjoin(DriftRunFinding, OF_LAST_RUN)
        .order_by(*order)
        .limit(limit)
    )
    rows, found, as_of = _read(connection, scope, listed)
    left, _ = without_ignored(found, rules or ())
    # Those that nobody looked at since they moved are not in the sum yet.
    fresh = [one for one, row in zip(found, rows, strict=True) if not row["hides"]]
    kept, more = without_ignored(fresh, rules or ())
    return Rows(left, total - (len(fresh) - len(kept)), counts, 0 if rules is None else ignored + more, as_of)


def of_run(
    connection: Connection,
    scope: TenantScope,
    wanted: FindingFilter,
    rules: Sequence[IgnoreRule] | None,
    run_id: UUID,
    offset: int,
    limit: int,
) -> Rows:
    """What a run found, in its order, each with where its subject stands now."""
    severity, policy_type = DriftRunFinding.severity, DriftRunFinding.policy_type
    of_run = (DriftRunFinding.tenant_id == scope.tenant_id, DriftRunFinding.run_id == run_id)
    where = [*of_run, *wanted.about(default="all")]
    rank = case(_RANKS, value=severity)
    grouped = select(rank, policy_type, func.count(), literal(0)).join(DriftFinding, _OF_FINDING).where(*where)
    counted = connection.execute(grouped.group_by(rank, policy_type).limit(MOST_GROUPS)).all()
    listed = (
        select(*_STANDING, *_FOUND, DriftRunFinding.kind, severity, DriftRunFinding.changes)
        .join(DriftRunFinding, _OF_FINDING)
        .where(*where, *wanted.of_kind(severity, policy_type))
        .order_by(DriftRunFinding.position)
        .offset(offset)
        .limit(limit)
    )
    _, found, as_of = _read(connection, scope, listed)
    counts, total, _ = _counted(counted, wanted)
    left, hidden = without_ignored(found, rules or ())
    return Rows(left, total - (len(found) - len(left)), counts, hidden, as_of)


def _read(
    connection: Connection, scope: TenantScope, listed: Select[Any]
) -> tuple[Sequence[Any], list[dict[str, Any]], datetime | None]:
    """The rows, the same as they are shown, and when they were read."""
    rows, seals = connection.execute(listed).mappings().all(), Seals(connection, scope)
    return rows, [_shown(row, seals) for row in rows], rows[0]["as_of"] if rows else None


def _found(counted: Sequence[Any], wanted: FindingFilter) -> list[UUID]:
    """The ids of what is shown of the groups that are wanted, in the order of the list."""
    return [
        one
        for rank, policy_type, _, _, ids in sorted(counted, key=itemgetter(0, 1))
        if rank in _NAMES and wanted.policy_type in ("", policy_type) and wanted.severity in ("", _NAMES[rank])
        for one in ids
    ]


def _counted(counted: Sequence[Any], wanted: FindingFilter) -> tuple[list[dict[str, Any]], int, int]:
    counts: list[dict[str, Any]] = []
    total = hidden = 0
    for rank, policy_type, count, of_them, *_ in sorted(counted, key=itemgetter(0, 1)):
        severity = _NAMES.get(rank, "")
        is_wanted = wanted.policy_type in ("", policy_type) and wanted.severity in ("", severity)
        hidden += int(of_them) if is_wanted else 0
        if severity:
            counts.append({"severity": severity, "policy_type": policy_type, "count": count})
            total += count if is_wanted else 0
    return counts, total, hidden


_OF_EVENTS: Final = (DriftEvent.tenant_id == DriftFinding.tenant_id, DriftEvent.finding_id == DriftFinding.id)
_MOVED: Final = DriftEvent.from_status.is_distinct_from(DriftEvent.to_status)
_OF_FINDING: Final = (DriftRunFinding.tenant_id == DriftFinding.tenant_id) & (
    DriftRunFinding.finding_id == DriftFinding.id
)
_STANDING: Final = (
    DriftFinding.id,
    DriftFinding.scope,
    STATE.label("state"),
    HIDES.label("hides"),
    func.now().label("as_of"),
    DriftFinding.owner,
    DriftFinding.reason,
    DriftFinding.accepted_until,
    DriftFinding.first_seen_at,
    DriftFinding.last_seen_at,
    select(func.max(DriftEvent.at)).where(*_OF_EVENTS, _MOVED).scalar_subquery().label("since"),
    select(func.max(DriftEvent.at)).where(*_OF_EVENTS).scalar_subquery().label("changed_at"),
)
_NOT_FOUND: Final = DriftRunFinding.run_id.is_(None)
# A run that was attempted again may not have found it the second time: what the register knows itself stands in.
_FOUND: Final = (
    func.coalesce(DriftRunFinding.run_id, DriftFinding.last_run_id).label("run_id"),
    case((_NOT_FOUND, DriftFinding.policy_id), else_=DriftRunFinding.policy_id).label("policy_id"),
    case((_NOT_FOUND, DriftFinding.policy_name), else_=DriftRunFinding.policy_name).label("policy_name"),
    func.coalesce(DriftRunFinding.policy_type, DriftFinding.policy_type).label("policy_type"),
    DriftRunFinding.previous_policy_id,
    DriftRunFinding.policies,
    DriftRunFinding.notes,
    DriftRunFinding.changed_by,
)
OF_LAST_RUN: Final = _OF_FINDING & (DriftRunFinding.run_id == DriftFinding.last_run_id)


def _shown(row: Any, seals: Seals) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(row["id"]),
        "run_id": str(row["run_id"]),
        **{name: row[name] for name in ("scope", "kind", "policy_id", "policy_name", "policy_type", "severity")},
        "status": row["state"],
        "changes": seals.opened_json(row["changes"], row["id"].bytes) or [],
        "since": (row["since"] or row["first_seen_at"]).isoformat(),
        "changed_at": (row["changed_at"] or row["first_seen_at"]).isoformat(),
        "first_seen_at": row["first_seen_at"].isoformat(),
        "last_seen_at": row["last_seen_at"].isoformat(),
    }
    for name in ("previous_policy_id", "policies", "notes", "changed_by", "owner", "reason"):
        if row[name]:
            shown[name] = row[name]
    if row["accepted_until"] is not None:
        shown["accepted_until"] = row["accepted_until"].isoformat()
    return shown
