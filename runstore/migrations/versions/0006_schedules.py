"""What is scheduled, as the relay last read it at Prefect's server, and when that was."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, tenant_table

revision = "0006_schedules"
down_revision = "0005_leaving_tenants"

_TABLES = {
    "schedules": """
        tenant_id uuid NOT NULL CONSTRAINT fk_schedules_tenant_id REFERENCES tenants ON DELETE CASCADE,
        id uuid NOT NULL,
        resource text NOT NULL,
        action text NOT NULL,
        scope text,
        name text,
        timing text NOT NULL,
        timezone text NOT NULL,
        stopped_by text CONSTRAINT ck_schedules_stopped_by CHECK (stopped_by IN ('deployment', 'pool', 'schedule', 'worker')),
        every_seconds bigint,
        due_at timestamptz,
        next_at timestamptz,
        CONSTRAINT pk_schedules PRIMARY KEY (tenant_id, id)
    """,
    "schedule_looks": """
        tenant_id uuid CONSTRAINT pk_schedule_looks PRIMARY KEY
          CONSTRAINT fk_schedule_looks_tenant_id REFERENCES tenants ON DELETE CASCADE,
        tried_at timestamptz NOT NULL,
        looked_at timestamptz,
        problem text CONSTRAINT ck_schedule_looks_problem CHECK (problem IN ('away', 'refused'))
    """,
}


def upgrade() -> None:
    grants = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.RELAY: DELETE}
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        tenant_table(table, grants, everywhere=(DatabaseRole.RELAY,))


def downgrade() -> None:
    op.drop_table("schedule_looks")
    op.drop_table("schedules")
