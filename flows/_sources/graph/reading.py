"""The job that reads one policy whole: itself, its parts to their last page, and the parts of those."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flows._policies.canonical import canonical
from flows._policies.json_shape import as_dict, as_text
from flows._policies.protocol import KnownPolicy
from flows._policies.tree import TooDeepError
from flows._policies.types import Collection, Part, PolicyType, expand
from flows._sources.graph import reasons
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.listing import (
    Listed,
    doubt,
    is_text,
    problem_of_type,
    says_something,
    with_query,
    without_doubtful,
)
from flows._sources.graph.paging import Pages, read_collections
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
        stored = yield from _as_stored(expansions, wanted, wanted.known)
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
            reasons.GRAPH_LIST_UNSTABLE,
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


def _as_stored(expansions: Expansions, wanted: Wanted, known: KnownPolicy) -> Job[Fetched | None]:
    """The policy as it was stored, if the parts that its list does not show are what they were; `None` if they are not."""
    stored = known.body()
    if stored is None or wanted.listed is None:
        return None
    parts, slug = wanted.listed.unshown, wanted.entry.slug
    now: dict[str, Any] = {}
    problem = yield from _read_parts(expansions, wanted, _base(wanted, stored), parts, now)
    # A stored body without the part differs from any that has one, an empty one included.
    before = {part.name: stored.get(part.name) for part in parts}
    if problem is not None or None in before.values() or not is_text(now):
        return None
    try:
        same = canonical(slug, before) == canonical(slug, now)
    except (TooDeepError, RecursionError):
        return None
    return Fetched(wanted, stored, reused=True) if same else None


def _read_once(
    expansions: Expansions, wanted: Wanted, listed: dict[str, Any] | None
) -> Job[tuple[dict[str, Any], Problem | None]]:
    collection = wanted.collection
    body: dict[str, Any] = {} if listed is None else dict(listed)
    whole = wanted.listed is not None and wanted.listed.whole
    if listed is None or (collection.by_id and not whole):
        problem = yield from _read_itself(expansions, wanted, body)
        if problem is not None:
            return body, problem
    base = _base(wanted, body)
    parts = [part for part in collection.parts_of(body.get("@odata.type")) if base and part.name not in body]
    return body, (yield from _read_parts(expansions, wanted, base, parts, body))


def _read_parts(
    expansions: Expansions, wanted: Wanted, base: str, parts: Sequence[Part], body: dict[str, Any]
) -> Job[Problem | None]:
    """Reads these parts, whole, into `body`, and says what went wrong."""
    found = yield from _collections(expansions, wanted, [(base, part) for part in parts])
    for part, pages in zip(parts, found, strict=True):
        if pages.problem is not None:
            return pages.problem
        body[part.name] = pages.elements
        expected = body.get(part.count_property) if part.count_property else None
        if isinstance(expected, int) and expected != len(pages.elements):
            fields = {"policy_id": wanted.policy_id, "expected": expected, "count": len(pages.elements)}
            return Problem(reasons.GRAPH_SETTINGS_INCOMPLETE, None, fields)
        problem = yield from _read_each(expansions, wanted, f"{base}/{part.name}", part, pages.elements)
        if problem is not None:
            return problem
    return None


def _collections(expansions: Expansions, wanted: Wanted, places: Sequence[tuple[str, Part]]) -> Job[list[Pages]]:
    """Each part below its path, with what its elements have, where Graph does not refuse to expand that."""

    def request(path: str, part: Part) -> Request:
        more = "" if wanted.collection.path + part.name in expansions.refused else expand(part.each)
        return Request(with_query(f"{path}/{part.name}", more), wanted.entry.lane, optional=bool(more))

    requests = [request(*place) for place in places]
    found = yield from read_collections(requests)
    again = [
        at
        for at, pages in enumerate(found)
        if requests[at].optional and pages.problem and pages.problem.refuses_expansion
    ]
    expansions.refused.update(wanted.collection.path + places[at][1].name for at in again)
    plain = yield from read_collections([request(*places[at]) for at in again])
    for at, pages in zip(again, plain, strict=True):
        found[at] = pages
    return found


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
    paths = {id(owner): f"{base}/{quote(as_text(owner.get('id')))}" for owner in owners}
    for inner in part.each:
        place = wanted.collection.path + inner.name
        if not inner.single:
            for owner in owners:
                without_doubtful(owner, [inner])
        if any(owner.get(inner.name) for owner in owners):
            expansions.filled.add(place)
        # Until one has come with something in it, an empty expansion may be one that Graph does not carry out.
        lacking = [
            owner
            for owner in owners
            if not owner.get(inner.name) and (inner.name not in owner or place not in expansions.filled)
            if as_text(owner.get("id"))
        ]
        if inner.single:
            answers = yield [Request(f"{paths[id(owner)]}/{inner.name}", wanted.entry.lane) for owner in lacking]
            for owner, answer in zip(lacking, answers, strict=True):
                if isinstance(answer, Problem):
                    return answer
                if says_something(answer.body):
                    owner[inner.name] = {key: value for key, value in answer.body.items() if key != "@odata.context"}
            continue
        found = yield from _collections(expansions, wanted, [(paths[id(owner)], inner) for owner in lacking])
        for owner, pages in zip(lacking, found, strict=True):
            if pages.problem is not None:
                return pages.problem
            owner[inner.name] = pages.elements
        for owner in owners if inner.each else ():
            rows = owner.get(inner.name, [])
            problem = yield from _read_each(expansions, wanted, f"{paths[id(owner)]}/{inner.name}", inner, rows)
            if problem is not None:
                return problem
    reason = doubt(part, elements)
    return None if reason is None else Problem(reason, None, {"policy_id": wanted.policy_id, "attempts": _READINGS})
