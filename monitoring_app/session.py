"""Who is looking, and at which tenant: the one place where the hub gets hold of a TenantScope."""

from dataclasses import dataclass

from monitoring_app.web.identity import Session
from runstore.directory import Directory, TenantView
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


def resolve(directory: Directory, session: Session, slug: str | None) -> Viewer | None:
    """The viewer of tenant `slug`, or of the person's first tenant when no slug is given; None for nobody.

    ForbiddenError when the tenant is not theirs: foreign, removed or never there, all the same. Memberships and sign-outs are
    read now, so someone removed, or signed out at any hub, is refused at the next request. A tenant that does not exist and one
    that belongs to others take the same path: neither is looked up.
    """
    user = directory.by_session(session.user_id, session.id)
    if user is None:
        return None
    # No tenant has an empty slug: that of somebody without any is as foreign as any other.
    scope = user.scope(slug if slug is not None else user.tenants[0][0].slug if user.tenants else "")
    tenant, role = next(pair for pair in user.tenants if pair[0].id == scope.tenant_id)
    return Viewer(user.email, tenant, role, user.tenants, scope)
