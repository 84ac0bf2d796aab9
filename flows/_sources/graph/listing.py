"""The job that lists one collection of policies, whole or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from flows._policies.json_shape import as_dict, as_list, as_text
from flows._policies.types import Collection, PolicyType, type_for_odata
from flows._sources.graph.answers import Problem, Request
from flows._sources.graph.paging import NEXT_LINK, Endpoint, Pages, read_collections
from flows._sources.graph.pump import Job
from flows._sources.graph.reasons import GRAPH_LIST_UNSTABLE, GRAPH_PERMISSION_MISSING

_READINGS: Final = 3
_EXPANSION_CAP: Final = 20
_MARK_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Listed:
    """A policy as its list shows it, kept as JSON bytes since thousands wait at a time.

    `mark` is the fingerprint of everything the list says about it: dates, setting count, and whatever parts the list
    carries whole. `None` when the list cannot be trusted to show every change.
    """

    policy_id: str
    mark: str | None
    content: bytes = field(repr=False)

    def body(self) -> dict[str, Any]:
        """The policy as listed, a fresh copy."""
        return as_dict(orjson.loads(self.content))


@dataclass(slots=True)
class Listing:
    """What listing one collection gave. Without a problem it is complete: every page came and nothing moved."""

    entry: PolicyType
    collection: Collection
    items: dict[str, Listed] = field(default_factory=dict[str, Listed])
    nameless: int = 0
    problem: Problem | None = None

    @property
    def complete(self) -> bool:
        """Whether every policy of the collection is in it."""
        return self.problem is None and self.nameless == 0


def list_collection(endpoint: Endpoint, entry: PolicyType, collection: Collection) -> Job[Listing]:
    """Lists a collection; reads it again when it moved under the reader, up to three times.

    An id that comes twice, or a page token that expires, says that policies were added or removed meanwhile, so that
    others may have slipped from one page to another. Graph's refusal of an expansion is met by asking without.
    """
    expand = collection.expand
    pages = Pages()
    moved = False
    reading = 0
    while reading < _READINGS:
        pages = (yield from read_collections(endpoint, [_request(entry, collection, expand)]))[0]
        if expand and pages.pages == 0 and pages.problem is not None and pages.problem.status == 400:
            expand = ()
            continue
        reading += 1
        moved = pages.expired or _has_doubles(pages)
        if not moved:
            break
    listing = Listing(entry, collection, problem=problem_of_type(entry, pages.problem))
    if moved:
        listing.problem = Problem(GRAPH_LIST_UNSTABLE, None, {"attempts": reading, "policy_type": entry.slug})
    for element in pages.elements:
        item = as_dict(element)
        policy_id = as_text(item.get("id"))
        if not policy_id:
            listing.nameless += 1
        elif not _belongs_elsewhere(entry, item):
            listing.items[policy_id] = _listed(policy_id, item, collection)
    return listing


def problem_of_type(entry: PolicyType, problem: Problem | None) -> Problem | None:
    """The problem with what is known of the type: a 403 is the type's permission, which the code then names."""
    if problem is None:
        return None
    fields = {**problem.fields, "policy_type": entry.slug, "permission": entry.permission}
    reason = GRAPH_PERMISSION_MISSING if problem.status == 403 else problem.reason
    return Problem(reason, problem.status, fields)


def with_query(path: str, *queries: str) -> str:
    """A path with its OData options; several `$expand` become one, since Graph refuses it twice."""
    expands = [query.removeprefix("$expand=") for query in queries if query.startswith("$expand=")]
    others = [query for query in queries if query and not query.startswith("$expand=")]
    options = [*others, *(["$expand=" + ",".join(expands)] if expands else [])]
    return f"{path}?{'&'.join(options)}" if options else path


def _request(entry: PolicyType, collection: Collection, expand: tuple[str, ...]) -> Request:
    expansion = "$expand=" + ",".join(expand) if expand else ""
    return Request(with_query(collection.path, collection.query, expansion), entry.lane, alone=True)


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


def _listed(policy_id: str, item: dict[str, Any], collection: Collection) -> Listed:
    whole = True
    for name in (*collection.expand, *(part.name for part in collection.parts)):
        if name not in item:
            continue
        # An expansion may be cut at Graph's cap without saying so; then the part is read on its own.
        if name + NEXT_LINK in item or len(as_list(item[name])) >= _EXPANSION_CAP:
            del item[name]
            item.pop(name + NEXT_LINK, None)
            whole = False
    content = orjson.dumps(item)
    shown = {key: value for key, value in item.items() if not key.startswith("@odata.") or key == "@odata.type"}
    digest = hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Listed(policy_id, f"{_MARK_VERSION}:{digest}" if whole else None, content)
