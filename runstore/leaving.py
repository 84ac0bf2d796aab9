"""A tenant that leaves: nothing starts for it from the first step on, and then every row of it is deleted, table by table."""

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import text

from runstore.database import Database
from runstore.directory import no_tenant
from runstore.errors import NotFoundError

BATCH = 5_000
"""Rows a transaction."""


class Leaving:
    """Removes one tenant. Each step may be repeated, and a removal that was interrupted goes on where it stopped. Needs ADMIN."""

    def __init__(self, database: Database, slug: str) -> None:
        """NotFoundError when there is no such tenant: never was, or is removed."""
        self._database = database
        with database.across_tenants() as connection:
            found = connection.execute(_TENANT, {"slug": slug}).scalar_one_or_none()
            if found is None:
                raise NotFoundError(no_tenant(slug))
            self._tenant: Mapping[str, UUID] = {"tenant": found}
            # Whatever has a tenant, a producer's tables too; those that refer to others come first.
            self._tables = tuple(connection.execute(_TABLES).scalars())

    def holds(self) -> dict[str, int]:
        """How many rows of each table are the tenant's; tables without any are left out."""
        counted: dict[str, int] = {}
        for table in self._tables:
            with self._database.across_tenants() as connection:
                count = f"SELECT count(*) FROM {table} WHERE tenant_id = :tenant"
                counted[table] = connection.execute(text(count), self._tenant).scalar_one()
        return {table: count for table, count in counted.items() if count}

    def begin(self) -> None:
        """From now on no member and no flow finds the tenant, and runs that Prefect does not know are forgotten."""
        with self._database.across_tenants() as connection:
            connection.execute(_BEGIN, self._tenant)
            connection.execute(_FORGET_QUEUED, self._tenant)

    def finish(self, report: Callable[[str, int], None] = lambda table, count: None) -> None:
        """Deletes every row, then people who are a member of nothing else, then the tenant. `report` hears of each table."""
        with self._database.across_tenants() as connection:
            connection.execute(_PEOPLE, self._tenant)
        for table in self._tables:
            total, deleted = 0, BATCH
            while deleted == BATCH:
                with self._database.across_tenants() as connection:
                    deleted = connection.execute(text(_BATCH.format(table=table)), self._tenant).rowcount
                total += deleted
            report(table, total)
        with self._database.across_tenants() as connection:
            # What someone added meanwhile goes with it.
            connection.execute(_REMOVE, self._tenant)


_TENANT = text("SELECT id FROM tenants WHERE slug = :slug")
_TABLES = text(
    """
    WITH RECURSIVE owned AS (
      SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ), depths (oid, depth) AS (
      SELECT oid, 0 FROM owned
      UNION
      SELECT f.conrelid, depth + 1 FROM depths JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = depths.oid
      WHERE f.conrelid <> f.confrelid AND depth < 20
    )
    SELECT oid::regclass::text FROM depths JOIN owned USING (oid) GROUP BY oid ORDER BY max(depth) DESC, 1
    """
)
_BEGIN = text("UPDATE tenants SET leaving_at = coalesce(leaving_at, now()) WHERE id = :tenant")
_FORGET_QUEUED = text(
    "DELETE FROM operation_runs WHERE tenant_id = :tenant AND status = 'pending' AND flow_run_id IS NULL"
)
_PEOPLE = text(
    """
    DELETE FROM users u USING memberships m WHERE m.user_id = u.id AND m.tenant_id = :tenant
      AND NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.tenant_id <> :tenant)
    """
)
_BATCH = (
    f"DELETE FROM {{table}} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {{table}} WHERE tenant_id = :tenant LIMIT {BATCH}))"
)
_REMOVE = text("DELETE FROM tenants WHERE id = :tenant")
