"""The names that are kept: of setting definitions for all tenants, of a tenant's directory objects, and of its policies."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from flows._policies.names import CONTEXT, SCOPE_TAG, names_of_policies
from flows._policies.tables import DirectoryName, SettingDefinition
from flows._policies.tree import dumps
from runstore.database import Database
from runstore.tenancy import TenantScope

MOST_CALLED: Final = 1000
READ_AGAIN: Final = timedelta(days=180)
"""Microsoft changes a text now and then."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a setting is called, and its options by id."""

    definition_id: str
    name: str
    description: str
    category: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """A group, user, role or app. `name` is empty where it may not be read; a deleted one keeps the name it had."""

    object_id: str
    kind: str
    name: str
    deleted: bool = False


def definitions_to_read(connection: Connection, ids: Collection[str]) -> list[str]:
    """Those of the definitions that are not kept yet, or were read long ago."""
    fresh = SettingDefinition.read_at > func.now() - READ_AGAIN
    known = select(SettingDefinition.definition_id).where(SettingDefinition.definition_id.in_(ids), fresh)
    return sorted(set(ids) - set(connection.execute(known).scalars()))


def keep_definitions(connection: Connection, definitions: Iterable[Definition]) -> None:
    """Keeps definitions. All sort alike, so that two syncs that keep the same wait for each other and do not block."""
    for one in sorted(definitions, key=lambda one: one.definition_id):
        values: dict[str, Any] = {name: getattr(one, name) for name in Definition.__dataclass_fields__}
        content = sha256(dumps(values)).digest()
        added = insert(SettingDefinition).values(**values, content_hash=content)
        changed = {name: added.excluded[name] for name in (*values, "content_hash") if name != "definition_id"}
        connection.execute(
            added.on_conflict_do_update(index_elements=["definition_id"], set_={**changed, "read_at": func.now()})
        )


def keep_objects(connection: Connection, scope: TenantScope, objects: Iterable[DirectoryObject]) -> None:
    """Keeps what is known of directory objects; a name that was known stays where none is given."""
    for one in sorted(objects, key=lambda one: one.object_id):
        values = {name: getattr(one, name) for name in DirectoryObject.__dataclass_fields__}
        added = insert(DirectoryName).values(tenant_id=scope.tenant_id, **values)
        name = func.coalesce(func.nullif(added.excluded.name, ""), DirectoryName.name)
        changed = {"name": name, "kind": added.excluded.kind, "deleted": added.excluded.deleted, "seen_at": func.now()}
        connection.execute(added.on_conflict_do_update(index_elements=["tenant_id", "object_id"], set_=changed))


# The name a policy had last. It is deleted if the newest sync of the same scope read everything and has none of that id.
_POLICIES: Final = text(
    """
    WITH syncs AS (
      SELECT id, row_number() OVER newest_first AS age, first_value(complete) OVER newest_first AS complete
        FROM (SELECT id, scope, started_at, complete FROM inventory_syncs
               WHERE tenant_id = :tenant AND status IN ('succeeded', 'partial')
               ORDER BY started_at DESC LIMIT 20) AS last
      WINDOW newest_first AS (PARTITION BY scope ORDER BY started_at DESC)
    )
    SELECT DISTINCT ON (policy_id, policy_type) policy_id, policy_type,
           CASE WHEN age > 1 AND complete THEN name || ', deleted' ELSE name END
      FROM syncs JOIN inventory_sync_policies ON sync_id = syncs.id
     WHERE tenant_id = :tenant AND policy_id = ANY(:ids)
     ORDER BY policy_id, policy_type, age
    """
)
# An option is found by the definition that a change names beside it.
_DEFINITIONS: Final = text(
    """
    SELECT definition_id, name, options FROM setting_definitions WHERE definition_id = ANY(:ids)
     LIMIT cardinality(CAST(:ids AS text[]))
    """
)


def known_names(
    connection: Connection, scope: TenantScope, keys: Collection[str], *, are_items: bool = False
) -> dict[str, str]:
    """The name of each key that has one: ids of settings, options, objects and policies; tags as `scope_tag:3`, contexts alike,
    but where the keys are items: those are policies whatever their ids look like."""
    if not keys:
        return {}
    ids: Sequence[str] = sorted({key.removeprefix(SCOPE_TAG).removeprefix(CONTEXT) for key in keys})
    asked = {"tenant": scope.tenant_id, "ids": ids}
    policies = [(row[0], row[1], row[2]) for row in connection.execute(_POLICIES, asked)]
    found = {one: name for one, _, name in policies} if are_items else names_of_policies(policies)
    for definition_id, name, options in connection.execute(_DEFINITIONS, asked):
        found |= {**options, definition_id: name}
    lower = {one.lower(): one for one in ids}
    objects = select(DirectoryName.object_id, DirectoryName.kind, DirectoryName.name, DirectoryName.deleted).where(
        DirectoryName.tenant_id == scope.tenant_id, DirectoryName.object_id == func.any(list(lower))
    )
    for object_id, kind, name, deleted in connection.execute(objects.limit(len(lower))):
        if name or deleted:
            found[lower[object_id]] = (f"{name}, deleted" if name else f"deleted {kind}") if deleted else name
    return {key: name for key, name in found.items() if name and key in keys}


_CALLED: Final = text(
    """
    SELECT DISTINCT policy_id FROM inventory_sync_policies
     WHERE tenant_id = :tenant AND strpos(lower(name), lower(:part)) > 0 AND sync_id IN (
           SELECT id FROM inventory_syncs WHERE tenant_id = :tenant AND status IN ('succeeded', 'partial')
            ORDER BY started_at DESC LIMIT 20)
     ORDER BY policy_id LIMIT :most
    """
)


def items_called(database: Database, scope: TenantScope, part: str) -> list[str]:
    """As runs name them, the policies of the newest syncs that have `part` in their name, in any case; at most MOST_CALLED."""
    asked = {"tenant": scope.tenant_id, "part": part, "most": MOST_CALLED}
    with database.transaction(scope) as connection:
        ids = connection.execute(_CALLED, asked).scalars().all()
    return [item for one in ids for item in (one, f"policy:{one}")]


def item_names(database: Database, scope: TenantScope, items: Sequence[str]) -> dict[str, str]:
    """What the policies among a run's items are called: an item is a policy's id, or a finding's subject, `policy:ID`."""
    ids = {item: item.removeprefix("policy:") for item in items}
    with database.transaction(scope) as connection:
        found = known_names(connection, scope, set(ids.values()), are_items=True)
    return {item: found[one] for item, one in ids.items() if one in found}
