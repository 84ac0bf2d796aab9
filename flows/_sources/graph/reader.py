"""Reads a tenant's policies from Microsoft Graph: lists of whole types, or single policies by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from flows._policies.types import BY_SLUG, POLICY_TYPES, Lane, PolicyType
from flows._sources.graph.answers import Problem
from flows._sources.graph.credentials import TokenSource, make_credential
from flows._sources.graph.lanes import Lanes, lanes_of
from flows._sources.graph.listing import Listing, list_collection
from flows._sources.graph.paging import Endpoint
from flows._sources.graph.pump import Pump
from flows._sources.graph.reading import Fetched, Refusals, Wanted, is_policy_id, read_policy
from flows._sources.graph.reasons import GRAPH_DIRECTORY_MISSING, GRAPH_POLICY_ID_INVALID, GRAPH_POLICY_NOT_FOUND
from flows._sources.graph.settings import GraphSettings
from flows._sources.graph.traffic import Traffic
from flows._sources.graph.wire import Wire
from runstore.reasons import ReasonedError

NOTHING_LISTED: Final[Mapping[str, Wanted]] = {}
_CRAWLING: Final = Lane.CONDITIONAL_ACCESS


class GraphReader:
    """A connection to one directory; close it, or use it in a `with`.

    `traffic` counts what it cost so far. Not for several threads at once: each opens its own, and the limits are kept
    across them.
    """

    def __init__(self, settings: GraphSettings, tokens: TokenSource, lanes: Lanes) -> None:
        self.traffic = Traffic()
        self._tokens = tokens
        self._endpoint = Endpoint(settings.endpoint)
        self._refusals = Refusals()
        self._wire = Wire(settings)
        self._pump = Pump(settings, self._wire, tokens, lanes, self.traffic)

    @classmethod
    def open(
        cls,
        directory: str | None,
        settings: GraphSettings | None = None,
        environ: Mapping[str, str] | None = None,
        lanes: Lanes | None = None,
    ) -> Self:
        """A reader of an Entra directory with the credentials of the environment; nothing is sent yet.

        Raises ReasonedError when the tenant has no directory or a setting is missing.
        """
        if not directory:
            raise ReasonedError(GRAPH_DIRECTORY_MISSING.failure())
        used = settings or GraphSettings.from_environment(environ)
        # Built once here so that a missing variable shows before any work is begun.
        make_credential(used, directory, environ).close()
        tokens = TokenSource(lambda: make_credential(used, directory, environ), used.scope, directory)
        return cls(used, tokens, lanes or lanes_of(used.endpoint, directory))

    def list(self, types: Sequence[PolicyType] = POLICY_TYPES) -> Iterator[Listing]:
        """Yields one listing for each collection of the types, in table order, read side by side.

        Raises ReasonedError when the sign-in is refused or nothing answers at all.
        """
        return self._pump.run(
            list_collection(self._endpoint, entry, collection) for entry in types for collection in entry.collections
        )

    def fetch(self, wanted: Iterable[Wanted]) -> Iterator[Fetched]:
        """Yields each wanted policy as read, or why not, in the order asked for; raises as `list` does."""
        return self._pump.run(read_policy(self._endpoint, self._refusals, each) for each in wanted)

    def fetch_ids(
        self, policies: Sequence[tuple[str, str]], listed: Mapping[str, Wanted] = NOTHING_LISTED
    ) -> Iterator[Fetched]:
        """Yields each (policy id, type slug) as read, or why not, in the order asked for; raises as `list` does.

        What a list has just shown of a policy (`listed`, by id) is not asked for again. A type that is spread over
        several collections is looked for in each. Policies of a lane that allows one request a second come from their
        list: a page of it costs what a single policy would.
        """
        placed = [(policy_id, BY_SLUG[slug]) for policy_id, slug in policies if slug in BY_SLUG]
        crawling = [entry for policy_id, entry in placed if entry.lane is _CRAWLING and policy_id not in listed]
        slow = {entry.slug for entry in crawling if crawling.count(entry) > 1}
        listings = {listing.entry.slug: listing for listing in self.list([BY_SLUG[slug] for slug in sorted(slow)])}
        first = self.fetch(
            listed.get(policy_id) or Wanted(policy_id, entry, entry.collections[0])
            for policy_id, entry in placed
            if policy_id in listed or entry.slug not in slow
        )
        for policy_id, slug in policies:
            if slug not in BY_SLUG:
                yield _unplaced(policy_id)
            elif slug in slow and policy_id not in listed:
                yield _picked(policy_id, listings[slug])
            else:
                yield self._found(next(first), policy_id in listed)

    def _found(self, fetched: Fetched, was_listed: bool) -> Fetched:
        """The policy, looked for in the other collections of its type when the first does not have it."""
        wanted = fetched.wanted
        for collection in () if was_listed else wanted.entry.collections[1:]:
            if fetched.gone:
                fetched = next(self.fetch([Wanted(wanted.policy_id, wanted.entry, collection)]))
        return fetched

    def close(self) -> None:
        """Closes every connection."""
        self._wire.close()
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unplaced(policy_id: str) -> Fetched:
    """A policy of no known type: there is nowhere to look for it."""
    entry = POLICY_TYPES[0]
    reason = GRAPH_POLICY_NOT_FOUND if is_policy_id(policy_id) else GRAPH_POLICY_ID_INVALID
    return Fetched(
        Wanted(policy_id, entry, entry.collections[0]), problem=Problem(reason, None, {"policy_id": policy_id})
    )


def _picked(policy_id: str, listing: Listing) -> Fetched:
    wanted = Wanted(policy_id, listing.entry, listing.collection)
    listed = listing.items.get(policy_id)
    if listed is not None:
        return Fetched(wanted, listed.body())
    if listing.problem is not None:
        return Fetched(wanted, problem=listing.problem)
    if not is_policy_id(policy_id):
        return Fetched(wanted, problem=Problem(GRAPH_POLICY_ID_INVALID))
    return Fetched(wanted, problem=Problem(GRAPH_POLICY_NOT_FOUND, 404, {"policy_id": policy_id}))
