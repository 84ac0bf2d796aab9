"""Reads a tenant's policies from Microsoft Graph: lists of whole types, or single policies by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Final, Self

from flows._policies.audit import AuditLog
from flows._policies.groups import Group
from flows._policies.known_names import Definition, DirectoryObject
from flows._policies.types import BY_SLUG, POLICY_TYPES, Lane, PolicyType
from flows._sources.graph import reasons
from flows._sources.graph.answers import Answer, Problem, Request
from flows._sources.graph.audit import AuditReading, read_log
from flows._sources.graph.credentials import TokenSource, make_credential
from flows._sources.graph.limits import Lanes, Traffic, lanes_of
from flows._sources.graph.listing import Listing, list_collection, problem_of_type
from flows._sources.graph.names import (
    APPS_AT_ONCE,
    OBJECTS_AT_ONCE,
    read_apps,
    read_definitions,
    read_group,
    read_objects,
)
from flows._sources.graph.pump import Job, Pump
from flows._sources.graph.reading import Expansions, Fetched, Wanted, is_policy_id, look_for, read_policy
from flows._sources.graph.settings import GraphSettings
from flows._sources.graph.wire import Wire
from runstore.reasons import ReasonedError

_CRAWLING: Final = Lane.CONDITIONAL_ACCESS
_BESIDE_LISTS: Final = 200


class GraphReader:
    """A connection to one directory; close it, or use it in a `with`.

    `traffic` counts what it cost so far. Not for several threads at once: each opens its own, and the limits are kept
    across them.
    """

    def __init__(
        self, settings: GraphSettings, tokens: TokenSource, lanes: Lanes, say: Callable[[str], None] | None = None
    ) -> None:
        self.traffic = Traffic()
        self._tokens = tokens
        self._expansions = Expansions()
        self._wire = Wire(settings)
        self._pump = Pump(settings, self._wire, tokens, lanes, self.traffic, say)

    @classmethod
    def open(
        cls,
        directory: str | None,
        settings: GraphSettings | None = None,
        environ: Mapping[str, str] | None = None,
        lanes: Lanes | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Self:
        """A reader of an Entra directory with the credentials of the environment; nothing is sent yet.

        `say` is told what is waited for and until when. Raises ReasonedError when the tenant has no directory or a setting is
        missing.
        """
        if not directory:
            raise ReasonedError(reasons.GRAPH_DIRECTORY_MISSING.failure())
        used = settings or GraphSettings.from_environment(environ)
        # Built once here so that a missing variable shows before any work is begun.
        make_credential(used, directory, environ).close()
        tokens = TokenSource(lambda: make_credential(used, directory, environ), used.scope, directory)
        return cls(used, tokens, lanes or lanes_of(used.endpoint, directory), say)

    def list(self, types: Sequence[PolicyType] = POLICY_TYPES) -> Iterator[Listing]:
        """Yields one listing for each collection of the types, in table order, read side by side.

        Raises ReasonedError when the sign-in is refused or nothing answers at all.
        """
        return self._pump.run(self._lists(types))

    def check(self) -> Iterator[tuple[PolicyType, Problem | None]]:
        """Yields each type with why it cannot be read, told by one request for its list; raises as `list` does."""
        return self._pump.run(_tried(entry) for entry in POLICY_TYPES)

    def fetch(self, wanted: Iterable[Wanted]) -> Iterator[Fetched]:
        """Yields each wanted policy as read, or why not, in the order asked for; raises as `list` does."""
        return self._pump.run(read_policy(self._expansions, each) for each in wanted)

    def fetch_ids(
        self, policies: Sequence[tuple[str, str]], listed: dict[str, Wanted] | None = None
    ) -> Iterator[Fetched]:
        """Yields each (policy id, type slug) once, as read or why not; raises as `list` does.

        What a list has just shown of a policy (`listed`, by id, emptied as policies are read) is not asked for again. A
        type that is spread over several collections is looked for in each. Several policies of a lane that allows one
        request a second come from their list, after all others: a page of it costs what a single policy would.
        """
        listed = {} if listed is None else listed
        placed = [(policy_id, BY_SLUG[slug]) for policy_id, slug in policies if slug in BY_SLUG]
        crawling = Counter(
            entry.slug for policy_id, entry in placed if entry.lane is _CRAWLING and policy_id not in listed
        )
        slow = {slug for slug, times in crawling.items() if times > 1}
        picked = [(policy_id, entry) for policy_id, entry in placed if entry.slug in slow and policy_id not in listed]
        single = ((policy_id, entry) for policy_id, entry in placed if entry.slug not in slow or policy_id in listed)
        # The lists begin beside the first policies but come out after these, so that neither waits for the other.
        jobs: Iterator[Job[Fetched | Listing]] = chain(
            (self._job(each, listed) for each in islice(single, _BESIDE_LISTS)),
            self._lists([BY_SLUG[slug] for slug in sorted(slow)]),
            (self._job(each, listed) for each in single),
        )
        listings: dict[str, Listing] = {}
        for found in self._pump.run(jobs):
            if isinstance(found, Listing):
                listings[found.entry.slug] = found
            else:
                yield found
        yield from (_picked(policy_id, listings[entry.slug]) for policy_id, entry in picked)
        nowhere = Listing(POLICY_TYPES[0], POLICY_TYPES[0].collections[0])
        yield from (_picked(policy_id, nowhere) for policy_id, slug in policies if slug not in BY_SLUG)

    def audit(self, starts: Mapping[AuditLog, datetime]) -> Iterator[AuditReading]:
        """Yields what each audit log says from its start on, or how far it could not be read; raises as `list` does."""
        return self._pump.run(read_log(log, start) for log, start in starts.items())

    def definitions(self, asked: Sequence[tuple[str, str]]) -> list[Definition | Problem]:
        """What each of these settings (path of its catalogue, id) is called, or why not; raises as `list` does."""
        [found] = self._pump.run([read_definitions(asked)])
        return found

    def objects(self, asked: Mapping[str, str]) -> Iterator[list[DirectoryObject] | Problem]:
        """Yields what these objects (id → kind) are called, batch by batch, or why not; raises as `list` does."""
        apps = sorted(one for one, kind in asked.items() if kind == "app")
        others = sorted((one, kind) for one, kind in asked.items() if kind != "app")
        return self._pump.run(
            chain(
                (read_objects(others[at : at + OBJECTS_AT_ONCE]) for at in range(0, len(others), OBJECTS_AT_ONCE)),
                (read_apps(apps[at : at + APPS_AT_ONCE]) for at in range(0, len(apps), APPS_AT_ONCE)),
            )
        )

    def groups(self, ids: Iterable[str]) -> Iterator[Group | Problem]:
        """Yields each of these groups, or why it could not be read, in the order asked for; raises as `list` does."""
        return self._pump.run(read_group(one) for one in ids)

    def _job(self, policy: tuple[str, PolicyType], listed: dict[str, Wanted]) -> Job[Fetched]:
        policy_id, entry = policy
        if policy_id in listed:
            return read_policy(self._expansions, listed.pop(policy_id))
        return look_for(self._expansions, policy_id, entry)

    def _lists(self, types: Iterable[PolicyType]) -> Iterator[Job[Listing]]:
        return (list_collection(entry, collection) for entry in types for collection in entry.collections)

    def close(self) -> None:
        self._wire.close()
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tried(entry: PolicyType) -> Job[tuple[PolicyType, Problem | None]]:
    (answer,) = yield [Request(entry.collections[0].path, entry.lane)]
    # A single object that a tenant does not have was looked for, and may be.
    if isinstance(answer, Answer) or (answer.is_missing and entry.collections[0].single):
        return entry, None
    return entry, problem_of_type(entry, answer)


def _picked(policy_id: str, listing: Listing) -> Fetched:
    """The policy as a list has it. A policy of no known type is picked from an empty list: there is nowhere to look for it."""
    wanted = Wanted(policy_id, listing.entry, listing.collection)
    listed = listing.items.get(policy_id)
    if listed is not None:
        return Fetched(wanted, listed.body())
    if listing.problem is not None:
        return Fetched(wanted, problem=listing.problem)
    reason = reasons.GRAPH_POLICY_UNREADABLE if policy_id in listing.unreadable else reasons.GRAPH_POLICY_NOT_FOUND
    if not is_policy_id(policy_id):
        reason = reasons.GRAPH_POLICY_ID_INVALID
    return Fetched(wanted, problem=Problem(reason, None, {"policy_id": policy_id}))
