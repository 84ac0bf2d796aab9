"""The run store: tenants, users, members, runs, notifications, audit log; roles and row-level security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, USER, WRITE, create_roles, tenant_table

revision = "0001_run_store"
down_revision = None
branch_labels = ("runstore",)


def upgrade() -> None:
    """Forward; running workers of the release before keep working."""
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("directory_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f("ck_tenants_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name=op.f("ck_users_bound")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_users_issuer_subject")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_user", sa.Uuid(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["actor_user"], ["users.id"], name=op.f("fk_audit_log_actor_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audit_log_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(
        "ix_audit_log_newest",
        "audit_log",
        ["tenant_id", sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "memberships",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('manager', 'operator', 'owner', 'readonly')", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_memberships_tenant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False)
    op.create_table(
        "operation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column(
            "bucket",
            sa.Text(),
            sa.Computed(
                "CASE\n  WHEN status = 'pending' THEN 'queued'\n  WHEN status = 'running' THEN 'running'\n  WHEN status IN ('failed', 'aborted') THEN 'failed'\n  WHEN failed = 0 THEN 'succeeded'\n  WHEN succeeded > 0 THEN 'partial'\n  ELSE 'failed'\nEND",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column(
            "context", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "parameters", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "item_ids", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("processed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "failures", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "related", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "history", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("initiated_by", sa.Text(), nullable=False),
        sa.Column("initiated_by_user", sa.Uuid(), nullable=True),
        sa.Column("asked_again", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_source", sa.Text(), server_default="start", nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=True),
        sa.Column("attend_after", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("dispatch_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('aborted', 'completed', 'completed_with_errors', 'failed')) = (finished_at IS NOT NULL)",
            name=op.f("ck_operation_runs_finished_if_terminal"),
        ),
        sa.CheckConstraint(
            "contact_lost_at IS NULL OR status = 'running'", name=op.f("ck_operation_runs_contact_lost_while_running")
        ),
        sa.CheckConstraint("jsonb_typeof(context) = 'object'", name=op.f("ck_operation_runs_context_object")),
        sa.CheckConstraint("jsonb_typeof(failures) = 'array'", name=op.f("ck_operation_runs_failures_array")),
        sa.CheckConstraint("jsonb_typeof(history) = 'array'", name=op.f("ck_operation_runs_history_array")),
        sa.CheckConstraint("jsonb_typeof(item_ids) = 'array'", name=op.f("ck_operation_runs_item_ids_array")),
        sa.CheckConstraint("jsonb_typeof(parameters) = 'object'", name=op.f("ck_operation_runs_parameters_object")),
        sa.CheckConstraint("jsonb_typeof(related) = 'array'", name=op.f("ck_operation_runs_related_array")),
        sa.CheckConstraint(
            "last_source IN ('start', 'hook', 'progress', 'reconciler')", name=op.f("ck_operation_runs_last_source")
        ),
        sa.CheckConstraint(
            "status <> 'completed' OR failed = 0", name=op.f("ck_operation_runs_completed_without_failures")
        ),
        sa.CheckConstraint(
            "status <> 'completed_with_errors' OR (succeeded > 0 AND failed > 0)",
            name=op.f("ck_operation_runs_partial_has_both"),
        ),
        sa.CheckConstraint(
            "status <> 'pending' OR started_at IS NULL", name=op.f("ck_operation_runs_pending_not_started")
        ),
        sa.CheckConstraint(
            "status <> 'running' OR started_at IS NOT NULL", name=op.f("ck_operation_runs_running_started")
        ),
        sa.CheckConstraint(
            "status IN ('aborted', 'completed', 'completed_with_errors', 'failed', 'pending', 'running')",
            name=op.f("ck_operation_runs_status"),
        ),
        sa.CheckConstraint("trigger IN ('prefect', 'schedule', 'user')", name=op.f("ck_operation_runs_trigger")),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_operation_runs_attempt")),
        sa.CheckConstraint(
            "least(total, succeeded, failed, skipped) >= 0", name=op.f("ck_operation_runs_counts_not_negative")
        ),
        sa.CheckConstraint("processed <= total", name=op.f("ck_operation_runs_processed_within_total")),
        sa.CheckConstraint("processed = succeeded + failed + skipped", name=op.f("ck_operation_runs_processed_sum")),
        sa.ForeignKeyConstraint(
            ["initiated_by_user"], ["users.id"], name=op.f("fk_operation_runs_initiated_by_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_operation_runs_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_runs")),
    )
    op.create_index(
        "ix_operation_runs_bucket",
        "operation_runs",
        ["tenant_id", "bucket", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_finished",
        "operation_runs",
        ["tenant_id", sa.literal_column("finished_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_newest",
        "operation_runs",
        ["tenant_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_handed_over",
        "operation_runs",
        ["attend_after"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'running') AND flow_run_id IS NOT NULL"),
    )
    op.create_index(
        "ix_operation_runs_type",
        "operation_runs",
        ["tenant_id", "resource", "action", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_undispatched",
        "operation_runs",
        ["attend_after"],
        unique=False,
        postgresql_where=sa.text("status = 'pending' AND flow_run_id IS NULL"),
    )
    op.create_index(
        "uq_operation_runs_active_key",
        "operation_runs",
        ["tenant_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_index(
        "uq_operation_runs_flow_run_id",
        "operation_runs",
        ["flow_run_id"],
        unique=True,
        postgresql_where=sa.text("flow_run_id IS NOT NULL"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('queued', 'finished')", name=op.f("ck_notifications_kind")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["operation_runs.id"], name=op.f("fk_notifications_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_notifications_tenant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "run_id", "attempt", "kind", "user_id", name=op.f("uq_notifications_run_id_attempt_kind_user_id")
        ),
    )
    op.create_index(
        "ix_notifications_recipient",
        "notifications",
        ["tenant_id", "user_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["tenant_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
    )
    _secure()


def _secure() -> None:
    hub, app, worker, relay = DatabaseRole.HUB, DatabaseRole.APP, DatabaseRole.WORKER, DatabaseRole.RELAY
    create_roles()
    everyone: dict[DatabaseRole, str] = dict.fromkeys(DatabaseRole, READ)
    tenant_table("tenants", everyone, column="id", everywhere=(app, worker, relay))
    tenant_table("memberships", {app: READ, worker: READ, relay: READ}, everywhere=(app, worker, relay))
    tenant_table("operation_runs", {hub: READ, app: WRITE, worker: WRITE, relay: WRITE}, everywhere=(relay,))
    tenant_table("notifications", {hub: READ, app: WRITE, worker: WRITE, relay: WRITE}, everywhere=(relay,))
    tenant_table("audit_log", {hub: READ, app: "SELECT, INSERT", worker: "SELECT, INSERT"})
    for verb in ("SELECT", "UPDATE"):
        op.execute(
            f"CREATE POLICY of_recipient_{verb.lower()} ON notifications AS RESTRICTIVE FOR {verb}"
            f" TO {hub}, {app} USING (user_id = {USER})"
        )
    # People belong to no tenant. Who may sign in is asked before any tenant is known, by APP; the hub's role never asks.
    op.execute(f"GRANT SELECT ON users TO {app}, {worker}, {relay}")
    op.execute(f"GRANT UPDATE (issuer, subject, display_name) ON users TO {app}")
    op.execute(f"GRANT {DELETE} ON users TO {DatabaseRole.ADMIN}")


def downgrade() -> None:
    op.drop_index("ix_notifications_unread", table_name="notifications", postgresql_where=sa.text("read_at IS NULL"))
    op.drop_index("ix_notifications_recipient", table_name="notifications")
    op.drop_table("notifications")
    op.drop_index(
        "uq_operation_runs_flow_run_id",
        table_name="operation_runs",
        postgresql_where=sa.text("flow_run_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_operation_runs_active_key",
        table_name="operation_runs",
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.drop_index(
        "ix_operation_runs_undispatched",
        table_name="operation_runs",
        postgresql_where=sa.text("status = 'pending' AND flow_run_id IS NULL"),
    )
    op.drop_index("ix_operation_runs_type", table_name="operation_runs")
    op.drop_index(
        "ix_operation_runs_handed_over",
        table_name="operation_runs",
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.drop_index("ix_operation_runs_newest", table_name="operation_runs")
    op.drop_index("ix_operation_runs_finished", table_name="operation_runs")
    op.drop_index("ix_operation_runs_bucket", table_name="operation_runs")
    op.drop_table("operation_runs")
    op.drop_index("ix_memberships_user_id", table_name="memberships")
    op.drop_table("memberships")
    op.drop_index("ix_audit_log_newest", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_table("users")
    op.drop_table("tenants")
