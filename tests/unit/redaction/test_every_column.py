"""No text comes into a table round the fence: each column that could hold one is named here with what keeps it clean.

A new column fails until somebody has said so. What is called `fence` is tried with real runs in
`tests/acceptance/test_no_secret_is_stored.py`, which reads every table byte by byte.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Final, cast

import pytest
from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from flows.backup.tables import BackupItem
from flows.drift.register.ignore_rules import IgnoreRule
from flows.drift.register.rule_book import add_ignore
from flows.inventory.operation import checked_scope
from runstore import audit
from runstore.directory import Directory
from runstore.errors import BadInputError
from runstore.runs import recorder, starter
from runstore.schema import Base

TOKEN: Final = "aB3x9KfPq2Zr7TyW8vNm4LsD"

OURS: Final = "written by us: an id, a word of a list, a number, a digest, a moment"
STORED: Final = "by flows._policies.stored, or read back from what it kept"
SCRUBBED: Final = "by runstore.fence.redaction where it is written"
REFUSED: Final = "a text that looks like a secret is refused"
PERSON: Final = "who somebody is, from the sign-in or the operator's own command line"
SEALED: Final = "encrypted under the tenant's key"

KEPT: Final = {
    "audit_heads": {"hash": OURS},
    "audit_log": {"actor": PERSON, "verb": OURS, "subject": OURS, "detail": SCRUBBED, "hash": OURS},
    "backup_captures": {"selection_key": OURS, "selection": STORED},
    "backup_items": {
        "policy_id": STORED, "content_hash": OURS, "policy_type": OURS, "name": STORED, "platform": OURS, "origin": STORED,
        "body": SEALED, "key_id": OURS,
    },
    "backup_sets": {"name": SCRUBBED, "created_by": PERSON},
    "directory_names": {"object_id": OURS, "kind": OURS, "name": SCRUBBED, "group_kind": OURS, "membership_rule": SEALED},
    "drift_baselines": {"scope": REFUSED, "reason": SCRUBBED, "pinned_by": PERSON},
    "drift_comparisons": {"scope": REFUSED, "against": OURS, "withheld": OURS},
    "drift_finding_events": {"actor": PERSON, "event": OURS, "from_status": OURS, "to_status": OURS, "detail": SCRUBBED},
    "drift_findings": {
        "scope": REFUSED, "fingerprint": OURS, "subject": STORED, "kind": OURS, "policy_id": STORED, "policy_name": STORED,
        "policy_type": OURS, "severity": OURS, "status": OURS, "value_digest": OURS, "before_hash": OURS, "after_hash": OURS,
        "owner": SCRUBBED, "reason": SCRUBBED, "accepted_digest": OURS, "shown_severity": OURS, "searched": STORED,
        "changes": SEALED, "origin_hash": OURS,
    },
    "drift_ignore_rules": {
        "kind": REFUSED, "policy_type": REFUSED, "policy_name": REFUSED, "facet": REFUSED, "setting": REFUSED,
        "reason": SCRUBBED, "created_by": PERSON,
    },
    "drift_run_findings": {
        "kind": OURS, "policy_id": STORED, "previous_policy_id": STORED, "policy_name": STORED, "policy_type": OURS,
        "severity": OURS, "changes": SEALED, "policies": STORED, "notes": STORED, "changed_by": SCRUBBED,
    },
    "drift_severity_rules": {
        "severity": OURS, "kinds": OURS, "policy_type": REFUSED, "facet": OURS, "setting": REFUSED, "created_by": PERSON,
    },
    "ended_sessions": {"id": OURS},
    "inventory_sync_policies": {
        "policy_id": STORED, "policy_type": OURS, "name": STORED, "platform": OURS, "subtype": STORED, "content_hash": OURS,
        "origin": STORED, "mark": OURS,
    },
    "inventory_syncs": {"scope": REFUSED, "source": OURS, "status": OURS, "unread": STORED, "audit": OURS},
    "memberships": {"role": OURS, "granted_by": PERSON},
    "notifications": {"kind": OURS, "status": OURS},
    "operation_runs": {
        "resource": OURS, "action": OURS, "status": OURS, "bucket": OURS, "idempotency_key": OURS, "context": SCRUBBED,
        "parameters": SCRUBBED, "item_ids": SCRUBBED, "failures": SCRUBBED, "related": SCRUBBED, "history": OURS,
        "trigger": OURS, "initiated_by": PERSON, "last_source": OURS,
    },
    "policy_audit_events": {"policy_id": OURS, "activity": SCRUBBED, "actor": SCRUBBED},
    "policy_contents": {"content_hash": OURS, "body": SEALED},
    "policy_fingerprint_keys": {"key": OURS},
    "policy_kept_words": {"fingerprint": OURS, "sealed": SEALED},
    "schedule_looks": {"problem": OURS},
    "schedules": {
        "resource": OURS, "action": OURS, "scope": SCRUBBED, "name": SCRUBBED, "timing": SCRUBBED, "timezone": SCRUBBED,
        "stopped_by": OURS,
    },
    "tenant_credentials": {"cloud": OURS, "application": OURS, "kind": OURS, "sealed": SEALED},
    "tenant_keys": {"key_id": OURS, "wrapped": SEALED},
    "setting_definitions": {
        "definition_id": OURS, "content_hash": OURS, "name": SCRUBBED, "description": SCRUBBED, "category": SCRUBBED,
        "options": SCRUBBED,
    },
    "tenants": {"slug": OURS, "name": REFUSED, "directory_id": OURS, "without_types": OURS},
    "users": {"email": PERSON, "display_name": PERSON, "issuer": PERSON, "subject": PERSON},
}  # fmt: skip


def test_every_column_that_could_hold_a_text_says_what_keeps_it_clean() -> None:
    texts = {
        table.name: {
            column.name
            for column in table.columns
            if isinstance(column.type, String | LargeBinary | JSON | JSONB | ARRAY)
        }
        for table in Base.metadata.tables.values()
        if not table.name.startswith("leak")
    }
    assert BackupItem.__tablename__ in texts
    said = {table: set(columns) for table, columns in KEPT.items()}
    assert {table: texts[table] for table in said} == said
    assert {table for table, columns in texts.items() if columns} - said.keys() == set()


@pytest.mark.parametrize(
    ("module", "columns"),
    [
        (recorder, ("failures", "item_ids", "related", "context")),
        (starter, ("context", "parameters", "item_ids", "related")),
        (audit, ("detail",)),
    ],
)
def test_the_writers_of_runs_and_of_the_audit_scrub_what_they_write(module: object, columns: tuple[str, ...]) -> None:
    source = inspect.getsource(module)  # pyright: ignore[reportArgumentType]
    for column in columns:
        written = re.findall(rf'"{column}": (.*)', source)
        assert any("scrub" in line for line in written), (column, written)


ROOT: Final = Path(__file__).parents[3]
_WRITES: Final = re.compile(
    r"(?<![.\w])(?:upsert|insert|update)\([A-Z_a-z]|INSERT INTO |UPDATE [a-z_]+ SET|\bCOPY \w+ FROM"
)
WRITERS: Final = {
    "flows/_policies/audit.py": "flows/_sources/graph/audit.py: scrub_text",
    "flows/_policies/groups.py": "flows/_sources/graph/names.py: shown_name",
    "flows/_policies/kept_words.py": "seal",
    "flows/_policies/known_names.py": "flows/_sources/graph/names.py: shown_name",
    "flows/_policies/own_credential.py": "seal",
    "flows/_policies/rehash.py": "protected",
    "flows/_policies/sealing.py": "seal",
    "flows/_policies/snapshots.py": "StoredPolicy",
    "flows/backup/sets.py": "scrub_text",
    "flows/backup/store.py": "flows/backup/flow.py: seal",
    "flows/drift/generate.py": "protected",
    "flows/drift/register/decisions.py": "scrub_text",
    "flows/drift/register/ignore_rules.py": "",
    "flows/drift/register/record.py": "Seals",
    "flows/drift/register/rule_book.py": "looks_secret",
    "flows/drift/start.py": "scrub_text",
    "runstore/audit.py": "scrub_json",
    "runstore/directory.py": "looks_secret",
    "runstore/dump.py": "",
    "runstore/leaving.py": "",
    "runstore/notifications.py": "",
    "runstore/runs/flow_runs.py": "",
    "runstore/runs/outbox.py": "",
    "runstore/runs/recorder.py": "scrub_json",
    "runstore/runs/starter.py": "scrub_json",
    "runstore/schedules.py": "deployments/orchestration/schedules/mirror.py: scrub_text",
}
"""Module → the fence it has, or the module before it and its fence. Without one it writes numbers, moments, ids and words of
ours, or what a table held before."""


def test_every_module_that_writes_is_named_with_the_fence_it_has() -> None:
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for package in ("runstore", "flows", "deployments", "monitoring_app")
        for path in (ROOT / package).rglob("*.py")
        if not {"migrations", "leak"} & set(path.parts)
    }
    assert {name for name, source in sources.items() if _WRITES.search(source)} == set(WRITERS)
    for name, said in WRITERS.items():
        module, _, fence = said.rpartition(": ")
        assert fence in sources[module or name], name


def test_a_text_that_is_kept_as_it_is_and_looks_like_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="looks like a secret"):
        checked_scope(TOKEN)
    # Refused before the database is asked.
    nowhere, member = cast("Any", None), cast("Any", Everybody())
    with pytest.raises(BadInputError, match="looks like a secret"):
        Directory(nowhere).add_tenant("contoso", f"Contoso {TOKEN}")
    with pytest.raises(BadInputError, match="looks like a secret"):
        add_ignore(nowhere, member, IgnoreRule("", "", f"*{TOKEN}*", "", ""), "seen")


class Everybody:
    """A scope that may do anything."""

    def require(self, _permission: object) -> None:
        """Lets it pass."""
