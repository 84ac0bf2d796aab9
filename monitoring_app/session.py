"""Who is looking, and at which tenant: the one place where the hub gets hold of a TenantScope."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring_app.web.identity import Session
from runstore.directory import Directory, TenantView
from runstore.errors import ForbiddenError
from runstore.tenancy import Permission, Role, TenantScope


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person looking at one of their tenants. `tenants` are all of theirs with their role in each."""

    email: str
    tenant: TenantView
    role: Role
    tenants: tuple[tuple[TenantView, Role], ...]
    scope: TenantScope

    def may(self, permission: Permission) -> bool:
        """Whether the viewer's role in this tenant carries the permission."""
        return self.scope.actor.role.allows(permission)


@dataclass(frozen=True, slots=True)
class Refused:
    """The person is signed in and the tenant is not theirs: foreign, removed or never there, all the same."""

    email: str


def resolve(directory: Directory, session: Session, slug: str | None) -> Viewer | Refused | None:
    """The viewer of tenant `slug`, or of the person's first tenant when no slug is given; None for nobody.

    Memberships and sign-outs are read now, so someone removed, or signed out at any hub, is refused at the next request. A
    tenant that does not exist and one that belongs to others take the same path: neither is looked up.
    """
    user = directory.by_session(session.user_id, session.id)
    if user is None:
        return None
    wanted = slug if slug is not None else (user.tenants[0][0].slug if user.tenants else None)
    if wanted is None:
        return Refused(user.email)
    try:
        scope = user.scope(wanted)
    except ForbiddenError:
        return Refused(user.email)
    tenant, role = next(pair for pair in user.tenants if pair[0].id == scope.tenant_id)
    return Viewer(user.email, tenant, role, user.tenants, scope)
