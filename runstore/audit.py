"""Who did what to what, in one tenant. Entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from runstore.schema import AuditEntry
from runstore.tenancy import TenantScope


def record_audit(
    connection: Connection, scope: TenantScope, verb: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Adds an entry in the caller's transaction, so that the act and its entry are both there or neither."""
    entry = {
        "tenant_id": scope.tenant_id,
        "actor": scope.actor.label,
        "actor_user": scope.actor.user_id,
        "verb": verb,
        "subject": subject,
        "detail": dict(detail or {}),
    }
    connection.execute(insert(AuditEntry), entry)
