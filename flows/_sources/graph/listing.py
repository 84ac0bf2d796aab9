"""The job that lists one collection of policies, whole or not at all."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from flows._policies.json_shape import as_dict, as_list, as_text
from flows._policies.types import Collection, Part, PolicyType, type_for_odata
from flows._sources.graph import reasons
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.paging import Pages, read_collections
from flows._sources.graph.pump import NEXT_LINK, Job
from runstore.reasons import ReasonCode

_READINGS: Final = 3
_EXPANSION_CAP: Final = 20
_MARK_VERSION: Final = "2"


@dataclass(frozen=True, slots=True)
class Listed:
    """A policy as its list shows it, kept as compressed JSON since thousands wait at a time.

    `mark` is the fingerprint of everything the list says about it: dates, setting count, and whatever parts the list
    carries whole. `unshown` are the parts that it should have shown and did not, whose edits the mark says nothing of.
    `whole` says that the list leaves out nothing else, although it is one of those that do.
    """

    policy_id: str
    mark: str
    content: bytes = field(repr=False)
    unshown: tuple[Part, ...] = ()
    whole: bool = False

    def body(self) -> dict[str, Any]:
        """The policy as listed, a fresh copy."""
        return as_dict(orjson.loads(zlib.decompress(self.content)))


@dataclass(slots=True)
class Listing:
    """What listing one collection gave. Without a problem it is complete: every page came and nothing moved."""

    entry: PolicyType
    collection: Collection
    items: dict[str, Listed] = field(default_factory=dict[str, Listed])
    nameless: int = 0
    unreadable: list[str] = field(default_factory=list[str])
    problem: Problem | None = None

    def unread(self, policy_id: str) -> None:
        """Counts a policy whose content cannot be believed, once."""
        self.items.pop(policy_id, None)
        if policy_id not in self.unreadable:
            self.unreadable.append(policy_id)

    @property
    def complete(self) -> bool:
        """Whether every policy of the collection is in it."""
        return self.problem is None and self.nameless == 0


def list_collection(entry: PolicyType, collection: Collection) -> Job[Listing]:
    """Lists a collection; reads it again when it moved under the reader, up to three times.

    An id that comes twice, or a page token that expires, says that policies were added or removed meanwhile, so that
    others may have slipped from one page to another. Graph's refusal of an expansion is met by asking without.
    """
    if collection.single:
        return (yield from _the_one(entry, collection))
    expansion = "" if collection.typed_paths else collection.expansion()
    pages = Pages()
    moved = False
    reading = 0
    while reading < _READINGS:
        request = Request(with_query(collection.path, expansion), entry.lane, alone=True, optional=bool(expansion))
        pages = (yield from read_collections([request]))[0]
        # A later page that answers 400 is a token that expired; a 500 or 501 may be the expansion there, too.
        if expansion and pages.problem is not None and pages.problem.refuses_expansion and not pages.expired:
            expansion = ""
            continue
        reading += 1
        moved = pages.expired or _has_doubles(pages)
        reason = pages.problem and pages.problem.reason
        if not moved and reason not in (reasons.GRAPH_LIST_MISSING, reasons.GRAPH_LIST_UNSTABLE):
            break
    listing = Listing(entry, collection, problem=problem_of_type(entry, pages.problem))
    if pages.pages == 0 and pages.problem is not None and pages.problem.is_missing:
        listing.problem = replace(pages.problem, reason=reasons.GRAPH_NOT_OFFERED).of(entry.slug, entry.permission)
    if moved or (pages.problem and pages.problem.reason is reasons.GRAPH_LIST_UNSTABLE):
        listing.problem = Problem(reasons.GRAPH_LIST_UNSTABLE, None, {"attempts": reading, "policy_type": entry.slug})
    for element in pages.elements:
        item = as_dict(element)
        policy_id = as_text(item.get(collection.id_property))
        if not policy_id or not is_text(policy_id):
            listing.nameless += 1
        elif policy_id in listing.unreadable or not is_text(item):
            listing.unread(policy_id)
        elif not _belongs_elsewhere(entry, item):
            listed = _listed(policy_id, item, collection)
            if listing.items.setdefault(policy_id, listed).mark != listed.mark:
                # Which of the two it is, nobody can say.
                listing.unread(policy_id)
    if collection.typed_paths and listing.problem is None:
        yield from _through_typed_paths(listing)
    return listing


def _the_one(entry: PolicyType, collection: Collection) -> Job[Listing]:
    """What there is one of in a tenant, as a list of one; of none where Graph says that there is no such thing."""
    listing = Listing(entry, collection)
    answer = (yield [Request(with_query(collection.path, collection.expansion()), entry.lane)])[0]
    if isinstance(answer, Problem):
        listing.problem = None if answer.is_missing else problem_of_type(entry, answer)
    elif not is_text(answer.body):
        listing.unreadable.append(entry.slug)
    elif not says_something(answer.body):
        listing.problem = Problem(reasons.GRAPH_LIST_MISSING, 200)
    else:
        policy_id = as_text(answer.body.get("id")) or entry.slug
        listing.items[policy_id] = _listed(policy_id, answer.body, collection)
    return listing


def says_something(body: dict[str, Any]) -> bool:
    """Whether an object has properties of its own, beside metadata and the value of a list."""
    return any(not key.startswith("@") and key != "value" for key in body)


def _through_typed_paths(listing: Listing) -> Job[None]:
    """Replaces what a mixed list says of its policies by what their own lists do; one that is not read loses nothing, since
    what it would have shown is then read policy by policy."""
    entry, collection = listing.entry, listing.collection
    kinds = {as_text(listed.body().get("@odata.type")) for listed in listing.items.values()}
    typed = sorted(kinds & collection.typed_paths.keys())
    requests = [
        Request(
            with_query(collection.typed_paths[kind], collection.expansion(kind)), entry.lane, alone=True, optional=True
        )
        for kind in typed
    ]
    found = yield from read_collections(requests)
    for kind, pages in zip(typed, found, strict=True):
        if pages.problem is not None or _has_doubles(pages):
            continue
        for element in pages.elements:
            item = {"@odata.type": kind, **as_dict(element)}
            policy_id = as_text(item.get("id"))
            if policy_id in listing.items and is_text(item):
                listing.items[policy_id] = _listed(policy_id, item, collection, whole=True)


def problem_of_type(entry: PolicyType, problem: Problem | None) -> Problem | None:
    """The problem with what is known of the type: a 403 is the type's permission, which the code then names."""
    return None if problem is None else problem.of(entry.slug, entry.permission)


def with_query(path: str, query: str) -> str:
    """A path with its OData option, if there is one."""
    return f"{path}?{query}" if query else path


def is_text(value: object) -> bool:
    """Whether all texts in it are texts: one that holds half of a surrogate pair cannot be written anywhere."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def without_doubtful(body: dict[str, Any], parts: Iterable[Part]) -> None:
    """Takes out of a body the parts that came with it in a way that cannot be believed; they are then read on their own.

    An expansion may be cut at Graph's cap without saying so, and some collections answer an empty list of assignments for a
    policy that says it is assigned.
    """
    for part in parts:
        if part.name not in body:
            continue
        rows, said = body[part.name], body.get(part.said_by)
        if part.name + NEXT_LINK not in body and doubt(part, rows) is None:
            denied = part.name == "assignments" and body.get("isAssigned") is True
            if said == len(rows) or (not isinstance(said, int) and len(rows) < _EXPANSION_CAP and (rows or not denied)):
                continue
        del body[part.name]
        body.pop(part.name + NEXT_LINK, None)


def doubt(part: Part, rows: object) -> ReasonCode | None:
    """Why what Graph answers for a part cannot be believed; None if it can. An element comes once, with what its `each` says."""
    inner = [one.name for one in part.each]
    found = [as_dict(row) for row in as_list(rows)]
    if not isinstance(rows, list) or found != rows or any(row.get(name) is None for row in found for name in inner):
        return reasons.GRAPH_POLICY_UNREADABLE
    seen: dict[str, Any] = {}
    if any(
        (key := as_text(row.get("id"))) and seen.setdefault(key, row) is not row and seen[key] == row for row in found
    ):
        return reasons.GRAPH_LIST_UNSTABLE
    return None


def _has_doubles(pages: Pages) -> bool:
    ids = [as_dict(element).get("id") for element in pages.elements]
    texts = [each for each in ids if isinstance(each, str)]
    return len(set(texts)) < len(texts)


def _belongs_elsewhere(entry: PolicyType, item: dict[str, Any]) -> bool:
    # Mixed lists (managedAppPolicies, deviceConfigurations) hold subtypes that another entry reads through a
    # collection of its own; only an exact claim counts, since a suffix is a guess.
    odata_type = as_text(item.get("@odata.type"))
    owner = type_for_odata(odata_type)
    return owner is not None and owner is not entry and odata_type in owner.odata_types


def _listed(policy_id: str, item: dict[str, Any], collection: Collection, *, whole: bool = False) -> Listed:
    parts = collection.parts_of(item.get("@odata.type"))
    without_doubtful(item, parts)
    unshown = tuple(part for part in parts if part.in_list and part.name not in item)
    content = orjson.dumps(item)
    shown = {key: value for key, value in item.items() if not key.startswith("@odata.") or key == "@odata.type"}
    digest = hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Listed(policy_id, f"{_MARK_VERSION}:{digest}", zlib.compress(content, 1), unshown, whole)
