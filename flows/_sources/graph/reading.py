"""The job that reads one policy whole: itself, its parts to their last page, and the parts of those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flows._policies.canonical import canonical
from flows._policies.json_shape import as_dict, as_text
from flows._policies.protocol import KnownPolicy
from flows._policies.tree import TooDeepError
from flows._policies.types import Collection, Part, PolicyType
from flows._sources.graph import reasons
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.listing import Listed, is_text, problem_of_type, says_something, with_query, without_doubtful
from flows._sources.graph.paging import read_collections
from flows._sources.graph.pump import Job

_POLICY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_READINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy to read: where it is, and what its list said of it, if it was listed just now. `known` is how it was stored
    before, for one whose list entry did not move and does not show everything."""

    policy_id: str
    entry: PolicyType
    collection: Collection
    listed: Listed | None = None
    known: KnownPolicy | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A policy as read, or why it was not. `reused` says that it is as it was stored, `gone` that Graph no longer has it."""

    wanted: Wanted
    body: dict[str, Any] | None = field(default=None, repr=False)
    problem: Problem | None = None
    reused: bool = False

    @property
    def gone(self) -> bool:
        """Whether the tenant has no such policy (any more)."""
        return self.problem is not None and self.problem.reason is reasons.GRAPH_POLICY_NOT_FOUND


class Expansions:
    """What this reading has learned of expansions: which Graph refused, so that it is asked once and not for every policy,
    and which have come with something in them, so that an empty one can be believed."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.filled: set[str] = set()


def is_policy_id(text: str) -> bool:
    """Whether a text has the shape of a policy id as Graph writes them."""
    return _POLICY_ID.fullmatch(text) is not None


def read_policy(expansions: Expansions, wanted: Wanted) -> Job[Fetched]:
    """Reads a policy; what its list carried whole is not asked for again.

    A policy that says how many settings it has is read again until that many arrived, three times at most: someone may
    be editing it. One that was listed and is not found is looked for as often, since Graph is not always settled; one
    that was not listed is then `gone`.
    """
    if not is_policy_id(wanted.policy_id):
        return Fetched(wanted, problem=Problem(reasons.GRAPH_POLICY_ID_INVALID))
    if wanted.known is not None:
        stored = yield from _as_stored(wanted, wanted.known)
        if stored is not None:
            return stored
    listed = wanted.listed.body() if wanted.listed is not None else None
    problem: Problem | None = None
    for _ in range(_READINGS):
        body, problem = yield from _read_once(expansions, wanted, listed)
        if problem is None and not is_text(body):
            problem = _unreadable(wanted)
        if problem is None:
            return Fetched(wanted, body)
        if problem.is_missing:
            if wanted.listed is None:
                problem = Problem(reasons.GRAPH_POLICY_NOT_FOUND, problem.status, {"policy_id": wanted.policy_id})
                break
            problem = Problem(reasons.GRAPH_POLICY_VANISHED, problem.status, {"policy_id": wanted.policy_id})
        elif problem.reason not in (
            reasons.GRAPH_SETTINGS_INCOMPLETE,
            reasons.GRAPH_LIST_MISSING,
            reasons.GRAPH_POLICY_UNREADABLE,
        ):
            break
        # Whatever the list said is stale: the next reading starts from the policy itself.
        listed = None
    return Fetched(wanted, problem=problem_of_type(wanted.entry, problem))


def look_for(expansions: Expansions, policy_id: str, entry: PolicyType) -> Job[Fetched]:
    """Reads a policy that no list has shown, in the first of its type's collections that has it."""
    fetched = yield from read_policy(expansions, Wanted(policy_id, entry, entry.collections[0]))
    for collection in entry.collections[1:]:
        if not fetched.gone:
            break
        fetched = yield from read_policy(expansions, Wanted(policy_id, entry, collection))
    return fetched


def _as_stored(wanted: Wanted, known: KnownPolicy) -> Job[Fetched | None]:
    """The policy as it was stored, if the parts that its list does not show are what they were; `None` if they are not."""
    stored = known.body()
    if stored is None or wanted.listed is None:
        return None
    parts, base = wanted.listed.unshown, _base(wanted, stored)
    requests = [Request(with_query(f"{base}/{part.name}", part.query), wanted.entry.lane) for part in parts]
    for part, pages in zip(parts, (yield from read_collections(requests)), strict=True):
        # A stored body without the part differs from any that has one, an empty one included.
        before, now = stored.get(part.name), {part.name: pages.elements}
        same = pages.problem is None and before is not None and is_text(now)
        slug = wanted.entry.slug
        try:
            if not same or canonical(slug, {part.name: before}) != canonical(slug, now):
                return None
        except (TooDeepError, RecursionError):
            return None
    return Fetched(wanted, stored, reused=True)


def _read_once(
    expansions: Expansions, wanted: Wanted, listed: dict[str, Any] | None
) -> Job[tuple[dict[str, Any], Problem | None]]:
    collection, lane = wanted.collection, wanted.entry.lane
    body: dict[str, Any] = {} if listed is None else dict(listed)
    whole = wanted.listed is not None and wanted.listed.whole
    if listed is None or (collection.by_id and not whole):
        problem = yield from _read_itself(expansions, wanted, body)
        if problem is not None:
            return body, problem
    base = _base(wanted, body)
    parts = [part for part in collection.parts_of(body.get("@odata.type")) if base and part.name not in body]
    reads = [_part_read(expansions, collection, base, part) for part in parts]
    found = yield from read_collections([Request(path, lane, optional=more) for path, more in reads])
    for part, pages, (_, expanded) in zip(parts, found, reads, strict=True):
        if expanded and pages.problem is not None and pages.problem.refuses_expansion:
            expansions.refused.add(collection.path + part.name)
            path, _ = _part_read(expansions, collection, base, part)
            pages = (yield from read_collections([Request(path, lane)]))[0]
        if pages.problem is not None:
            return body, pages.problem
        if not all(isinstance(element, dict) for element in pages.elements):
            return body, _unreadable(wanted)
        body[part.name] = pages.elements
        expected = body.get(part.count_property) if part.count_property else None
        if isinstance(expected, int) and expected != len(pages.elements):
            fields = {"policy_id": wanted.policy_id, "expected": expected, "count": len(pages.elements)}
            return body, Problem(reasons.GRAPH_SETTINGS_INCOMPLETE, None, fields)
        problem = yield from _read_each(expansions, wanted, f"{base}/{part.name}", part, pages.elements)
        if problem is not None:
            return body, problem
    return body, None


def _part_read(expansions: Expansions, collection: Collection, base: str, part: Part) -> tuple[str, bool]:
    """The path a part is read by, and whether the parts of its elements are to come with it."""
    expanded = bool(part.each) and collection.path + part.name not in expansions.refused
    more = ["$expand=" + ",".join(each.expansion for each in part.each)] if expanded else []
    return with_query(f"{base}/{part.name}", part.query, *more), expanded


def _base(wanted: Wanted, body: dict[str, Any]) -> str:
    """The path of the policy, which its parts are below; empty for a subtype of a mixed list that the table has no
    collection for: what the mixed one says of it is all there is."""
    collection = wanted.collection
    if collection.single:
        return collection.path
    path = collection.typed_paths.get(as_text(body.get("@odata.type"))) if collection.typed_paths else collection.path
    return f"{path}/{quote(wanted.policy_id)}" if path else ""


def _read_itself(expansions: Expansions, wanted: Wanted, body: dict[str, Any]) -> Job[Problem | None]:
    """Reads the policy by its id into `body`, and says what went wrong."""
    collection, lane = wanted.collection, wanted.entry.lane
    if collection.typed_paths and not as_text(body.get("@odata.type")):
        problem = yield from _take(wanted, Request(f"{collection.path}/{quote(wanted.policy_id)}", lane), body)
        if problem is not None:
            return problem
    base = _base(wanted, body)
    if not base:
        return None
    # What the list has shown is not asked for again: an expansion by id is believed less.
    shown = any(part.name in body for part in collection.parts)
    expansion = collection.expansion(body.get("@odata.type")) if not shown else ""
    if expansion and collection.path not in expansions.refused:
        problem = yield from _take(wanted, Request(with_query(base, expansion), lane, optional=True), body)
        if problem is None or not problem.refuses_expansion:
            return problem
        expansions.refused.add(collection.path)
    return (yield from _take(wanted, Request(base, lane), body))


def _take(wanted: Wanted, request: Request, body: dict[str, Any]) -> Job[Problem | None]:
    answer = (yield [request])[0]
    if isinstance(answer, Problem):
        return answer
    own = as_text(answer.body.get(wanted.collection.id_property))
    if wanted.collection.single:
        own = (own or wanted.entry.slug) if says_something(answer.body) else ""
    if own.casefold() != wanted.policy_id.casefold():
        return _unreadable(wanted)
    for part in wanted.collection.parts:
        # Catalogue policies answer an empty list by id whatever they have; what says of itself that it has none is believed.
        if not answer.body.get(part.name) and not (
            part.name == "assignments" and answer.body.get("isAssigned") is False
        ):
            answer.body.pop(part.name, None)
    without_doubtful(answer.body, wanted.collection.parts)
    body.update(answer.body)
    return None


def _unreadable(wanted: Wanted) -> Problem:
    return Problem(reasons.GRAPH_POLICY_UNREADABLE, None, {"policy_id": wanted.policy_id})


def _read_each(
    expansions: Expansions, wanted: Wanted, base: str, part: Part, elements: Sequence[Any]
) -> Job[Problem | None]:
    """Reads the parts of every element of a part, as far as they did not come with it, and puts them into it."""
    owners = [as_dict(element) for element in elements]
    for inner in part.each:
        place = wanted.collection.path + inner.name
        for owner in owners:
            without_doubtful(owner, [inner])
        if any(owner.get(inner.name) for owner in owners):
            expansions.filled.add(place)
        targets: list[tuple[dict[str, Any], str]] = []
        for owner in owners:
            name = as_text(owner.get("id"))
            # Until one has come with something in it, an empty expansion may be one that Graph does not carry out.
            if not owner.get(inner.name) and (inner.name not in owner or place not in expansions.filled) and name:
                targets.append((owner, name))
        requests = [
            Request(with_query(f"{base}/{quote(name)}/{inner.name}", inner.query), wanted.entry.lane)
            for _, name in targets
        ]
        found = yield from read_collections(requests)
        for (owner, _), pages in zip(targets, found, strict=True):
            if pages.problem is not None:
                return pages.problem
            owner[inner.name] = pages.elements
    return None
