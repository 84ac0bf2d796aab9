"""One difference between two states of a policy: where, what was there, what is there now."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from flows._policies.json_shape import as_list, as_object
from flows._policies.tree import OWN, UNKNOWN, Tree, comparable_tree, dumps, plain, unescaped


class Facet(StrEnum):
    """Which side of a policy a change is about."""

    SETTING = "setting"
    ASSIGNMENT = "assignment"
    SCOPE_TAG = "scope_tag"
    PROPERTY = "property"


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


MISSING: Final = object()
"""Stands for "not there", which is something else than `null`."""


@dataclass(frozen=True, slots=True)
class Element:
    """The step into one element of a collection: by the values of its identity, or, without one, by its content.

    `properties` empty and `single` false: a member of a set, known by its content alone. `single`: the only element
    on both sides, compared with its counterpart although nothing names it.
    """

    properties: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    single: bool = False

    def __str__(self) -> str:
        if self.single:
            return ""
        return f"[{', '.join(value for value in self.values if value)}]"


Step = str | Element
DIFF_LIMIT: Final = 200_000


@dataclass(frozen=True, slots=True)
class Change:
    """One change at one place. `before` and `after` are trees, `MISSING` where there was nothing."""

    facet: Facet
    steps: tuple[Step, ...]
    before: Tree
    after: Tree
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def kind(self) -> ChangeKind:
        if self.before is MISSING:
            return ChangeKind.ADDED
        return ChangeKind.REMOVED if self.after is MISSING else ChangeKind.CHANGED

    @property
    def setting(self) -> str:
        """The innermost definition id or property name the change is about."""
        for step in reversed(self.steps):
            if isinstance(step, str) and step not in (OWN, UNKNOWN):
                return unescaped(step)
        return str(self.facet)

    @property
    def path(self) -> str:
        """The way to the setting by definition ids, property names and identities: `a/b[Rule 1]/c`."""
        shown = ""
        for step in self.steps:
            if isinstance(step, Element):
                shown += str(step)
            elif step not in (OWN, UNKNOWN):
                shown += f"/{unescaped(step)}" if shown else unescaped(step)
        return shown

    @property
    def is_generic(self) -> bool:
        """Whether the place is of a kind not known here, so that it was compared without knowing its meaning."""
        return UNKNOWN in self.steps

    @property
    def signature(self) -> tuple[str, str, bytes, bytes]:
        """Equal for two changes that do the same at the same place."""
        return (self.facet, self.path, _key(self.before), _key(self.after))

    def with_extra(self, **extra: Any) -> Self:
        return replace(self, extra={**self.extra, **extra})

    def as_json(self) -> dict[str, Any]:
        """The JSON shape of the contract, with `diff` for texts of several lines and whatever else is known."""
        before = None if self.before is MISSING else plain(self.before)
        after = None if self.after is MISSING else plain(self.after)
        shown: dict[str, Any] = {
            "facet": self.facet.value,
            "setting": self.setting,
            "path": self.path,
            "change": self.kind.value,
            "before": before,
            "after": after,
        }
        if isinstance(before, list) and isinstance(after, list):
            shown |= _members(self.before, self.after)
        text = _text_diff(before, after)
        if text is not None:
            shown["diff"] = text
        if self.is_generic:
            shown["note"] = "unknown kind of setting, compared generically"
        return {**shown, **self.extra}


def _key(tree: Tree) -> bytes:
    return b"" if tree is MISSING else dumps(comparable_tree(tree))


def _members(before: Tree, after: Tree) -> dict[str, Any]:
    """Which members of a set came and which went, beside the whole lists."""
    sides = [next(iter(as_object(side).values()), None) for side in (before, after)]
    if not all(isinstance(side, list) for side in sides):
        return {}
    old, new = ({_key(member): plain(member) for member in as_list(side)} for side in sides)
    return {
        "members_added": [member for key, member in new.items() if key not in old],
        "members_removed": [member for key, member in old.items() if key not in new],
    }


def _text_diff(before: Any, after: Any) -> str | None:
    """A unified diff of two texts of which one has several lines; `None` for anything else."""
    texts = [side for side in (before, after) if side is not None]
    if not all(isinstance(side, str) for side in texts) or not any("\n" in side for side in texts):
        return None
    old, new = before or "", after or ""
    if len(old) + len(new) > DIFF_LIMIT:
        return "(text too long for a line by line comparison; before and after are complete)"
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="", n=3)
    return "\n".join(lines) or "(only line ends differ)"
