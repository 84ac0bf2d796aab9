"""The states of policies that a comparison is about, with their content fetched only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flows._policies.canonical import PROPERTIES, canonical
from flows._policies.names import names_in
from flows._policies.tree import Tree

SUBTYPE = "@odata.type"


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One policy in one sync: what the sync's row says; `content_hash` leads to the content. `origin` is where it was read,
    empty if that is no longer known."""

    policy_id: str
    policy_type: str
    name: str
    platform: str | None
    content_hash: bytes
    subtype: str | None = None
    origin: str = ""


Pair = tuple[PolicyState, PolicyState]
"""One policy before and after."""

Bodies = Callable[[Iterable[bytes]], Mapping[bytes, Mapping[str, Any]]]
"""Content hashes → bodies; a hash whose body is not there is left out."""


@dataclass(frozen=True, slots=True)
class Content:
    """A policy's canonical form and the names its export gives to the ids in it."""

    form: Mapping[str, Tree]
    names: Mapping[str, str]


def content_of(state: PolicyState, body: Mapping[str, Any], other_subtype: str | None) -> Content:
    """The canonical content of a state. The subtype takes part only if the other side says one, too."""
    form = canonical(state.policy_type, body)
    if state.subtype and other_subtype:
        form = {**form, PROPERTIES: {**form[PROPERTIES], SUBTYPE: state.subtype}}
    return Content(form, names_in(body))
