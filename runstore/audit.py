"""Who did what to what, in one tenant. Entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from runstore.fence.redaction import scrub_json
from runstore.schema import AuditEntry
from runstore.tenancy import TenantScope


def record_audit(
    connection: Connection, scope: TenantScope, verb: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Adds an entry in the caller's transaction, so that the act and its entry are both there or neither."""
    record_audits(connection, scope, verb, {subject: detail or {}})


def record_audits(
    connection: Connection,
    scope: TenantScope,
    verb: str,
    subjects: Mapping[str, Mapping[str, Any]],
    actor: str | None = None,
) -> None:
    """Adds an entry for each subject, with its detail, as `record_audit` does; `actor` names a program that acted by itself."""
    by = (scope.actor.label, scope.actor.user_id) if actor is None else (actor, None)
    entries = [
        {
            "tenant_id": scope.tenant_id,
            "actor": by[0],
            "actor_user": by[1],
            "verb": verb,
            "subject": subject,
            "detail": scrub_json(detail),
        }
        for subject, detail in subjects.items()
    ]
    if entries:
        connection.execute(insert(AuditEntry), entries)
