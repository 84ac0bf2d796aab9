"""The flow of `group.sync`."""

from collections.abc import Sequence
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from flows._policies.groups import Group, keep_groups
from flows._policies.names import Mentioned
from flows._policies.own_credential import directory_of
from flows._policies.snapshots import bodies, find_sync, newest_usable, policies_of
from flows._sources.graph.answers import Problem
from flows._sources.graph.reader import GraphReader
from flows._tracking.tracked_flow import TrackedRun, tracked_flow
from flows.groups.operation import OPERATION, GroupParameters
from flows.groups.reasons import GROUPS_WITHOUT_SYNC
from runstore.reasons import ReasonedError
from runstore.tenancy import TenantScope

BATCH = 500


@tracked_flow(OPERATION, own_steps=True)
def sync_groups(run: TrackedRun, parameters: GroupParameters) -> None:
    read_groups(run, parameters)


def read_groups(run: TrackedRun, parameters: GroupParameters) -> None:
    """The work, for a run that may be tracked elsewhere. A group that is gone is kept as deleted, which is not a failure."""
    find = partial(mentioned_groups, scope=run.scope, parameters=parameters)
    wanted = run.step("find groups", partial(run.stored, find))
    run.progress.expect(wanted)
    run.log.info("The policies refer to %d groups.", len(wanted))
    gone = uncounted = 0
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        found = run.step("read groups", partial(_read, run, part), title=f"read groups, from {start + 1} on")
        groups = [one for one in found if isinstance(one, Group)]
        run.step("keep groups", partial(run.stored, partial(keep_groups, scope=run.scope, groups=groups)))
        gone += sum(one.deleted for one in groups)
        uncounted += sum(one.members is None and not one.deleted for one in groups)
        for group_id, one in zip(part, found, strict=True):
            if isinstance(one, Problem):
                run.progress.failed(one.failure(group_id))
            else:
                run.progress.succeeded(group_id)
    run.progress.note(groups={"read": run.progress.counts.succeeded, "gone": gone, "not_counted": uncounted})
    run.log.info("%d of them are gone; of %d the number of members is not known.", gone, uncounted)


def mentioned_groups(connection: Connection, scope: TenantScope, parameters: GroupParameters) -> list[str]:
    """The ids of the groups that the sync's policies refer to, in order. ReasonedError where there is no such sync."""
    named = parameters.current and find_sync(connection, scope, parameters.current)
    sync = named or next(iter(newest_usable(connection, scope, parameters.scope, limit=1)), None)
    if sync is None or not sync.is_usable:
        raise ReasonedError(GROUPS_WITHOUT_SYNC.failure())
    mentioned = Mentioned()
    policies = policies_of(connection, scope, sync.id)
    while batch := list(islice(policies, BATCH)):
        for body in bodies(connection, scope, [one.content_hash for one in batch]).values():
            mentioned.read(body)
    return sorted(one for one, kind in mentioned.objects.items() if kind == "group")


def _read(run: TrackedRun, ids: Sequence[str]) -> list[Group | Problem]:
    directory, _, environ = run.stored(partial(directory_of, scope=run.scope))
    with GraphReader.open(directory, environ=environ) as reader:
        return list(reader.groups(ids))
