"""What is scheduled, as the relay last read it at Prefect's server, and when that was."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, tenant_table

revision = "0006_schedules"
down_revision = "0005_leaving_tenants"

_READERS = {role: READ for role in (DatabaseRole.HUB, DatabaseRole.APP)}


def _moment(name: str, *, nullable: bool) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _tenant(table: str) -> tuple[sa.Column[Any], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE")
    return sa.Column("tenant_id", sa.Uuid(), nullable=False), key


def upgrade() -> None:
    op.create_table(
        "schedules",
        *_tenant("schedules"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=True),
        sa.Column("every_seconds", sa.BigInteger(), nullable=True),
        _moment("due_at", nullable=True),
        _moment("next_at", nullable=True),
        sa.CheckConstraint(
            "stopped_by IN ('deployment', 'pool', 'schedule', 'worker')", name=op.f("ck_schedules_stopped_by")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_schedules")),
    )
    op.create_table(
        "schedule_looks",
        *_tenant("schedule_looks"),
        _moment("tried_at", nullable=False),
        _moment("looked_at", nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("problem IN ('away', 'refused')", name=op.f("ck_schedule_looks_problem")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_schedule_looks")),
    )
    for table in ("schedules", "schedule_looks"):
        tenant_table(table, {**_READERS, DatabaseRole.RELAY: DELETE}, everywhere=(DatabaseRole.RELAY,))


def downgrade() -> None:
    op.drop_table("schedule_looks")
    op.drop_table("schedules")
