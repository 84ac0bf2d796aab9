"""A sync of the store as one side of `drift diff`: read, compared in memory, and nothing written."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from flows._policies.canonical import CANONICAL_VERSION, body_hash, canonical
from flows._policies.protocol import SourceFailure
from flows._policies.sealing import Seals
from flows._policies.secrets import presence, without_fingerprints
from flows._policies.snapshots import STATE_COLUMNS, Sync, in_sync, usable_sync
from flows._policies.stored import StoredPolicy, body_bytes, body_of
from flows._policies.stored import stored as made_ready
from flows._policies.tables import InventorySync, PolicyContent, SyncPolicy
from flows.drift.comparison.findings import Withheld
from flows.drift.comparison.sides import Completeness
from flows.drift.comparison.withheld import SECRETS_NOT_COMPARED
from flows.drift.folder_diff import SYNC, Diff, Findings, Side, difference, side_of_use
from flows.drift.register.ignore_rules import ignore_rules, without_ignored
from flows.drift.register.reading import with_known_names
from flows.drift.register.rule_book import severity_rules
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.ids import checked_id
from runstore.runs.reader import RunReader
from runstore.tenancy import Permission, TenantScope

BATCH: Final = 500


def diff_with_syncs(database: Database, scope: TenantScope, before: str, after: str) -> Diff:
    """The comparison of two sides, each a folder or `sync:ID`, by the tenant's own rules of severity and what it ignores.

    A folder beside a sync says of secrets only that they are there: the key of the sync's fingerprints stays with the
    worker. NotFoundError for a sync the tenant has not; BadInputError for one that may not serve, and for a folder of no use.
    """
    scope.require(Permission.VIEW)
    texts = (before, after)
    bare: set[str] | None = None if all(text.startswith(SYNC) for text in texts) else set()
    with database.transaction(scope) as connection:
        syncs = [_sync(connection, scope, text) if text.startswith(SYNC) else None for text in texts]
        if syncs[0] is not None and syncs[1] is not None and syncs[0].id == syncs[1].id:
            raise BadInputError("Both sides are the same sync: choose two different ones.")
        stored = [None if sync is None else _stored(connection, scope, sync, bare) for sync in syncs]
        rules, ignored = severity_rules(connection, scope), ignore_rules(connection, scope)
    sides: list[Side] = []
    for text, sync, side in zip(texts, syncs, stored, strict=True):
        if sync is None or side is None:
            side = side_of_use(Path(text), lambda policy: made_ready(policy, presence))
        else:
            side.failures += _failures(database, scope, sync)
        sides.append(side)
    old, new = sides

    def shown(findings: Findings) -> tuple[Findings, int]:
        kept, count = without_ignored(findings, ignored)
        return with_known_names(database, scope, kept), count

    both = (bare or set()) & old.policies.keys() & new.policies.keys()
    secrets = Counter(new.policies[policy_id].policy_type for policy_id in both)
    withheld = [Withheld(slug, count, SECRETS_NOT_COMPARED, "secrets") for slug, count in sorted(secrets.items())]
    return difference(old, new, rules, shown, withheld)


def _sync(connection: Connection, scope: TenantScope, text: str) -> Sync:
    wanted = checked_id(
        text.removeprefix(SYNC),
        "A sync is named as sync:ID, with its id or that of its run: `tenantatlas inventory list` shows them.",
    )
    sync_id = connection.execute(
        select(InventorySync.id).where(
            InventorySync.tenant_id == scope.tenant_id, or_(InventorySync.id == wanted, InventorySync.run_id == wanted)
        )
    ).scalar()
    # Where no sync has the id, the error names the one that was asked for.
    return usable_sync(connection, scope, sync_id or wanted)


def _stored(connection: Connection, scope: TenantScope, sync: Sync, bare: set[str] | None) -> Side:
    """The side of a sync; with `bare` without fingerprints, and those ids added to it whose policies had some."""
    rows = connection.execution_options(yield_per=BATCH).execute(
        select(*STATE_COLUMNS, PolicyContent.body)
        .join(
            PolicyContent,
            (PolicyContent.tenant_id == SyncPolicy.tenant_id) & (PolicyContent.content_hash == SyncPolicy.content_hash),
        )
        .where(*in_sync(scope, sync.id))
    )
    unread = Completeness.of_json(sync.unread)
    side = Side({}, unread, not_asked=sync.unread.get("not_asked", {}), name=f"{SYNC}{sync.id}", is_folder=False)
    seals = Seals(connection, scope)
    for row in rows.mappings():
        digest = bytes(row["content_hash"])
        values: dict[str, Any] = {**row, "content_hash": digest, "body": seals.opened(bytes(row["body"]), digest)}
        if bare is not None or sync.canonical_version != CANONICAL_VERSION:
            body = body_of(values["body"])
            if bare is not None and (without := without_fingerprints(body)) != body:
                bare.add(values["policy_id"])
                body = without
            form = canonical(values["policy_type"], body)
            values |= {"content_hash": body_hash(body, form), "body": body_bytes(body)}
        side.policies[values["policy_id"]] = StoredPolicy(**values)
    return side


def _failures(database: Database, scope: TenantScope, sync: Sync) -> list[SourceFailure]:
    """What the sync's run could not read; empty when the run is kept no longer: its sync still says what it lacks."""
    try:
        failures = RunReader(database, scope).get(sync.run_id).failures
    except NotFoundError:
        return []
    return [SourceFailure(one.item_id, one, None) for one in failures]
