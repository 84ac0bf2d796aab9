"""A corpus case: two states of a tenant's policies and the findings they must give, written down by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows._policies.stored import body_bytes, body_of
from flows.drift.comparison.sides import Completeness
from flows.drift.comparison.withheld import why_empty
from tests.support.drift_compare import compared, in_order, shown, snapshot

GRAPH = "#microsoft.graph."
Body = dict[str, Any]
Truth = tuple[str, str | None, Sequence[tuple[Any, ...]]]
"""Kind, policy id, and each change as (facet, setting, path, before, after); `ABSENT` for a side with nothing."""

ABSENT = object()
KNOWN = Completeness()


@dataclass(frozen=True)
class Case:
    """One pair. `name` says what it is about."""

    name: str
    before: Sequence[Body]
    after: Sequence[Body]
    truth: Sequence[Truth]
    baseline: Completeness = KNOWN
    current: Completeness = KNOWN
    withheld: Sequence[tuple[str, int]] = ()


def one(name: str, body: Body, edit: Callable[[Body], Any], *changes: tuple[Any, ...]) -> Case:
    """A case about one policy that is edited in place; without changes it must give no finding."""
    after = body_of(body_bytes(body))
    replaced = edit(after)
    if isinstance(replaced, dict):
        after = replaced
    truth: list[Truth] = [("policy_modified", after["id"], changes)] if changes else []
    return Case(name, [body], [after], truth)


def check(case: Case) -> None:
    """Fails unless the comparison finds exactly what the case says, in both directions, and withholds what it says."""
    result = compared(snapshot(case.before, case.baseline), snapshot(case.after, case.current))
    found = [(item["kind"], item["policy_id"], in_order(item["changes"])) for item in shown(result)]
    wanted = [
        (kind, policy_id, in_order([_change(*given[:5], **_more(given)) for given in changes]))
        for kind, policy_id, changes in case.truth
    ]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    assert [(entry.policy_type, entry.count) for entry in result.withheld] == list(case.withheld)
    document = {"comparisons": [1], "ignored": 0, "withheld": [entry.as_json() for entry in result.withheld]}
    assert (why_empty(document) == "Nothing drifted.") == (not case.withheld)
    for view in ("register", "comparison"):
        assert ("in what was read" in why_empty({**document, "view": view})) == bool(case.withheld)


def _change(facet: str, setting: str, path: str, before: Any, after: Any, **more: Any) -> Mapping[str, Any]:
    kind = "added" if before is ABSENT else "removed" if after is ABSENT else "changed"
    return {
        "facet": facet,
        "setting": setting,
        "path": path,
        "change": kind,
        "before": None if before is ABSENT else before,
        "after": None if after is ABSENT else after,
        **more,
    }


class Moved(tuple[Any, ...]):
    """A change that also says where it went (`moved_to`) or came from (`moved_from`), by policy id."""

    more: dict[str, str]

    def __new__(cls, change: tuple[Any, ...], **more: str) -> Moved:
        made = super().__new__(cls, change)
        made.more = more
        return made


def _more(given: tuple[Any, ...]) -> dict[str, str]:
    return given.more if isinstance(given, Moved) else {}


def setting(path: str, before: Any, after: Any) -> tuple[Any, ...]:
    """A setting's change; its id is the end of the path."""
    return ("setting", path.rpartition("/")[2].partition("[")[0], path, before, after)


def prop(path: str, before: Any, after: Any) -> tuple[Any, ...]:
    """A property's change; its name is the end of the path."""
    name = path
    while "[" in name:
        head, _, rest = name.partition("[")
        name = head + rest.partition("]")[2]
    return ("property", name.rpartition("/")[2], path, before, after)


def assignment(target: str, before: Any, after: Any) -> tuple[Any, ...]:
    """An assignment's change."""
    return ("assignment", "assignments", f"assignments[{target}]", before, after)


def tags(before: Sequence[str], after: Sequence[str]) -> tuple[Any, ...]:
    """A change of scope tags."""
    return ("scope_tag", "roleScopeTagIds", "roleScopeTagIds", list(before), list(after))
