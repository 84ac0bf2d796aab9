"""Findings, what each run found, the life of findings, rules, and pinned baselines."""

from alembic import op

from runstore.database import DatabaseRole
from runstore.migrations.security import DELETE, READ, WRITE, tenant_table

revision = "0001_drift"
down_revision = None
branch_labels = ("drift",)
depends_on = "0001_policy_snapshots"

_KINDS = "'platform_change', 'policy_added', 'policy_modified', 'policy_recreated', 'policy_removed'"
_SEVERITIES = "'critical', 'high', 'info', 'low', 'medium'"
_STATUSES = "'accepted', 'acknowledged', 'open', 'resolved'"

_TABLES = f"""
CREATE TABLE drift_comparisons (
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_comparisons_tenant_id REFERENCES tenants ON DELETE CASCADE,
  run_id uuid NOT NULL,
  scope text NOT NULL,
  against text NOT NULL
    CONSTRAINT ck_drift_comparisons_against CHECK (against IN ('previous', 'pinned', 'chosen')),
  baseline_sync_id uuid NOT NULL,
  current_sync_id uuid NOT NULL,
  withheld jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_drift_comparisons PRIMARY KEY (tenant_id, run_id)
);
CREATE INDEX ix_drift_comparisons_newest ON drift_comparisons (tenant_id, scope, created_at DESC);
CREATE TABLE drift_findings (
  id uuid CONSTRAINT pk_drift_findings PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_findings_tenant_id REFERENCES tenants ON DELETE CASCADE,
  scope text NOT NULL,
  fingerprint bytea NOT NULL,
  subject text NOT NULL,
  kind text NOT NULL CONSTRAINT ck_drift_findings_kind CHECK (kind IN ({_KINDS})),
  policy_id text,
  policy_name text,
  policy_type text NOT NULL,
  severity text NOT NULL CONSTRAINT ck_drift_findings_severity CHECK (severity IN ({_SEVERITIES})),
  status text NOT NULL CONSTRAINT ck_drift_findings_status CHECK (status IN ({_STATUSES})),
  value_digest bytea NOT NULL,
  before_hash bytea,
  after_hash bytea,
  first_run_id uuid NOT NULL,
  last_run_id uuid NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  owner text,
  reason text,
  accepted_digest bytea,
  accepted_until timestamptz,
  resolved_at timestamptz,
  CONSTRAINT uq_drift_findings_tenant_id_fingerprint UNIQUE (tenant_id, fingerprint),
  CONSTRAINT ck_drift_findings_digest_sizes
    CHECK (octet_length(fingerprint) = 32 AND octet_length(value_digest) = 32),
  CONSTRAINT ck_drift_findings_resolved_at CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
  CONSTRAINT ck_drift_findings_accepted_value CHECK ((status = 'accepted') = (accepted_digest IS NOT NULL)),
  CONSTRAINT ck_drift_findings_accepted_by_whom
    CHECK (status <> 'accepted' OR (owner IS NOT NULL AND reason IS NOT NULL))
);
CREATE INDEX ix_drift_findings_unresolved ON drift_findings (tenant_id, scope) WHERE status <> 'resolved';
CREATE TABLE drift_run_findings (
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_run_findings_tenant_id REFERENCES tenants ON DELETE CASCADE,
  run_id uuid NOT NULL,
  finding_id uuid NOT NULL CONSTRAINT fk_drift_run_findings_finding_id REFERENCES drift_findings ON DELETE CASCADE,
  position integer NOT NULL,
  kind text NOT NULL,
  policy_id text,
  previous_policy_id text,
  policy_name text,
  policy_type text NOT NULL,
  severity text NOT NULL,
  changes json NOT NULL,
  policies jsonb NOT NULL DEFAULT '[]',
  notes jsonb NOT NULL DEFAULT '[]',
  CONSTRAINT pk_drift_run_findings PRIMARY KEY (tenant_id, run_id, finding_id)
);
CREATE INDEX ix_drift_run_findings_finding_id ON drift_run_findings (finding_id);
CREATE TABLE drift_finding_events (
  id uuid CONSTRAINT pk_drift_finding_events PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_finding_events_tenant_id REFERENCES tenants ON DELETE CASCADE,
  finding_id uuid NOT NULL CONSTRAINT fk_drift_finding_events_finding_id REFERENCES drift_findings ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  run_id uuid,
  event text NOT NULL,
  from_status text,
  to_status text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{{}}'
);
CREATE INDEX ix_drift_finding_events_finding ON drift_finding_events (tenant_id, finding_id, at);
CREATE TABLE drift_ignore_rules (
  id uuid CONSTRAINT pk_drift_ignore_rules PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_ignore_rules_tenant_id REFERENCES tenants ON DELETE CASCADE,
  kind text NOT NULL DEFAULT '',
  policy_type text NOT NULL DEFAULT '',
  policy_name text NOT NULL DEFAULT '',
  facet text NOT NULL DEFAULT '',
  setting text NOT NULL DEFAULT '',
  reason text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_drift_ignore_rules_says_something
    CHECK (concat(kind, policy_type, policy_name, facet, setting) <> '')
);
CREATE INDEX ix_drift_ignore_rules_tenant_id ON drift_ignore_rules (tenant_id);
CREATE TABLE drift_severity_rules (
  id uuid CONSTRAINT pk_drift_severity_rules PRIMARY KEY,
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_severity_rules_tenant_id REFERENCES tenants ON DELETE CASCADE,
  severity text NOT NULL CONSTRAINT ck_drift_severity_rules_severity CHECK (severity IN ({_SEVERITIES})),
  kinds text[] NOT NULL DEFAULT '{{}}',
  policy_type text NOT NULL DEFAULT '',
  facet text NOT NULL DEFAULT '',
  setting text NOT NULL DEFAULT '',
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_drift_severity_rules_tenant_id ON drift_severity_rules (tenant_id);
CREATE TABLE drift_baselines (
  tenant_id uuid NOT NULL CONSTRAINT fk_drift_baselines_tenant_id REFERENCES tenants ON DELETE CASCADE,
  scope text NOT NULL,
  sync_id uuid NOT NULL CONSTRAINT fk_drift_baselines_sync_id REFERENCES inventory_syncs ON DELETE RESTRICT,
  reason text NOT NULL DEFAULT '',
  pinned_by text NOT NULL,
  pinned_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_drift_baselines PRIMARY KEY (tenant_id, scope)
);
"""


def upgrade() -> None:
    """Forward: new tables only."""
    op.execute(_TABLES)
    _protect()


def _protect() -> None:
    found = {DatabaseRole.HUB: READ, DatabaseRole.APP: READ, DatabaseRole.WORKER: DELETE}
    for table in ("drift_comparisons", "drift_run_findings"):
        tenant_table(table, found)
    # Decisions are made by people; the worker moves findings on.
    for table in ("drift_findings", "drift_finding_events"):
        tenant_table(table, {**found, DatabaseRole.APP: WRITE})
    for table in ("drift_ignore_rules", "drift_severity_rules", "drift_baselines"):
        tenant_table(table, {DatabaseRole.HUB: READ, DatabaseRole.APP: DELETE, DatabaseRole.WORKER: READ})


def downgrade() -> None:
    """Back: findings and decisions are gone."""
    for table in (
        "drift_baselines",
        "drift_severity_rules",
        "drift_ignore_rules",
        "drift_finding_events",
        "drift_run_findings",
        "drift_findings",
        "drift_comparisons",
    ):
        op.drop_table(table)
