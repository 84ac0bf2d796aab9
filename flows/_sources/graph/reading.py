"""The job that reads one policy whole: itself, its parts to their last page, and the parts of those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flows._policies.json_shape import as_dict, as_text
from flows._policies.types import Collection, Part, PolicyType
from flows._sources.graph.answers import Answer, Problem, Request
from flows._sources.graph.listing import Listed, problem_of_type, with_query
from flows._sources.graph.paging import NEXT_LINK, Endpoint, read_collections
from flows._sources.graph.pump import Job
from flows._sources.graph.reasons import (
    GRAPH_POLICY_ID_INVALID,
    GRAPH_POLICY_NOT_FOUND,
    GRAPH_POLICY_VANISHED,
    GRAPH_SETTINGS_INCOMPLETE,
)

_POLICY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_READINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy to read: where it is, and what its list said of it, if it was listed just now."""

    policy_id: str
    entry: PolicyType
    collection: Collection
    listed: Listed | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A policy as read, or why it was not. `gone` says that Graph no longer has it."""

    wanted: Wanted
    body: dict[str, Any] | None = field(default=None, repr=False)
    problem: Problem | None = None

    @property
    def gone(self) -> bool:
        """Whether the tenant has no such policy (any more)."""
        return self.problem is not None and self.problem.reason is GRAPH_POLICY_NOT_FOUND


class Refusals:
    """Which collections refused an expansion, so that it is asked once and not for every policy."""

    def __init__(self) -> None:
        self._paths: set[str] = set()

    def expansion_of(self, collection: Collection) -> str:
        """What to expand when reading a policy by its id."""
        if collection.path in self._paths:
            return ""
        if collection.by_id_query or not collection.expand:
            return collection.by_id_query
        return "$expand=" + ",".join(collection.expand)

    def note(self, collection: Collection) -> None:
        """Remembers a refusal."""
        self._paths.add(collection.path)


def is_policy_id(text: str) -> bool:
    """Whether a text has the shape of a policy id as Graph writes them."""
    return _POLICY_ID.fullmatch(text) is not None


def read_policy(endpoint: Endpoint, refusals: Refusals, wanted: Wanted) -> Job[Fetched]:
    """Reads a policy; what its list carried whole is not asked for again.

    A policy that says how many settings it has is read again until that many arrived, three times at most: someone may
    be editing it. One that was listed and is not found is looked for as often, since Graph is not always settled; one
    that was not listed is then `gone`.
    """
    if not is_policy_id(wanted.policy_id):
        return Fetched(wanted, problem=Problem(GRAPH_POLICY_ID_INVALID))
    listed = wanted.listed.body() if wanted.listed is not None else None
    problem: Problem | None = None
    for _ in range(_READINGS):
        body, problem = yield from _read_once(endpoint, refusals, wanted, listed)
        if problem is None:
            return Fetched(wanted, body)
        if problem.is_missing:
            if wanted.listed is None:
                problem = Problem(GRAPH_POLICY_NOT_FOUND, problem.status, {"policy_id": wanted.policy_id})
                break
            problem = Problem(GRAPH_POLICY_VANISHED, problem.status, {"policy_id": wanted.policy_id})
        elif problem.reason is not GRAPH_SETTINGS_INCOMPLETE:
            break
        # Whatever the list said is stale: the next reading starts from the policy itself.
        listed = None
    return Fetched(wanted, problem=problem_of_type(wanted.entry, problem))


def look_for(endpoint: Endpoint, refusals: Refusals, policy_id: str, entry: PolicyType) -> Job[Fetched]:
    """Reads a policy that no list has shown, in the first of its type's collections that has it."""
    fetched = yield from read_policy(endpoint, refusals, Wanted(policy_id, entry, entry.collections[0]))
    for collection in entry.collections[1:]:
        if not fetched.gone:
            break
        fetched = yield from read_policy(endpoint, refusals, Wanted(policy_id, entry, collection))
    return fetched


def _read_once(
    endpoint: Endpoint, refusals: Refusals, wanted: Wanted, listed: dict[str, Any] | None
) -> Job[tuple[dict[str, Any], Problem | None]]:
    collection, lane = wanted.collection, wanted.entry.lane
    body: dict[str, Any] = {} if listed is None else dict(listed)
    base = f"{collection.path}/{quote(wanted.policy_id)}"
    parts = list(collection.parts)
    if listed is None or collection.by_id:
        itself = yield from _read_itself(refusals, wanted, base, body)
        if isinstance(itself, Problem):
            return body, itself
        base, fresh = itself
        if not base:
            parts = []
        body.update(fresh)
    parts = [part for part in parts if part.name not in body or (part.name + NEXT_LINK) in body]
    requests = [Request(with_query(f"{base}/{part.name}", part.query), lane) for part in parts]
    found = yield from read_collections(endpoint, requests)
    for part, pages in zip(parts, found, strict=True):
        if pages.problem is not None:
            return body, pages.problem
        body.pop(part.name + NEXT_LINK, None)
        body[part.name] = pages.elements
        expected = body.get(part.count_property) if part.count_property else None
        if isinstance(expected, int) and expected != len(pages.elements):
            fields = {"policy_id": wanted.policy_id, "expected": expected, "count": len(pages.elements)}
            return body, Problem(GRAPH_SETTINGS_INCOMPLETE, None, fields)
        problem = yield from _read_each(endpoint, wanted, f"{base}/{part.name}", part, pages.elements)
        if problem is not None:
            return body, problem
    return body, None


def _read_itself(
    refusals: Refusals, wanted: Wanted, base: str, listed: dict[str, Any]
) -> Job[tuple[str, dict[str, Any]] | Problem]:
    """The policy by its id, and the path its parts are below (empty: it has none)."""
    collection, lane = wanted.collection, wanted.entry.lane
    if collection.typed_paths:
        odata_type = as_text(listed.get("@odata.type"))
        if not odata_type:
            answer = (yield [Request(base, lane)])[0]
            if isinstance(answer, Problem):
                return answer
            odata_type = as_text(answer.body.get("@odata.type"))
            listed.update(answer.body)
        typed = collection.typed_paths.get(odata_type)
        if typed is None:
            # A subtype the table has no collection for: what the mixed one says of it is all there is.
            return "", listed
        base = f"{typed}/{quote(wanted.policy_id)}"
    expansion = refusals.expansion_of(collection)
    answer = (yield [Request(with_query(base, collection.query, expansion), lane)])[0]
    if isinstance(answer, Problem) and answer.status == 400 and expansion:
        answer = (yield [Request(with_query(base, collection.query), lane)])[0]
        if isinstance(answer, Answer):
            refusals.note(collection)
    if isinstance(answer, Problem):
        return answer
    return base, answer.body


def _read_each(
    endpoint: Endpoint, wanted: Wanted, base: str, part: Part, elements: Sequence[Any]
) -> Job[Problem | None]:
    """Reads the parts of every element of a part, and puts them into it."""
    for inner in part.each:
        owners = [as_dict(element) for element in elements]
        ids = [as_text(owner.get("id")) for owner in owners]
        targets = [(owner, name) for owner, name in zip(owners, ids, strict=True) if name and inner.name not in owner]
        requests = [
            Request(with_query(f"{base}/{quote(name)}/{inner.name}", inner.query), wanted.entry.lane)
            for _, name in targets
        ]
        found = yield from read_collections(endpoint, requests)
        for (owner, _), pages in zip(targets, found, strict=True):
            if pages.problem is not None:
                return pages.problem
            owner[inner.name] = pages.elements
    return None
