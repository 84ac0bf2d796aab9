"""The run store: tenants, users, members, runs, notifications, audit log; roles and row-level security."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, USER, WRITE, create_roles, tenant_table

revision = "0001_run_store"
down_revision = None
branch_labels = ("runstore",)

_TABLES = {
    "tenants": """
        id uuid CONSTRAINT pk_tenants PRIMARY KEY,
        slug text NOT NULL CONSTRAINT uq_tenants_slug UNIQUE
          CONSTRAINT ck_tenants_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
        name text NOT NULL,
        directory_id text,
        created_at timestamptz NOT NULL DEFAULT now()
    """,
    "users": """
        id uuid CONSTRAINT pk_users PRIMARY KEY,
        email text NOT NULL CONSTRAINT uq_users_email UNIQUE CONSTRAINT ck_users_email_lower CHECK (email = lower(email)),
        display_name text NOT NULL DEFAULT '',
        issuer text,
        subject text,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ck_users_bound CHECK ((issuer IS NULL) = (subject IS NULL)),
        CONSTRAINT uq_users_issuer_subject UNIQUE (issuer, subject)
    """,
    "audit_log": """
        id uuid CONSTRAINT pk_audit_log PRIMARY KEY,
        tenant_id uuid NOT NULL CONSTRAINT fk_audit_log_tenant_id REFERENCES tenants ON DELETE CASCADE,
        at timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        actor_user uuid CONSTRAINT fk_audit_log_actor_user REFERENCES users ON DELETE SET NULL,
        verb text NOT NULL,
        subject text NOT NULL,
        detail jsonb NOT NULL DEFAULT '{}'
    """,
    "memberships": """
        tenant_id uuid NOT NULL CONSTRAINT fk_memberships_tenant_id REFERENCES tenants ON DELETE CASCADE,
        user_id uuid NOT NULL CONSTRAINT fk_memberships_user_id REFERENCES users ON DELETE CASCADE,
        role text NOT NULL CONSTRAINT ck_memberships_role CHECK (role IN ('manager', 'operator', 'owner', 'readonly')),
        granted_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_memberships PRIMARY KEY (tenant_id, user_id)
    """,
    "operation_runs": """
        id uuid CONSTRAINT pk_operation_runs PRIMARY KEY,
        tenant_id uuid NOT NULL CONSTRAINT fk_operation_runs_tenant_id REFERENCES tenants ON DELETE CASCADE,
        resource text NOT NULL,
        action text NOT NULL,
        status text NOT NULL DEFAULT 'pending',
        bucket text NOT NULL GENERATED ALWAYS AS (CASE
          WHEN status = 'pending' THEN 'queued'
          WHEN status = 'running' THEN 'running'
          WHEN status IN ('failed', 'aborted') THEN 'failed'
          WHEN failed = 0 THEN 'succeeded'
          WHEN succeeded > 0 THEN 'partial'
          ELSE 'failed'
        END) STORED,
        attempt integer NOT NULL DEFAULT 1,
        idempotency_key text NOT NULL,
        context jsonb NOT NULL DEFAULT '{}',
        parameters jsonb NOT NULL DEFAULT '{}',
        item_ids jsonb NOT NULL DEFAULT '[]',
        total integer NOT NULL DEFAULT 0,
        processed integer NOT NULL DEFAULT 0,
        succeeded integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        skipped integer NOT NULL DEFAULT 0,
        failures jsonb NOT NULL DEFAULT '[]',
        related jsonb NOT NULL DEFAULT '[]',
        history jsonb NOT NULL DEFAULT '[]',
        trigger text NOT NULL,
        initiated_by text NOT NULL,
        initiated_by_user uuid CONSTRAINT fk_operation_runs_initiated_by_user REFERENCES users ON DELETE SET NULL,
        asked_again integer NOT NULL DEFAULT 0,
        last_source text NOT NULL DEFAULT 'start',
        flow_run_id uuid,
        attend_after timestamptz NOT NULL DEFAULT now(),
        dispatch_tries integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        finished_at timestamptz,
        heartbeat_at timestamptz,
        contact_lost_at timestamptz
    """,
    "notifications": """
        id uuid CONSTRAINT pk_notifications PRIMARY KEY,
        tenant_id uuid NOT NULL CONSTRAINT fk_notifications_tenant_id REFERENCES tenants ON DELETE CASCADE,
        run_id uuid NOT NULL CONSTRAINT fk_notifications_run_id REFERENCES operation_runs ON DELETE CASCADE,
        attempt integer NOT NULL,
        kind text NOT NULL CONSTRAINT ck_notifications_kind CHECK (kind IN ('queued', 'finished')),
        status text NOT NULL,
        user_id uuid NOT NULL CONSTRAINT fk_notifications_user_id REFERENCES users ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        read_at timestamptz,
        CONSTRAINT uq_notifications_run_id_attempt_kind_user_id UNIQUE (run_id, attempt, kind, user_id)
    """,
}

# Of runs.
_CHECKS = {
    "finished_if_terminal": "(status IN ('aborted', 'completed', 'completed_with_errors', 'failed')) = (finished_at IS NOT NULL)",
    "contact_lost_while_running": "contact_lost_at IS NULL OR status = 'running'",
    **{f"{name}_object": f"jsonb_typeof({name}) = 'object'" for name in ("context", "parameters")},
    **{f"{name}_array": f"jsonb_typeof({name}) = 'array'" for name in ("failures", "history", "item_ids", "related")},
    "last_source": "last_source IN ('start', 'hook', 'progress', 'reconciler')",
    "completed_without_failures": "status <> 'completed' OR failed = 0",
    "partial_has_both": "status <> 'completed_with_errors' OR (succeeded > 0 AND failed > 0)",
    "pending_not_started": "status <> 'pending' OR started_at IS NULL",
    "running_started": "status <> 'running' OR started_at IS NOT NULL",
    "status": "status IN ('aborted', 'completed', 'completed_with_errors', 'failed', 'pending', 'running')",
    "trigger": "trigger IN ('prefect', 'schedule', 'user')",
    "attempt": "attempt >= 1",
    "counts_not_negative": "least(total, succeeded, failed, skipped) >= 0",
    "processed_within_total": "processed <= total",
    "processed_sum": "processed = succeeded + failed + skipped",
}

_INDEXES = """
INDEX ix_audit_log_newest ON audit_log (tenant_id, at DESC, id DESC)
INDEX ix_memberships_user_id ON memberships (user_id)
INDEX ix_operation_runs_bucket ON operation_runs (tenant_id, bucket, created_at DESC, id DESC)
INDEX ix_operation_runs_finished ON operation_runs (tenant_id, finished_at DESC)
INDEX ix_operation_runs_newest ON operation_runs (tenant_id, created_at DESC, id DESC)
INDEX ix_operation_runs_handed_over ON operation_runs (attend_after) WHERE status IN ('pending', 'running') AND flow_run_id IS NOT NULL
INDEX ix_operation_runs_type ON operation_runs (tenant_id, resource, action, created_at DESC, id DESC)
INDEX ix_operation_runs_undispatched ON operation_runs (attend_after) WHERE status = 'pending' AND flow_run_id IS NULL
UNIQUE INDEX uq_operation_runs_active_key ON operation_runs (tenant_id, idempotency_key) WHERE status IN ('pending', 'running')
UNIQUE INDEX uq_operation_runs_flow_run_id ON operation_runs (flow_run_id) WHERE flow_run_id IS NOT NULL
INDEX ix_notifications_recipient ON notifications (tenant_id, user_id, created_at DESC, id DESC)
INDEX ix_notifications_unread ON notifications (tenant_id, user_id) WHERE read_at IS NULL
"""


def upgrade() -> None:
    """Forward; running workers of the release before keep working."""
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
    for name, check in _CHECKS.items():
        op.execute(f"ALTER TABLE operation_runs ADD CONSTRAINT ck_operation_runs_{name} CHECK ({check})")
    for index in _INDEXES.strip().splitlines():
        op.execute(f"CREATE {index}")
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
    for table in ("notifications", "operation_runs", "memberships", "audit_log", "users", "tenants"):
        op.execute(f"DROP TABLE {table}")
