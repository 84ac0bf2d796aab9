"""Syncs, a comparison and backup sets for the hub's feature pages, made by the producers' own functions without Prefect."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from flows._policies.protocol import SourceFailure
from flows._policies.snapshots import add_policies, begin_sync, find_sync, fingerprint_of, finish_sync
from flows._policies.stored import stored
from flows._policies.unread import Unread
from flows._sources.folder import FolderSource
from flows.backup.sets import create_set
from flows.drift.generate import generate
from flows.drift.operation import DriftParameters
from flows.drift.start import choose
from runstore.database import Database, DatabaseRole
from runstore.tenancy import TenantScope
from tests.support.hub_sample import sample_id
from tests.support.runs import RunSpec, add_runs

SAMPLES = Path(__file__).parents[2] / "deployments" / "samples"


def add_features(url: str, scope: TenantScope) -> UUID:
    """Two syncs of a sample tenant, their comparison and two sets; answers the drift run's id."""
    worker, app = Database(url, DatabaseRole.WORKER), Database(url, DatabaseRole.APP)
    try:
        folders = sorted(path for path in (SAMPLES / "acme").iterdir() if path.is_dir())
        for number, folder in enumerate(folders):
            add_sync(worker, scope, folder, sample_id(f"{scope.slug} sync {number}"))
        run_id = sample_id(f"{scope.slug} drift")
        add_runs(worker, scope, [RunSpec(id=run_id, type="drift.generate", total=1, succeeded=1)])
        with worker.transaction(scope) as connection:
            generate(connection, scope, run_id, choose(connection, scope, DriftParameters()))
        for name in ("Before the autumn change", "Quarterly copy"):
            create_set(app, scope, name)
        return run_id
    finally:
        worker.dispose()
        app.dispose()


def add_sync(worker: Database, scope: TenantScope, folder: Path, run_id: UUID) -> UUID:
    """One finished sync of a folder of exports under the default scope key."""
    source = FolderSource(folder)
    read = list(source.read())
    unread = Unread()
    failed = [item for item in read if isinstance(item, SourceFailure)]
    kept = [item for item in read if not isinstance(item, SourceFailure)]
    for item in failed:
        unread.failed(item)
    for item in kept:
        unread.read(item)
    add_runs(
        worker,
        scope,
        [RunSpec(id=run_id, total=len(read), succeeded=len(kept), failures=[item.failure for item in failed])]
        if not failed
        else [_partial(run_id, len(kept), failed)],
    )
    with worker.transaction(scope) as connection:
        fingerprint = fingerprint_of(connection, scope)
        sync_id = begin_sync(connection, scope, run_id, "default", "folder")
        add_policies(connection, scope, sync_id, [stored(item, fingerprint) for item in kept])
        finish_sync(connection, scope, sync_id, failures=len(failed), unread=unread.of(source))
        assert find_sync(connection, scope, sync_id) is not None
    return sync_id


def _partial(run_id: UUID, succeeded: int, failed: list[SourceFailure]) -> RunSpec:
    from runstore.runs.status import RunStatus

    return RunSpec(
        id=run_id,
        status=RunStatus.COMPLETED_WITH_ERRORS,
        succeeded=succeeded,
        failures=[item.failure for item in failed],
    )
