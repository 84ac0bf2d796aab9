"""The findings and the Drift page with 20,000 open findings: what they ask of the store, and their scripts.

    python -m benchmarks.bench_findings [--findings 20000] [--rounds 60]

Makes a store of its own. Each question's time is what the database took, all its statements together, through the hub's role.
Aims: 20 ms p95 in the database, 60 ms p95 for a script from asking over the socket to its last element.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import psycopg

from benchmarks.bench_hub_pages import SCRIPT_MS, SECRET, line
from benchmarks.bench_hub_pages import measure as script_time
from benchmarks.bench_hub_store import BUDGET_MS, Statements, measure
from deployments.local.embedded_database import EmbeddedDatabase
from flows.drift.findings_page import A_PAGE
from flows.drift.overview import open_by_scope, trend
from flows.drift.register.filters import FindingFilter
from flows.drift.register.ignore_rules import IgnoreRule
from flows.drift.register.reading import findings_document, newest_comparisons
from flows.drift.register.rule_book import add_ignore
from flows.registry import migration_folders
from monitoring_app.settings import HubSettings, OidcSettings
from monitoring_app.web.identity import Sessions
from runstore import migrations
from runstore.database import Database, DatabaseRole
from runstore.directory import Directory
from runstore.tenancy import Role
from tests.support.hub_server import HubServer
from tests.support.page_client import tab
from tests.support.ports import free_port

PERSON = "reader@large.example"
_FILL = """
WITH sync AS (
  INSERT INTO inventory_syncs (id, tenant_id, run_id, scope, source, status, canonical_version, finished_at)
  SELECT gen_random_uuid(), id, gen_random_uuid(), 'default', 'folder', 'succeeded', 1, now() FROM tenants
), run AS (
  INSERT INTO drift_comparisons (tenant_id, run_id, scope, against, baseline_sync_id, current_sync_id)
  SELECT id, gen_random_uuid(), 'default', 'previous', gen_random_uuid(), gen_random_uuid() FROM tenants
  RETURNING tenant_id, run_id
), finding AS (
  INSERT INTO drift_findings (id, tenant_id, scope, fingerprint, subject, kind, policy_id, policy_name, policy_type, severity,
    status, value_digest, first_run_id, last_run_id, owner)
  SELECT gen_random_uuid(), tenant_id, 'default', sha256(n::text::bytea), 'policy:' || n, 'policy_modified', 'policy-' || n,
    'Policy ' || n, (ARRAY['settings_catalog', 'compliance', 'device_configuration', 'conditional_access'])[1 + n %% 4],
    (ARRAY['critical', 'high', 'medium', 'low', 'info'])[1 + n %% 5],
    CASE WHEN n <= %(open)s THEN 'open' ELSE 'resolved' END, sha256(n::text::bytea), run_id, run_id,
    CASE WHEN n %% 10 = 0 THEN 'kim@large.example' END
  FROM run, generate_series(1, %(open)s) n
  RETURNING id, tenant_id, last_run_id, policy_id, policy_name, policy_type, severity, kind
)
INSERT INTO drift_run_findings (tenant_id, run_id, finding_id, position, kind, policy_id, policy_name, policy_type, severity,
  changes)
SELECT tenant_id, last_run_id, id, row_number() OVER (), kind, policy_id, policy_name, policy_type, severity, json_build_array(
  json_build_object('facet', 'setting', 'setting', 'device_vendor_msft_policy_config_defender_avgcpuloadfactor', 'path',
    'device_vendor_msft_policy_config_defender_avgcpuloadfactor', 'change', 'changed', 'before', 1, 'after', 2,
    'severity', severity))
FROM finding
"""
_EVENTS = """
INSERT INTO drift_finding_events (id, tenant_id, finding_id, run_id, actor, event, to_status)
SELECT gen_random_uuid(), tenant_id, id, last_run_id, 'drift.generate', 'found', 'open' FROM drift_findings
"""
QUESTIONS = {
    "what is open": {},
    "the last page": {},
    "state=acknowledged": {"state": "acknowledged"},
    "state=expiring": {"state": "expiring"},
    "state=all": {"state": "all"},
    "severity=critical": {"severity": "critical"},
    "type=compliance": {"policy_type": "compliance"},
    "policy": {"policy_id": "policy-77"},
    "owner=kim": {"owner": "kim"},
    "q=policy 1999": {"text": "policy 1999"},
}
ADDRESSES = ("", "&from=19950", "&state=all", "&severity=critical&type=compliance", "&q=policy+1999", "&owner=kim")


def main() -> None:
    """Fills, asks, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, EmbeddedDatabase(Path(home) / "pg") as server:
        url = server.url()
        migrations.upgrade(url, migration_folders())
        admin, app, hub = (Database(url, role) for role in (DatabaseRole.ADMIN, DatabaseRole.APP, DatabaseRole.HUB))
        directory = Directory(admin)
        directory.add_tenant("large", "Large")
        scope = directory.for_operator("large")
        directory.grant(scope, PERSON, Role.OWNER)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL, {"open": asked.findings})
            connection.execute(_EVENTS)
            connection.execute("VACUUM (ANALYZE)")
        add_ignore(app, scope, IgnoreRule(policy_name="Policy 7??"), "a hundred of them")
        statements = Statements()
        print(f"{asked.findings:,} open findings, {asked.rounds} rounds\n{'(ms)':46}{'median':>10}{'p95':>10}")
        for name, wanted in QUESTIONS.items():
            offset = asked.findings - A_PAGE if name == "the last page" else 0

            def ask(wanted: dict[str, str] = wanted, offset: int = offset) -> object:
                return findings_document(hub, scope, wanted=FindingFilter(**wanted), offset=offset, limit=A_PAGE)

            inside, _ = measure(ask, asked.rounds, statements)
            line(f"database: {name}", inside, BUDGET_MS)
        newest = newest_comparisons(hub, scope)

        def over_time() -> object:
            with hub.transaction(scope) as connection:
                return trend(connection, scope, open_by_scope(connection, scope), newest)

        inside, _ = measure(over_time, asked.rounds, statements)
        line("database: the Drift page's trend", inside, BUDGET_MS)
        _scripts(url, Path(home), directory, asked.rounds)
        for database in (admin, app, hub):
            database.dispose()


def _scripts(url: str, folder: Path, directory: Directory, rounds: int) -> None:
    port = free_port()
    settings = HubSettings(
        database_url=url,
        public_url=f"http://127.0.0.1:{port}",
        session_secret=SECRET,
        producer_migrations=tuple(migration_folders()),
        oidc=OidcSettings("http://127.0.0.1:9", "hub", "not-a-real-one"),
    )
    user = directory.by_email(PERSON)
    assert user is not None
    cookie = Sessions(SECRET, 8).open(user.id)
    with HubServer(settings, folder, port) as hub, tab(hub.url, cookie) as page:
        for address in (*(f"/findings?tenant=large{more}" for more in ADDRESSES), "/drift?tenant=large"):
            said = address.replace("?tenant=large", "")
            line(f"script: {said}", script_time(lambda address=address: page.open(address), rounds), SCRIPT_MS)


if __name__ == "__main__":
    main()
