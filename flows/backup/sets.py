"""Backup sets as people handle them: make one, list them, see what is in one, ask for policies to be put into one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select

from flows.backup.operation import MOST_POLICIES, OPERATION
from flows.backup.tables import BackupItem, BackupSet
from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, ConflictError, ForbiddenError
from runstore.fence.reason_fields import plain_text
from runstore.fence.redaction import scrub_text
from runstore.ids import checked_id
from runstore.runs.starter import StartRequest
from runstore.tenancy import Permission, TenantScope

NAME_LIMIT = 200
_NO_SUCH_SET = (
    "This tenant has no such backup set, or it is not yours to see; `tenantatlas backup list` shows those it has."
)


@dataclass(frozen=True, slots=True)
class SetView:
    """A backup set as listed: how many policies it holds, in how many versions, and when the last one came."""

    id: UUID
    name: str
    created_by: str
    created_at: datetime
    policies: int = 0
    items: int = 0
    size: int = 0
    last_captured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemView:
    policy_id: str
    policy_type: str
    name: str
    platform: str | None
    content_hash: bytes
    assignments: int
    size: int
    encrypted: bool
    run_id: UUID
    captured_at: datetime


def document_of(one: SetView | ItemView) -> dict[str, Any]:
    """The JSON shape of the command line; sizes in bytes, before compression."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(one).items()}


def create_set(database: Database, scope: TenantScope, name: str) -> SetView:
    """The new, empty set. BadInputError for a name that is empty, too long or taken; ForbiddenError for a reader."""
    scope.require(Permission.OPERATE)
    cleaned = plain_text(scrub_text(name), NAME_LIMIT + 1)
    if not cleaned or len(cleaned) > NAME_LIMIT:
        raise BadInputError(f"A backup set needs a name of 1 to {NAME_LIMIT} characters: give it with --name.")
    values = {"tenant_id": scope.tenant_id, "name": cleaned, "created_by": scope.actor.label}
    try:
        with database.transaction(scope) as connection:
            columns = (BackupSet.id, BackupSet.name, BackupSet.created_by, BackupSet.created_at)
            row = connection.execute(insert(BackupSet).values(values).returning(*columns)).one()
            record_audit(connection, scope, "backup_set.create", str(row.id), {"name": cleaned})
    except ConflictError:
        raise BadInputError(
            f"Tenant {scope.slug!r} has a backup set {cleaned!r} already; choose another name, or add to that one."
        ) from None
    return SetView(*row)


def list_sets(database: Database, scope: TenantScope, *, limit: int = 10_000) -> Sequence[SetView]:
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        return _views(connection, scope, None, limit)


def get_set(database: Database, scope: TenantScope, set_id: UUID) -> SetView:
    """The set. ForbiddenError, the same for a set of another tenant and for one that never was."""
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        found = _views(connection, scope, set_id, 1)
    if not found:
        raise ForbiddenError(_NO_SUCH_SET)
    return found[0]


def set_items(database: Database, scope: TenantScope, set_id: UUID, *, limit: int = 10_000) -> Sequence[ItemView]:
    """What the set holds, every version, by type and name, newest version of a policy first."""
    get_set(database, scope, set_id)
    encrypted = BackupItem.key_id.is_not(None)
    columns = (
        encrypted if name == "encrypted" else getattr(BackupItem, name) for name in ItemView.__dataclass_fields__
    )
    wanted = (
        select(*columns)
        .where(BackupItem.tenant_id == scope.tenant_id, BackupItem.set_id == set_id)
        .order_by(BackupItem.policy_type, BackupItem.name, BackupItem.policy_id, BackupItem.captured_at.desc())
        .limit(limit)
    )
    with database.transaction(scope) as connection:
        return [ItemView(*row) for row in connection.execute(wanted)]


def _views(connection: Connection, scope: TenantScope, set_id: UUID | None, limit: int) -> Sequence[SetView]:
    wanted = (
        select(
            BackupSet.id,
            BackupSet.name,
            BackupSet.created_by,
            BackupSet.created_at,
            func.count(BackupItem.policy_id.distinct()),
            func.count(BackupItem.policy_id),
            func.coalesce(func.sum(BackupItem.size), 0),
            func.max(BackupItem.captured_at),
        )
        .outerjoin(BackupItem, (BackupItem.tenant_id == BackupSet.tenant_id) & (BackupItem.set_id == BackupSet.id))
        .where(BackupSet.tenant_id == scope.tenant_id)
        .group_by(BackupSet.id)
        .order_by(BackupSet.created_at.desc(), BackupSet.id.desc())
        .limit(limit)
    )
    if set_id is not None:
        wanted = wanted.where(BackupSet.id == set_id)
    return [SetView(*row) for row in connection.execute(wanted)]


def add_policies_request(
    database: Database, scope: TenantScope, set_id: str, policy_ids: Sequence[str] = (), *, all_policies: bool = False
) -> StartRequest:
    """The start request, identical for the same policies in whatever order. ForbiddenError, BadInputError."""
    scope.require(Permission.OPERATE)
    wanted = [policy_id.strip() for policy_id in policy_ids]
    if all_policies and wanted:
        raise BadInputError("Name policies with --policy or ask for all with --all: one of the two.")
    if not all_policies and not wanted:
        raise BadInputError("No policy is selected: name some with --policy, or ask for every one with --all.")
    if len(wanted) > MOST_POLICIES:
        raise BadInputError(f"At most {MOST_POLICIES} policies can be named at once; use --all for every one.")
    if any(not 0 < len(policy_id) <= 200 for policy_id in wanted):
        raise BadInputError(
            "A policy id has 1 to 200 characters; `tenantatlas inventory policies` lists those there are."
        )
    get_set(database, scope, checked_set_id(set_id))
    return OPERATION.request({"set_id": set_id, "policy_ids": wanted, "all_policies": all_policies})


def checked_set_id(text: str) -> UUID:
    """The id of a set from what a person wrote; BadInputError for what is not an id."""
    return checked_id(text, f"{text[:80]!r} is not the id of a backup set; `tenantatlas backup list` shows the ids.")
