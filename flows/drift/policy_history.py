"""A policy over time: the versions that syncs saw, who made each, and what differs between any two."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from flows._policies.audit import events_of
from flows._policies.canonical import CANONICAL_VERSION, content_declared
from flows._policies.secrets import presence, protected, without_fingerprints
from flows._policies.snapshots import Sync, bodies, newest_usable, policies_of, policy_in, usable_at
from flows.drift.attribution import last_of, said_of
from flows.drift.comparison.compare import pair_changes
from flows.drift.comparison.sides import Completeness, PolicyState
from flows.drift.folder_diff import SYNC
from flows.drift.operation import DEFAULT_SCOPE
from flows.drift.register.reading import with_known_names
from flows.drift.reports.summary import groups_json
from flows.drift.sync_diff import diff_with_syncs
from runstore.database import Database
from runstore.errors import BadInputError, NotFoundError
from runstore.tenancy import Permission, TenantScope

SYNCS_READ: Final = 1_000
VERSIONS_SHOWN: Final = 50
MOST_POLICIES: Final = 10_000


@dataclass(slots=True)
class _Version:
    """A policy as it was from one sync to another; no `policy` where it was gone. `before` is the sync that saw the one before."""

    policy: PolicyState | None
    first: Sync
    last: Sync
    before: Sync | None = None
    syncs: int = 1
    unread: int = 0


def policy_history(
    database: Database,
    scope: TenantScope,
    policy_id: str,
    scope_key: str = DEFAULT_SCOPE,
    between: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """The versions of a policy that the scope's newest 1,000 usable syncs saw, newest first, at most 50.

    A version has the sync that saw it first and the one that saw it last, by how many it was seen and by how many not read, and
    `changes` from the one before: None where a content is kept no longer. Its `state` is present, or absent where a sync could
    tell that the policy was gone. With `between`, `diff` has the changes from the version of one sync to that of the other.
    NotFoundError for a policy that none of those syncs saw, and for a sync that is not one of them.
    """
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        syncs = newest_usable(connection, scope, scope_key, limit=SYNCS_READ)[::-1]
        seen = policy_in(connection, scope, policy_id.replace("\x00", ""), [sync.id for sync in syncs])
        found = _versions(syncs, seen)
        if not found:
            raise NotFoundError(f"No sync of scope {scope_key[:80]!r} that is kept saw this policy.")
        shown = found[-VERSIONS_SHOWN:]
        ends = [_of_sync(found, one) for one in between or ()]
        contents = _contents(connection, scope, (*found[-VERSIONS_SHOWN - 1 :], *ends))
        events = events_of(connection, scope, policy_id, limit=SYNCS_READ)
    told: list[dict[str, Any]] = []
    kind = next(one.policy for one in reversed(found) if one.policy is not None)
    for before, version in zip([None, *found][-len(shown) - 1 :], shown, strict=False):
        entry = _entry(version)
        if before is not None:
            entry["changes"] = _changes(contents, before, version)
            if told and entry["changes"] == [] and told[-1]["policy_name"] == entry["policy_name"]:
                # Newer rules have hashed the same content in another way.
                told[-1] |= {name: entry[name] for name in ("last_sync_id", "last_seen_at")}
                told[-1]["syncs"] += version.syncs
                continue
            baseline = version.before or before.last
            event = last_of(events, baseline, version.first)
            entry["changed_by"] = said_of(event, kind.policy_type, baseline, version.first)
        told.append(entry)
    document: dict[str, Any] = {
        "policy_id": policy_id,
        "policy_name": kind.name,
        "policy_type": kind.policy_type,
        "scope": scope_key,
        "versions": with_known_names(database, scope, told[::-1]),
        "not_listed": len(found) - len(shown),
    }
    if ends:
        document["diff"] = with_known_names(database, scope, [{"changes": _changes(contents, *ends)}])[0]
    return document


def tenant_at(database: Database, scope: TenantScope, at: datetime, scope_key: str | None = None) -> dict[str, Any]:
    """What was known of the tenant at a moment: of each scope the last usable sync begun by then, and its policies.

    `not_read` lists the types of which that sync could not tell everything. At most 10,000 policies; `not_listed` are more.
    """
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        syncs = [one for one in usable_at(connection, scope, at) if scope_key in (None, one.scope)]
        listed = [
            {"scope": sync.scope, "policy_id": one.policy_id, "policy_type": one.policy_type, "policy_name": one.name}
            for sync in syncs
            for one in policies_of(connection, scope, sync.id, limit=MOST_POLICIES)
        ]
    return {
        "at": at.isoformat(),
        "syncs": [{**one.as_json(), "not_read": sorted(Completeness.of_json(one.unread).types)} for one in syncs],
        "policies": listed[:MOST_POLICIES],
        "not_listed": sum(one.policies for one in syncs) - len(listed[:MOST_POLICIES]),
    }


def diff_between(
    database: Database, scope: TenantScope, scope_key: str, begin: datetime, end: datetime, policy_id: str | None
) -> dict[str, Any]:
    """What differs in a scope between two moments, as the document of `drift diff`; of one policy, if that is asked for.

    NotFoundError when nothing was known of the scope at one of them; BadInputError when no sync lies between.
    """
    scope.require(Permission.VIEW)
    with database.transaction(scope) as connection:
        found = [
            next((one for one in usable_at(connection, scope, at) if one.scope == scope_key), None)
            for at in (begin, end)
        ]
    sides: list[str] = []
    for at, sync in zip((begin, end), found, strict=True):
        if sync is None:
            raise NotFoundError(f"No usable sync of scope {scope_key[:80]!r} had begun at {at.isoformat()}.")
        sides.append(f"{SYNC}{sync.id}")
    if sides[0] == sides[1]:
        raise BadInputError(
            "No usable sync began between the two moments: `tenantatlas inventory list` shows when they did."
        )
    document = diff_with_syncs(database, scope, *sides).document
    if policy_id is None:
        return document
    findings = [one for one in document["findings"] if policy_id in (one["policy_id"], one.get("previous_policy_id"))]
    return {**document, "findings": findings, "groups": groups_json(findings)}


def _versions(syncs: Sequence[Sync], seen: Mapping[Any, PolicyState]) -> list[_Version]:
    """The versions, oldest first. A sync that did not read the policy ends none."""
    found: list[_Version] = []
    for sync in syncs:
        policy, last = seen.get(sync.id), found[-1] if found else None
        if last is None:
            found += [] if policy is None else [_Version(policy, sync, sync)]
        elif policy is None and last.policy is not None and not _knows(sync, last.policy):
            last.unread += 1
        elif _is_same(policy, last.policy):
            last.last, last.syncs = sync, last.syncs + 1
        else:
            found.append(_Version(policy, sync, sync, before=last.last))
    return found


def _knows(sync: Sync, policy: PolicyState) -> bool:
    return Completeness.of_json(sync.unread).knows(policy.policy_type, policy.policy_id)


def _is_same(one: PolicyState | None, other: PolicyState | None) -> bool:
    if one is None or other is None:
        return one is other
    # An unknown subtype equals any, as in a comparison.
    kinds = {one.subtype, other.subtype} - {None}
    return (one.content_hash, one.name) == (other.content_hash, other.name) and len(kinds) < 2


def _of_sync(found: Sequence[_Version], sync_id: str) -> _Version:
    for version in found:
        if sync_id in (str(version.first.id), str(version.last.id)):
            return version
    raise NotFoundError("A version is named by the id of the first or the last sync that saw it.")


def _entry(version: _Version) -> dict[str, Any]:
    return {
        "state": "absent" if version.policy is None else "present",
        "policy_name": None if version.policy is None else version.policy.name,
        "first_sync_id": str(version.first.id),
        "first_seen_at": version.first.started_at.isoformat(),
        "last_sync_id": str(version.last.id),
        "last_seen_at": version.last.started_at.isoformat(),
        "syncs": version.syncs,
        "not_read": version.unread,
        "changes": [],
    }


def _contents(
    connection: Connection, scope: TenantScope, versions: Iterable[_Version]
) -> Mapping[bytes, Mapping[str, Any]]:
    """The contents of versions that are kept. Where older rules stored one, all go through today's fence, and tell of secrets
    only presence."""
    known = [(one.policy, one.first.canonical_version) for one in versions if one.policy is not None]
    found = dict(bodies(connection, scope, [policy.content_hash for policy, _ in known]))
    if any(version != CANONICAL_VERSION for _, version in known):
        types = {policy.content_hash: content_declared(policy.policy_type) for policy, _ in known}
        return {one: without_fingerprints(protected(body, presence, types[one])) for one, body in found.items()}
    return found


def _changes(
    contents: Mapping[bytes, Mapping[str, Any]], before: _Version, after: _Version
) -> list[dict[str, Any]] | None:
    """The changes between two versions; None where a content is kept no longer, none where the policy came or went."""
    old, new = before.policy, after.policy
    if old is None or new is None:
        return []
    if not {old.content_hash, new.content_hash} <= contents.keys():
        return None
    return [one.as_json() for one in pair_changes(old, new, contents)]
