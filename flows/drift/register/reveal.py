"""Shows the words that fingerprints in one finding stand for, to an owner or manager, where the tenant's owner allows it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from flows._policies.kept_words import kept_words
from flows._policies.sealing import Seals
from flows._policies.secrets import FINGERPRINT
from flows.drift.register.filters import AS_IT_STANDS
from flows.drift.register.rows import OF_LAST_RUN
from flows.drift.tables import DriftFinding, DriftRunFinding
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import NotFoundError
from runstore.ids import checked_id
from runstore.tenancy import Permission, TenantScope


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
