"""What the flow reads and writes: captures, and the items they put into sets. All in the caller's transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from flows.backup.tables import BackupCapture, BackupItem, BackupSet
from runstore.tenancy import TenantScope

GOES_ON_FOR: Final = timedelta(hours=24)
"""How long an unfinished capture is gone on with. Later, what it captured is looked at afresh."""


def begin(
    connection: Connection, scope: TenantScope, run_id: UUID, set_id: UUID, selection_key: str
) -> tuple[list[UUID], list[tuple[str, str]] | None] | None:
    """This run and those it goes on from, and what they had resolved, if they had; None when the set is gone."""
    there = select(BackupSet.id).where(BackupSet.tenant_id == scope.tenant_id, BackupSet.id == set_id)
    if connection.execute(there).one_or_none() is None:
        return None
    earlier = connection.execute(
        select(BackupCapture.run_id, BackupCapture.selection)
        .where(
            BackupCapture.tenant_id == scope.tenant_id,
            BackupCapture.set_id == set_id,
            BackupCapture.selection_key == selection_key,
            BackupCapture.completed_at.is_(None),
            BackupCapture.begun_at > datetime.now(UTC) - GOES_ON_FOR,
        )
        .order_by(BackupCapture.begun_at.desc())
    ).all()
    connection.execute(
        insert(BackupCapture)
        .values(run_id=run_id, tenant_id=scope.tenant_id, set_id=set_id, selection_key=selection_key, selection=[])
        .on_conflict_do_nothing()
    )
    known: list[list[str]] | None = next((row.selection for row in earlier if row.selection), None)
    ids = dict.fromkeys((run_id, *(row.run_id for row in earlier)))
    return list(ids), [(policy_id, slug) for policy_id, slug in known] if known else None


def keep_selection(
    connection: Connection, scope: TenantScope, run_id: UUID, selection: Sequence[tuple[str, str]]
) -> None:
    connection.execute(
        update(BackupCapture)
        .where(BackupCapture.tenant_id == scope.tenant_id, BackupCapture.run_id == run_id)
        .values(selection=[list(each) for each in selection])
    )


def complete(connection: Connection, scope: TenantScope, run_ids: Sequence[UUID]) -> None:
    """Says that everything asked for is in the set: the next identical request looks at all of it afresh."""
    connection.execute(
        update(BackupCapture)
        .where(BackupCapture.tenant_id == scope.tenant_id, BackupCapture.run_id.in_(run_ids))
        .values(completed_at=datetime.now(UTC))
    )
    # Captures nobody will go on with any more; their selections are the bulk of the table.
    connection.execute(
        delete(BackupCapture).where(
            BackupCapture.tenant_id == scope.tenant_id,
            BackupCapture.begun_at < datetime.now(UTC) - 2 * GOES_ON_FOR,
        )
    )


def captured_by(connection: Connection, scope: TenantScope, set_id: UUID, run_ids: Sequence[UUID]) -> dict[str, UUID]:
    rows = connection.execute(
        select(BackupItem.policy_id, BackupItem.run_id).where(
            BackupItem.tenant_id == scope.tenant_id, BackupItem.set_id == set_id, BackupItem.run_id.in_(run_ids)
        )
    )
    return {policy_id: run_id for policy_id, run_id in rows}


def add_items(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, bytes], UUID]:
    """Adds one item at least, each once; (policy id, content hash) → the run that captured it."""
    ordered = sorted(rows, key=lambda row: (row["policy_id"], row["content_hash"]))
    connection.execute(insert(BackupItem).on_conflict_do_nothing(), ordered)
    found = connection.execute(
        select(BackupItem.policy_id, BackupItem.content_hash, BackupItem.run_id).where(
            BackupItem.tenant_id == rows[0]["tenant_id"],
            BackupItem.set_id == rows[0]["set_id"],
            BackupItem.policy_id.in_([row["policy_id"] for row in rows]),
        )
    )
    wanted = {(row["policy_id"], row["content_hash"]) for row in rows}
    return {
        (policy_id, bytes(digest)): run_id
        for policy_id, digest, run_id in found
        if (policy_id, bytes(digest)) in wanted
    }
