"""Microsoft Graph as the place policies are captured from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows._policies.types import PolicyType
from flows._sources.graph.reader import GraphReader
from flows._sources.graph.reading import Wanted, is_policy_id
from flows._sources.graph.source import policy_of
from flows.backup.reasons import BACKUP_POLICY_UNKNOWN
from flows.backup.sources import Capture, Selection, by_type
from runstore.reasons import for_item
from runstore.runs.run import Failure


class GraphCapture:
    """Policies by id; `known` says of which type an id is as far as the inventory knows."""

    def __init__(self, reader: GraphReader, known: Mapping[str, str], types: Sequence[PolicyType]) -> None:
        self._reader = reader
        self._known = known
        self._types = types
        self._listed: dict[str, Wanted] = {}

    def select(self, policy_ids: Sequence[str] | None) -> Selection:
        """Every policy the lists show, or those named. Lists are only read when something is asked that the inventory
        does not know. A list that cannot be read to its end is a failure, of everything or of the ids not found."""
        if policy_ids is None:
            listed, problems = self._list()
            return Selection(by_type(listed), problems)
        types = {each: self._known[each] for each in policy_ids if each in self._known}
        # What has not even the shape of an id is in no list; the capture says so of each.
        malformed = {each: "" for each in policy_ids if not is_policy_id(each)}
        open_ids = [each for each in policy_ids if each not in types and each not in malformed]
        failures: list[Failure] = []
        if open_ids:
            listed, problems = self._list()
            types |= {each: listed[each] for each in open_ids if each in listed}
            for each in open_ids:
                if each not in types and problems:
                    failures.append(for_item(problems[0], each))
                elif each not in types:
                    types[each] = ""
        return Selection(by_type(types | malformed), failures)

    def fetch(self, policies: Sequence[tuple[str, str]]) -> Iterator[Capture]:
        listed = {policy_id: self._listed.pop(policy_id) for policy_id, _ in policies if policy_id in self._listed}
        for fetched in self._reader.fetch_ids(policies, listed):
            wanted = fetched.wanted
            if fetched.body is not None:
                yield policy_of(wanted, fetched.body)
            elif fetched.problem is not None:
                yield fetched.problem.failure(wanted.policy_id)
            else:
                yield BACKUP_POLICY_UNKNOWN.failure(wanted.policy_id, policy_id=wanted.policy_id)

    def cost(self) -> Mapping[str, Any]:
        return {"graph": self._reader.traffic.as_json()}

    def _list(self) -> tuple[dict[str, str], list[Failure]]:
        types: dict[str, str] = {}
        problems: list[Failure] = []
        for listing in self._reader.list(self._types):
            types |= dict.fromkeys(listing.items, listing.entry.slug)
            # Kept, so that the capture asks only for what the lists leave out: for many types, nothing.
            self._listed |= {
                policy_id: Wanted(policy_id, listing.entry, listing.collection, listed)
                for policy_id, listed in listing.items.items()
            }
            if listing.problem is not None:
                problems.append(listing.problem.failure(listing.collection.path))
        return types, problems
