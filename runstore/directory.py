"""Tenants, people, and who may act where: the only place that turns names into a TenantScope."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause, insert, select, text, update

from runstore.audit import record_audit
from runstore.database import Database
from runstore.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError
from runstore.fence.redaction import looks_secret
from runstore.schema import Membership, Tenant, User
from runstore.tenancy import LOCAL_OPERATOR, PREFECT, Actor, Permission, Role, TenantScope, Trigger

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")
_DIRECTORY = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[a-z0-9][a-z0-9.-]{2,252}")
_NO_ACCESS = "You have no access to this tenant."


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant as listed; `directory_id` is Entra's, and `without_types` are types that are not asked for."""

    id: UUID
    slug: str
    name: str
    directory_id: str | None
    is_leaving: bool = False
    without_types: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SignedInUser:
    id: UUID
    email: str
    tenants: tuple[tuple[TenantView, Role], ...]

    def scope(self, slug: str) -> TenantScope:
        """Their scope in the tenant. ForbiddenError, the same whether or not such a tenant exists, when not a member."""
        for tenant, role in self.tenants:
            if tenant.slug == slug:
                return TenantScope(tenant.id, tenant.slug, Actor(self.email, role, self.id))
        raise ForbiddenError(_NO_ACCESS)


class Directory:
    """Looks up tenants and people. Reading needs the role APP (or WORKER for `for_flow`); writing needs ADMIN."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_tenant(self, slug: str, name: str, directory_id: str | None = None) -> TenantView:
        """The new tenant. BadInputError for a malformed slug or directory id, or when the slug is taken."""
        if not _SLUG.fullmatch(slug):
            raise BadInputError(
                f"{slug[:80]!r} is not a tenant slug: use lower-case letters, digits and -, 63 at most."
            )
        _check_tenant(name, directory_id)
        try:
            with self._database.across_tenants() as connection:
                tenant_id = connection.execute(
                    insert(Tenant).values(slug=slug, name=name, directory_id=directory_id).returning(Tenant.id)
                ).scalar_one()
        except ConflictError:
            raise BadInputError(f"Tenant {slug!r} exists already; `tenantatlas tenant list` shows it.") from None
        return TenantView(tenant_id, slug, name, directory_id)

    def change_tenant(
        self,
        slug: str,
        *,
        name: str | None = None,
        directory_id: str | None = None,
        without_types: Sequence[str] | None = None,
    ) -> TenantView:
        """The tenant with what is given changed. BadInputError when that is nothing or malformed."""
        left_out = None if without_types is None else sorted(set(without_types))
        given = {"name": name, "directory_id": directory_id, "without_types": left_out}
        values = {column: value for column, value in given.items() if value is not None}
        if not values:
            raise BadInputError("Nothing is to change: give another --name, --directory or --without-types.")
        _check_tenant(name, directory_id)
        change = update(Tenant).where(Tenant.slug == slug).values(values).returning(*_TENANT)
        with self._database.across_tenants() as connection:
            row = connection.execute(change).one_or_none()
            if row is None:
                raise NotFoundError(no_tenant(slug))
            tenant = TenantView(*row)
            # From now on the tenant's policies come from another directory: who reads its findings may have to know since when.
            record_audit(connection, TenantScope(tenant.id, slug, LOCAL_OPERATOR), "tenant.change", slug, values)
        return tenant

    def tenants(self) -> Sequence[TenantView]:
        """Every tenant, by slug, also one whose removal has begun."""
        with self._database.across_tenants() as connection:
            rows = connection.execute(select(Tenant).with_only_columns(*_TENANT).order_by(Tenant.slug)).all()
        return tuple(TenantView(*row) for row in rows)

    def tenant(self, slug: str) -> TenantView:
        """The tenant of that slug. NotFoundError when there is none, or when its removal has begun."""
        with self._database.across_tenants() as connection:
            row = connection.execute(select(*_TENANT).where(Tenant.slug == slug)).one_or_none()
        if row is None:
            raise NotFoundError(no_tenant(slug))
        found = TenantView(*row)
        if found.is_leaving:
            raise NotFoundError(f"Tenant {slug} is being removed; `tenantatlas tenant remove {slug}` goes on with it.")
        return found

    def grant(self, scope: TenantScope, email: str, role: Role) -> str:
        """Makes the person a member; their email as it is kept. BadInputError for a malformed one; ForbiddenError."""
        scope.require(Permission.ADMINISTER)
        address = email.strip().lower()
        if not _EMAIL.fullmatch(address):
            raise BadInputError(f"{email[:80]!r} is not an email address: write it as name@example.com.")
        with self._database.transaction(scope) as connection:
            given = {"tenant": scope.tenant_id, "email": address, "role": role.value, "by": scope.actor.label}
            connection.execute(_GRANT, given)
            record_audit(connection, scope, "member.grant", address, {"role": role.value})
        return address

    def revoke(self, scope: TenantScope, email: str) -> None:
        """Ends the membership: they are out at their next request. NotFoundError when they are not a member."""
        scope.require(Permission.ADMINISTER)
        address = email.strip().lower()
        with self._database.transaction(scope) as connection:
            removed = connection.execute(_REVOKE, {"tenant": scope.tenant_id, "email": address}).rowcount
            if removed == 0:
                raise NotFoundError(f"{address[:80]!r} is not a member of tenant {scope.slug!r}.")
            record_audit(connection, scope, "member.revoke", address)

    def members(self, scope: TenantScope) -> Sequence[tuple[str, Role]]:
        query = (
            select(User.email, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.tenant_id == scope.tenant_id)
            .order_by(User.email)
        )
        with self._database.transaction(scope) as connection:
            return tuple((email, Role(role)) for email, role in connection.execute(query).all())

    def for_operator(self, slug: str, acting_as: str | None = None) -> TenantScope:
        """The local operator's scope, or that member's. NotFoundError; ForbiddenError for a member."""
        if acting_as is None:
            tenant = self.tenant(slug)
            return TenantScope(tenant.id, tenant.slug, LOCAL_OPERATOR)
        return self.member(acting_as).scope(slug)

    def member(self, email: str) -> SignedInUser:
        """The person with that email and their tenants as of now; ForbiddenError for nobody, as for a foreign tenant."""
        user = self.by_email(email)
        if user is None:
            raise ForbiddenError(_NO_ACCESS)
        return user

    def for_flow(self, slug: str, trigger: Trigger) -> TenantScope:
        """The scope in which a flow works on the tenant. NotFoundError for an unknown one."""
        tenant = self.tenant(slug)
        label = "schedule" if trigger is Trigger.SCHEDULE else PREFECT.label
        return TenantScope(tenant.id, tenant.slug, replace(PREFECT, label=label))

    def by_email(self, email: str) -> SignedInUser | None:
        return self._user(_BY_EMAIL, email=email.strip().lower())

    def by_session(self, user_id: UUID, session_id: str) -> SignedInUser | None:
        """The person with that id and their tenants as of now: ask on every request. None for nobody, or a session that ended."""
        return self._user(_BY_SESSION, id=user_id, session=session_id)

    def end_session(self, session_id: str, expires_at: datetime) -> None:
        """Signs out: from now on `by_session` knows nobody of that session, whichever hub asks. Forgets those that expired."""
        with self._database.across_tenants() as connection:
            connection.execute(_END_SESSION, {"session": session_id, "expires": expires_at})

    def sign_in(self, issuer: str, subject: str, email: str | None, *, email_trusted: bool) -> SignedInUser | None:
        """The person that a provider vouches for, or None if we do not know them.

        (issuer, subject) decides once bound: at the first sign-in with a trusted email, to a user bound to nobody else.
        """
        user = self._user(_BY_IDENTITY, issuer=issuer, subject=subject)
        if user is not None or email is None or not email_trusted:
            return user
        bind = (
            update(User)
            .where(User.email == email.strip().lower(), User.issuer.is_(None))
            .values(issuer=issuer, subject=subject)
        )
        try:
            with self._database.across_tenants() as connection:
                connection.execute(bind)
        except ConflictError:
            pass  # A second sign-in of the same person won the race; what it bound is read below.
        return self._user(_BY_IDENTITY, issuer=issuer, subject=subject)

    def _user(self, query: TextClause, **known: object) -> SignedInUser | None:
        with self._database.across_tenants() as connection:
            rows = connection.execute(query, known).all()
        if not rows:
            return None
        tenants = tuple((TenantView(*row[3:]), Role(row.role)) for row in rows if row.role is not None)
        return SignedInUser(rows[0].user_id, rows[0].email, tenants)


def _check_tenant(name: str | None, directory_id: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > 200 or "\x00" in name):
        raise BadInputError("A tenant needs a name of 1 to 200 characters: give it with --name.")
    if name is not None and looks_secret(name):
        raise BadInputError(
            "The tenant's name holds what looks like a secret, and names are kept: give another with --name."
        )
    if directory_id is not None and not _DIRECTORY.fullmatch(directory_id):
        raise BadInputError(f"{directory_id[:80]!r} is not an Entra tenant id: give its GUID or its domain.")


def no_tenant(slug: str) -> str:
    return f"There is no tenant {slug[:80]!r}; `tenantatlas tenant list` shows those there are."


_TENANT = (
    Tenant.id,
    Tenant.slug,
    Tenant.name,
    Tenant.directory_id,
    Tenant.leaving_at.is_not(None),
    Tenant.without_types,
)


def _person(condition: str) -> TextClause:
    # One question for the person and their tenants: every page asks it before anything else.
    return text(
        f"""
        SELECT u.id AS user_id, u.email, m.role, t.id, t.slug, t.name, t.directory_id
        FROM users u LEFT JOIN (memberships m JOIN tenants t ON t.id = m.tenant_id AND t.leaving_at IS NULL) ON m.user_id = u.id
        WHERE {condition} ORDER BY t.slug LIMIT 5000
        """
    )


_BY_SESSION = _person("u.id = :id AND NOT EXISTS (SELECT FROM ended_sessions e WHERE e.id = :session)")
_BY_EMAIL = _person("u.email = :email")
_BY_IDENTITY = _person("u.issuer = :issuer AND u.subject = :subject")

# An hour's grace: the hubs' clocks, which judge a session's expiry, may differ from the database's.
_END_SESSION = text(
    """
    WITH forgotten AS (DELETE FROM ended_sessions WHERE expires_at < now() - interval '1 hour')
    INSERT INTO ended_sessions (id, expires_at) VALUES (:session, :expires) ON CONFLICT (id) DO NOTHING
    """
)

_GRANT = text(
    """
    WITH person AS (
      INSERT INTO users (id, email) VALUES (gen_random_uuid(), :email)
      ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id
    )
    INSERT INTO memberships (tenant_id, user_id, role, granted_by)
    SELECT CAST(:tenant AS uuid), id, CAST(:role AS text), CAST(:by AS text) FROM person
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role, granted_by = excluded.granted_by
    """
)
_REVOKE = text(
    """
    DELETE FROM memberships m USING users u WHERE u.id = m.user_id AND m.tenant_id = :tenant AND u.email = :email
    """
)
