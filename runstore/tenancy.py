"""Who acts, for which tenant, and what their role lets them do."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from runstore.errors import ForbiddenError


class Permission(StrEnum):
    VIEW = "view"
    OPERATE = "operate"
    ADMINISTER = "administer"


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"
    READONLY = "readonly"

    def allows(self, permission: Permission) -> bool:
        """Whether the role carries the permission. VIEW reads, OPERATE starts runs, ADMINISTER is members and schedules."""
        if permission is Permission.VIEW:
            return True
        if permission is Permission.OPERATE:
            return self is not Role.READONLY
        return self in (Role.OWNER, Role.MANAGER)


class Trigger(StrEnum):
    USER = "user"
    SCHEDULE = "schedule"
    PREFECT = "prefect"


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that acts. `user_id` is None for the local operator and for Prefect itself."""

    label: str
    role: Role
    user_id: UUID | None = None


LOCAL_OPERATOR = Actor(label="local operator", role=Role.OWNER)
"""The person who runs the command line without `--as`: trusted because they hold the database's address."""

PREFECT = Actor(label="prefect", role=Role.OPERATOR)
"""The orchestrator itself: hooks, schedules, the relay."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """One tenant as seen by one actor. Nothing reads or writes tenant data without it."""

    tenant_id: UUID
    slug: str
    actor: Actor

    def require(self, permission: Permission) -> None:
        """Nothing when the actor may; ForbiddenError, naming the role and what would do, when not."""
        if not self.actor.role.allows(permission):
            needed = "operator" if permission is Permission.OPERATE else "manager"
            raise ForbiddenError(
                f"{self.actor.label} is {self.actor.role.value} in tenant {self.slug!r}, which does not allow this: "
                f"ask an owner or manager for the role {needed}."
            )
