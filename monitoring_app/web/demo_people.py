"""The people the demo's picker offers. Asked in demo mode only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from runstore.database import Database
from runstore.schema import Membership, Tenant, User

MOST = 40


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Someone to act as, and what they are where."""

    id: UUID
    email: str
    roles: str


def demo_people(database: Database, emails: Sequence[str] = ()) -> tuple[DemoPerson, ...]:
    """Everyone with a membership, by email; only those named when any are. At most MOST memberships are read."""
    query = (
        select(User.id, User.email, Tenant.name, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .join(Tenant, Tenant.id == Membership.tenant_id)
        .order_by(User.email, Tenant.name)
        .limit(MOST)
    )
    if emails:
        query = query.where(User.email.in_([email.lower() for email in emails]))
    people: dict[UUID, DemoPerson] = {}
    with database.across_tenants() as connection:
        for row in connection.execute(query):
            before = people.get(row.id)
            role = f"{row.role} of {row.name}"
            people[row.id] = DemoPerson(row.id, row.email, f"{before.roles}, {role}" if before else role)
    return tuple(people.values())
