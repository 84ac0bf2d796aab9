"""What a tenant's ignore rules hide of each finding, kept beside it, so that a list need not read every change to know.

A finding's three columns speak of what its last run found. They count only while `hidden_run_id` is `last_run_id`: a finding
that has moved since, by a worker that does not know them too, is shown until somebody looks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, func, select, update

from flows._policies.sealing import Seals
from flows.drift.register.life import FindingStatus
from flows.drift.register.rules import ignore_rules, without_ignored
from flows.drift.register.standing_changes import AS_IT_STANDS
from flows.drift.tables import DriftFinding, DriftRunFinding
from runstore.tenancy import TenantScope

_FINDINGS: Final = cast(Table, DriftFinding.__table__)
_BATCH: Final = 2000


def rules_held(connection: Connection, scope: TenantScope, *, change: bool) -> None:
    """Waits until the rules stay as they are to the end of the transaction, or with `change` until nobody else goes by them."""
    key = int.from_bytes(hashlib.sha256(f"ignore rules {scope.tenant_id}".encode()).digest()[:8], "big", signed=True)
    lock = func.pg_advisory_xact_lock if change else func.pg_advisory_xact_lock_shared
    connection.execute(select(lock(key)))


def keep_hidden(connection: Connection, scope: TenantScope, finding_ids: Sequence[UUID] | None = None) -> None:
    """Writes down what the rules hide of these findings, or of all that are not resolved. The rules must be held."""
    rules = ignore_rules(connection, scope)
    if finding_ids is None:
        standing = select(DriftFinding.id).where(
            DriftFinding.tenant_id == scope.tenant_id, DriftFinding.status != FindingStatus.RESOLVED.value
        )
        finding_ids = connection.execute(standing).scalars().all()
    elif not rules:
        # What was found now has a run of its own, which no older note speaks of.
        return
    for start in range(0, len(finding_ids), _BATCH):
        _keep(connection, scope, finding_ids[start : start + _BATCH], rules)


def _keep(connection: Connection, scope: TenantScope, finding_ids: Sequence[UUID], rules: Sequence[Any]) -> None:
    found, kept = DriftRunFinding, DriftFinding
    rows = connection.execute(
        select(
            kept.id,
            kept.last_run_id,
            kept.hidden_run_id,
            kept.hidden_changes,
            kept.shown_severity,
            *AS_IT_STANDS,
            found.policy_type,
            found.policy_name,
        )
        .join(
            found,
            (found.tenant_id == kept.tenant_id) & (found.run_id == kept.last_run_id) & (found.finding_id == kept.id),
        )
        .where(kept.tenant_id == scope.tenant_id, kept.id.in_(finding_ids))
    ).mappings()
    changed: list[dict[str, Any]] = []
    seals = Seals(connection, scope)
    for row in rows:
        changes: Any = seals.opened_json(row["changes"], row["id"].bytes) if rules else None
        shown, hidden = without_ignored([{**row, "changes": changes}], rules) if rules else ([], 0)
        run = row["last_run_id"] if hidden else None
        left = shown[0]["severity"] if hidden and shown else None
        if (run, hidden, left) != (row["hidden_run_id"], row["hidden_changes"], row["shown_severity"]):
            changed.append({"known_id": row["id"], "new_run": run, "new_hidden": hidden, "new_severity": left})
    if changed:
        values: dict[str, Any] = {
            "hidden_run_id": bindparam("new_run"),
            "hidden_changes": bindparam("new_hidden"),
            "shown_severity": bindparam("new_severity"),
        }
        connection.execute(update(_FINDINGS).where(_FINDINGS.c.id == bindparam("known_id")).values(values), changed)
