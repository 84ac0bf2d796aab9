"""Microsoft Graph as a source of policies: a full sweep, or only what moved since a known state."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from flows._policies.protocol import Beside, KnownPolicy, SourceFailure, SourcePolicy
from flows._policies.types import POLICY_TYPES, PolicyType, name_of, platform_of
from flows._sources.graph.listing import Listed, Listing
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.reading import Fetched, Wanted
from flows._sources.graph.reasons import GRAPH_ITEM_UNREADABLE, GRAPH_POLICY_UNREADABLE

NOTHING_KNOWN: Final[Mapping[str, KnownPolicy]] = {}


@dataclass(slots=True)
class _Plan:
    """What to do about one type: what failed, what is as it was, what to read, and what to look for by id."""

    entry: PolicyType
    failures: list[SourceFailure] = field(default_factory=list[SourceFailure])
    unmoved: list[Wanted] = field(default_factory=list[Wanted])
    """Those whose list entry shows everything."""
    wanted: list[Wanted] = field(default_factory=list[Wanted])
    absent: list[str] = field(default_factory=list[str])


class GraphSource:
    """The policies of one directory as a `PolicySource`; reads it once.

    With `known` the read is incremental: every list is read to its end, and a policy whose list entry is what it was
    (dates, setting count, assignments, and all else a list shows) comes with its stored body instead of being read
    again. Parts that the list should have shown and did not are asked for and held against the stored ones. A known
    policy that a list no longer shows is asked for by id before it counts as deleted. Without `known`
    everything is read; Graph has no change feed for policies, and an edit that leaves a policy's list entry alone is
    only seen that way, so a full sweep is due from time to time.
    """

    def __init__(
        self,
        reader: GraphReader,
        known: Mapping[str, KnownPolicy] = NOTHING_KNOWN,
        types: Sequence[PolicyType] = POLICY_TYPES,
    ) -> None:
        self._reader = reader
        self._known = known
        self._types = types
        self.reused = 0
        """Policies that came with their stored body."""

    def read(self) -> Iterator[SourcePolicy | SourceFailure]:
        """Yields every policy and every failure once, type by type in table order, found-again ones last.

        Raises ReasonedError before the first item when the sign-in is refused or Graph is not reachable.
        """
        listings: dict[str, list[Listing]] = {entry.slug: [] for entry in self._types}
        for listing in self._reader.list(self._types):
            listings[listing.entry.slug].append(listing)
        plans = [self._plan(entry, listings[entry.slug]) for entry in self._types]
        # One stream for all types: the batches of one fill up with the next's, and no type's end holds up the rest.
        fetched = self._reader.fetch(each for plan in plans for each in plan.wanted)
        for plan in plans:
            yield from plan.failures
            for wanted in plan.unmoved:
                yield from self._unmoved(wanted)
            for _ in plan.wanted:
                one = next(fetched)
                self.reused += one.reused
                yield from _outcome(one)
        absent = [(policy_id, plan.entry.slug) for plan in plans for policy_id in plan.absent]
        for found in self._reader.fetch_ids(absent):
            yield from _outcome(found)

    def beside(self) -> Beside:
        """The types it was opened for. Graph answers every part it was asked for, and what is not asked for is not seen."""
        return Beside(asked=frozenset(entry.slug for entry in self._types))

    def _plan(self, entry: PolicyType, listings: Sequence[Listing]) -> _Plan:
        plan = _Plan(entry)
        for listing in listings:
            plan.failures.extend(_list_failures(listing))
            for listed in listing.items.values():
                known = self._unmoved_known(entry, listed)
                wanted = Wanted(listed.policy_id, entry, listing.collection, listed, known)
                plan.unmoved.append(wanted) if known and not listed.unshown else plan.wanted.append(wanted)
        if all(listing.complete for listing in listings):
            # Deleted, or slipped from one page to another while the list was read: asking by id tells which.
            listed_ids = {policy_id for listing in listings for policy_id in (*listing.items, *listing.unreadable)}
            plan.absent = sorted(
                policy_id
                for policy_id, known in self._known.items()
                if known.policy_type == entry.slug and policy_id not in listed_ids
            )
        return plan

    def _unmoved_known(self, entry: PolicyType, listed: Listed) -> KnownPolicy | None:
        known = self._known.get(listed.policy_id)
        return known if known and known.policy_type == entry.slug and known.mark == listed.mark else None

    def _unmoved(self, wanted: Wanted) -> Iterator[SourcePolicy | SourceFailure]:
        body = self._known[wanted.policy_id].body()
        if body is None:
            for fetched in self._reader.fetch([replace(wanted, known=None)]):
                yield from _outcome(fetched)
            return
        self.reused += 1
        yield policy_of(wanted, body)


def _outcome(fetched: Fetched) -> Iterator[SourcePolicy | SourceFailure]:
    wanted = fetched.wanted
    if fetched.body is not None:
        yield policy_of(wanted, fetched.body)
    # A known policy that no list shows and that is not found by id either was deleted: the truth, and no failure.
    elif fetched.problem is not None and not fetched.gone:
        failure = fetched.problem.failure(wanted.policy_id)
        yield SourceFailure(wanted.policy_id, failure, wanted.entry.slug, policy_id=wanted.policy_id)


def policy_of(wanted: Wanted, body: dict[str, object]) -> SourcePolicy:
    """A policy that was read as a source hands it over."""
    entry, mark = wanted.entry, wanted.listed.mark if wanted.listed is not None else None
    name, platform = name_of(entry, body), platform_of(entry, body)
    return SourcePolicy(wanted.policy_id, entry.slug, name, platform, body, wanted.collection.path, mark)


def _list_failures(listing: Listing) -> Iterator[SourceFailure]:
    slug, origin = listing.entry.slug, listing.collection.path
    if listing.problem is not None:
        yield SourceFailure(origin, listing.problem.failure(origin), slug)
    for _ in range(listing.nameless):
        yield SourceFailure(origin, GRAPH_ITEM_UNREADABLE.failure(origin, policy_type=slug), slug)
    for policy_id in listing.unreadable:
        failure = GRAPH_POLICY_UNREADABLE.failure(policy_id, policy_id=policy_id)
        yield SourceFailure(policy_id, failure, slug, policy_id=policy_id)
