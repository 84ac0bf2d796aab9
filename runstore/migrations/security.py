"""What a migration says to make a table tenant-scoped: grants per database role and forced row-level security."""

from collections.abc import Mapping

from alembic import op

from runstore.database import DatabaseRole

TENANT = "NULLIF(current_setting('tenantatlas.tenant_id', true), '')::uuid"
"""SQL: the tenant of the transaction; NULL, which equals nothing, when none is set."""

USER = "NULLIF(current_setting('tenantatlas.user_id', true), '')::uuid"
"""SQL: the user of the transaction."""

READ = "SELECT"
WRITE = "SELECT, INSERT, UPDATE"
DELETE = "SELECT, INSERT, UPDATE, DELETE"


def create_roles() -> None:
    """Makes the roles, unless another database has, and lets the migrating login switch to each of them."""
    for role in DatabaseRole:
        op.execute(
            f"""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN;
              END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
        # From PostgreSQL 16 on, the login that makes a role is a member of it without the right to switch to it, so being a member
        # says nothing. A login that may not grant was given the roles by someone else, or cannot be helped from here.
        op.execute(
            f"""
            DO $$ BEGIN
              IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                EXECUTE format('GRANT {role} TO %I', current_user);
              END IF;
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END $$
            """
        )
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")


def tenant_table(
    table: str,
    grants: Mapping[DatabaseRole, str],
    *,
    column: str = "tenant_id",
    everywhere: tuple[DatabaseRole, ...] = (),
) -> None:
    """Row-level security forced on `table`, each role's privileges; `everywhere` and ADMIN see all tenants' rows."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_tenant ON {table} USING ({column} = {TENANT}) WITH CHECK ({column} = {TENANT})")
    for role in (DatabaseRole.ADMIN, *everywhere):
        op.execute(f"CREATE POLICY everywhere_{role} ON {table} TO {role} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT {DELETE} ON {table} TO {DatabaseRole.ADMIN}")
    for role, privileges in grants.items():
        op.execute(f"GRANT {privileges} ON {table} TO {role}")


def view_of_all(view: str, query: str, readers: tuple[DatabaseRole, ...]) -> None:
    """A view that reads as ADMIN, who sees every tenant, so that `query` has to name the tenant itself; for `readers`."""
    op.execute(f"CREATE OR REPLACE VIEW {view} AS {query}")
    # To own something in a schema a role must be allowed to create there; it is for this moment only.
    op.execute(f"GRANT CREATE ON SCHEMA public TO {DatabaseRole.ADMIN}")
    op.execute(f"ALTER VIEW {view} OWNER TO {DatabaseRole.ADMIN}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {DatabaseRole.ADMIN}")
    op.execute(f"GRANT SELECT ON {view} TO {', '.join(readers)}")
