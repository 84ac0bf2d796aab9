"""Decisions about one finding, as the commands make them."""

from datetime import datetime
from typing import Any

from flows.drift.register.decisions import Decision, decide_one
from flows.drift.register.lifecycle import FindingStatus
from runstore.database import Database
from runstore.tenancy import TenantScope


def acknowledge(database: Database, scope: TenantScope, finding_id: str) -> dict[str, Any]:
    return decide_one(database, scope, finding_id, Decision(FindingStatus.ACKNOWLEDGED))


def accept(
    database: Database, scope: TenantScope, finding_id: str, *, owner: str, reason: str, until: datetime | None = None
) -> dict[str, Any]:
    return decide_one(database, scope, finding_id, Decision.accepting(owner, reason, until))


def reopen(database: Database, scope: TenantScope, finding_id: str) -> dict[str, Any]:
    return decide_one(database, scope, finding_id, Decision(FindingStatus.OPEN))
