"""Two sides compared in memory, mostly folders of exports: the same reading, the same engine, no database and no account."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from flows._policies.names import names_of_policies
from flows._policies.protocol import SourceFailure, SourcePolicy
from flows._policies.secrets import Fingerprint, tenant_fingerprint
from flows._policies.stored import StoredPolicy, as_read, body_of, readied, stored
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._policies.unread import Unread
from flows._sources.folder import FolderSource
from flows._sources.folder_reasons import NESTED_TOO_DEEP
from flows.drift.comparison.compare import Differences, compare
from flows.drift.comparison.findings import Comparison, Withheld
from flows.drift.comparison.names import named
from flows.drift.comparison.severity import DEFAULT_RULES, SeverityRule
from flows.drift.comparison.sides import Completeness
from flows.drift.reports.summary import groups_json
from runstore.errors import BadInputError

SYNC: Final = "sync:"
"""How a side begins that is a stored sync; what follows is its id or that of its run."""

Findings = list[dict[str, Any]]
"""Findings in the JSON shape of the contract."""

_FINDINGS: Final = UUID("0e1c3f0c-0f6b-4c1e-9a0c-7f6a1c1f5a52")


@dataclass(slots=True)
class Side:
    """One side: policies by id, what was not read, and why; `not_asked` counts what is of other kinds, by place.

    `name` is what it was called by, and `is_folder` says that its policies' origins are files.
    """

    policies: dict[str, StoredPolicy]
    unread: Completeness = field(default_factory=Completeness)
    failures: list[SourceFailure] = field(default_factory=list[SourceFailure])
    not_asked: Mapping[str, int] = field(default_factory=dict[str, int])
    name: str = ""
    is_folder: bool = True


def read_side(folder: Path, fingerprint: Fingerprint) -> Side:
    """The side that a folder of exports makes. BadInputError for a folder of no use."""
    return _read(folder, lambda policy: stored(policy, fingerprint))


def _read(folder: Path, made: Callable[[SourcePolicy], StoredPolicy]) -> Side:
    source, side, unread = FolderSource(folder), Side({}, name=str(folder)), Unread()
    for item in source.read():
        failed = item if isinstance(item, SourceFailure) else None
        if not isinstance(item, SourceFailure):
            try:
                side.policies[item.policy_id] = made(item)
                unread.read(item)
            except (TooDeepError, RecursionError):
                failure = NESTED_TOO_DEEP.failure(item.origin, file_name=item.origin, limit=MAX_DEPTH)
                failed = SourceFailure(item.origin, failure, item.policy_type, item.policy_id)
        if failed is not None:
            side.failures.append(failed)
            unread.failed(failed)
            if failed.policy_id and not failed.no_policy:
                side.policies.pop(failed.policy_id, None)
    kept = unread.of(source)
    side.unread, side.not_asked = Completeness.of_json(kept), kept.get("not_asked", {})
    return side


def side_of_use(folder: Path, made: Callable[[SourcePolicy], StoredPolicy]) -> Side:
    """As `read_side`, each policy `made` ready; BadInputError as well for a folder of which nothing could be read."""
    side = _read(folder, made)
    if not side.policies and side.failures:
        why = side.failures[0].failure.message
        raise BadInputError(f"Not one policy in the folder {folder.name!r} could be read. The first reason: {why}")
    return side


def compare_sides(
    before: Side, after: Side, fingerprint: Fingerprint | None = None, *, rules: Sequence[SeverityRule] = DEFAULT_RULES
) -> Comparison:
    """What the comparison of two sides finds; `fingerprint` is the function both were read with, where an old one is kept."""
    olds, news = before.policies, after.policies
    content = {one.content_hash: one for side in (olds, news) for one in side.values()}

    def bodies(hashes: Iterable[bytes]) -> Mapping[bytes, Mapping[str, Any]]:
        return {digest: body_of(content[digest].body) for digest in hashes if digest in content}

    both = [(olds[key], news[key]) for key in sorted(olds.keys() & news.keys())]
    found = Differences(
        [news[key] for key in sorted(news.keys() - olds.keys())],
        [olds[key] for key in sorted(olds.keys() - news.keys())],
        [
            pair
            for pair in both
            if pair[0].content_hash != pair[1].content_hash or len({one.subtype for one in pair} - {None}) > 1
        ],
        Counter(new.kind for _, new in both),
    )
    return compare(found, bodies, (before.unread, after.unread), rules=rules, fingerprint=fingerprint)


@dataclass(frozen=True, slots=True)
class Diff:
    """Two sides compared. `document` has the shape of `drift findings`; `origin_of` leads to the file of a policy."""

    document: dict[str, Any]
    origin_of: Callable[[Mapping[str, Any]], str | None]


def diff_folders(before: Path, after: Path) -> Diff:
    """The comparison of two folders. BadInputError for one of no use, one that holds nothing to read, and one given twice."""
    if before.expanduser().resolve() == after.expanduser().resolve():
        raise BadInputError("Both sides are the same folder: give two exports of different times.")
    old = side_of_use(before, as_read)

    def once(policy: SourcePolicy) -> StoredPolicy:
        one, other = as_read(policy), old.policies.get(policy.policy_id)
        return other if other is not None and other == replace(one, origin=other.origin) else one

    new = side_of_use(after, once)
    # Most of two exports is written alike, and needs no look inside. The rest is made ready by a key of this moment: a secret that
    # both sides hold is known as one, and by nobody else.
    fingerprint = tenant_fingerprint(secrets.token_bytes(32))
    alike = {key for key, one in new.policies.items() if one is old.policies.get(key)}
    for side in (old, new):
        side.policies |= {key: readied(one, fingerprint) for key, one in side.policies.items() if key not in alike}
    return difference(old, new)


def difference(
    before: Side,
    after: Side,
    rules: Sequence[SeverityRule] = DEFAULT_RULES,
    hiding: Callable[[Findings], tuple[Findings, int]] = lambda findings: (findings, 0),
    withheld: Sequence[Withheld] = (),
) -> Diff:
    """The comparison of two sides as a document.

    `hiding` takes out what ignore rules hide and counts it; `withheld` cannot be compared for another reason than that it
    was not read.
    """
    comparison = compare_sides(before, after, rules=rules)
    everything = [one.as_json(str(uuid5(_FINDINGS, one.subject)), None) for one in comparison.findings]
    findings, hidden = hiding(everything)
    known = names_of_policies(
        (one.policy_id, one.policy_type, one.name) for side in (before, after) for one in side.policies.values()
    )
    findings = named(findings, known)
    document = {
        "findings": findings,
        "groups": groups_json(findings),
        "withheld": [entry.as_json() for entry in (*comparison.withheld, *withheld)],
        "comparisons": [{"baseline": before.name, "current": after.name}],
        "unread": {
            name: [one.failure.as_json() for one in side.failures]
            for name, side in (("baseline", before), ("current", after))
        },
        "not_asked": {"baseline": dict(before.not_asked), "current": dict(after.not_asked)},
        "ignored": hidden,
        "not_listed": 0,
    }
    files = [side.policies for side in (after, before) if side.is_folder]

    def origin_of(finding: Mapping[str, Any]) -> str | None:
        ids = (finding["policy_id"], finding.get("previous_policy_id"))
        return next((policies[one].origin for one in ids for policies in files if one in policies), None)

    return Diff(document, origin_of)
