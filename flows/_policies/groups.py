"""The groups that policies are assigned to, as `group.sync` read them, and their membership rules in a sync's policies.

A rule stands in the assignments as `membershipRule` of the target, so that a changed one is a change of what targets the group. A
group that was never read has none there, which a comparison takes for unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from flows._policies.assignments import RULE
from flows._policies.json_shape import as_list, as_object, as_text
from flows._policies.sealing import Seals
from flows._policies.secrets import protected_text
from flows._policies.snapshots import fingerprint_of
from flows._policies.tables import DirectoryName
from runstore.tenancy import TenantScope

RULE_LIMIT: Final = 4_000
"""Characters of a rule that are kept; Entra's most is 3,072."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group by its id in small letters. `rule` is empty where members are assigned, `members` None where Graph did not count."""

    group_id: str
    name: str = ""
    kind: str = ""
    rule: str | None = None
    members: int | None = None
    deleted: bool = False


def keep_groups(connection: Connection, scope: TenantScope, groups: Iterable[Group]) -> None:
    """Keeps groups, their rules without secrets and sealed. Of a deleted one stays what was known of it."""
    seals, fingerprint = Seals(connection, scope), fingerprint_of(connection, scope)
    for one in sorted(groups, key=lambda one: one.group_id):
        values: dict[str, Any] = {"name": one.name, "deleted": one.deleted}
        if not one.deleted:
            rule = None if one.rule is None else protected_text(one.rule[:RULE_LIMIT], fingerprint).encode()
            values |= {"group_kind": one.kind, "members": one.members}
            values["membership_rule"] = None if rule is None else seals.kept(rule, one.group_id.encode())
        added = insert(DirectoryName).values(
            tenant_id=scope.tenant_id, object_id=one.group_id, kind="group", read_at=func.now(), **values
        )
        changed: dict[str, Any] = {name: added.excluded[name] for name in values if name != "name"}
        changed["name"] = func.coalesce(func.nullif(added.excluded.name, ""), DirectoryName.name)
        changed |= {"read_at": func.now(), "seen_at": func.now()}
        connection.execute(added.on_conflict_do_update(index_elements=["tenant_id", "object_id"], set_=changed))


def known_rules(connection: Connection, scope: TenantScope) -> dict[str, str]:
    """Group id → its membership rule, for the groups that were read; empty for one whose members are assigned."""
    seals = Seals(connection, scope)
    rows = connection.execute(
        select(DirectoryName.object_id, DirectoryName.membership_rule).where(
            DirectoryName.tenant_id == scope.tenant_id, DirectoryName.membership_rule.is_not(None)
        )
    )
    return {group_id: seals.opened(bytes(rule), group_id.encode()).decode() for group_id, rule in rows}


def with_rules(body: dict[str, Any], rules: Mapping[str, str]) -> dict[str, Any]:
    """The body, its assignments with the rules that are known of their groups and with no other; `body` itself without any."""
    given = as_list(body.get("assignments"))
    told = [_with_rule(item, rules) for item in given]
    return body if told == given else {**body, "assignments": told}


def _with_rule(assignment: Any, rules: Mapping[str, str]) -> Any:
    target = as_object(as_object(assignment).get("target"))
    rule = rules.get(as_text(target.get("groupId")).lower())
    if rule is None and RULE not in target:
        return assignment
    kept = {key: value for key, value in target.items() if key != RULE}
    return {**as_object(assignment), "target": kept if rule is None else {**kept, RULE: rule}}
