"""What a source of policies hands over, whether it is a folder of exports or Microsoft Graph.

A source is read once, as a stream. Every thing it meets comes out exactly once: as a policy, or as a failure that
says what the unread thing could have been. A failure that does not name its policy leaves its type unenumerated
(`unread.Unread`); a comparison believes "not there" only of a type that was enumerated.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from runstore.runs.run import Failure


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """One policy as its source holds it, parts inlined under their Graph names.

    `body` is the JSON object Graph would return, with `settings`, `assignments`, `scheduledActionsForRule` and
    `definitionValues` (each with `definition` and `presentationValues`) inside. `origin` tells a person where it came
    from: a path relative to the folder, or a Graph collection. `platform` is `None` where the source does not say.
    `mark` is opaque: a source that is given it back with the stored body the next time (see `KnownPolicy`) need not
    read the policy again while the mark is the same; `None` if the source cannot tell.
    """

    policy_id: str
    policy_type: str
    name: str
    platform: str | None
    body: dict[str, Any]
    origin: str
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """A policy as an earlier read of the same source stored it, with its type and the mark it came with.

    `body` loads what is stored when it is asked for; `None` when it is no longer there, and the policy is read again.
    """

    policy_type: str
    mark: str | None
    body: Callable[[], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """One thing the source met and could not read.

    `policy_type` is the only type it could have been, `None` when it could have been any. `policy_id` is set when the
    unread thing is known to be that one policy: then only that policy is unknown and its type still counts as
    enumerated. `possible_types` narrows a `policy_type` of `None` to a few; empty means any.
    `no_policy` says that it was read and is not a policy at all: nothing is unknown because of it. `foreign` says that it is
    none in a form that is read here, and may be one, or hold some, all the same, which is to be told.
    """

    item_id: str
    failure: Failure
    policy_type: str | None
    policy_id: str | None = None
    possible_types: frozenset[str] = field(default_factory=frozenset[str])
    no_policy: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What a source tells beside its policies. `parts_in_files` are parts that it keeps apart, where a policy without one has
    nothing; `asked` are the types that were looked for, `None` for those that exports hold (`types.FROM_EXPORTS`); `others`
    are objects of kinds that are not policies here, such as apps, which were seen and not read: place → how many."""

    parts_in_files: frozenset[str] = frozenset()
    asked: frozenset[str] | None = None
    others: Mapping[str, int] = field(default_factory=dict[str, int])


class PolicySource(Protocol):
    """A place policies are read from."""

    def read(self) -> Iterator[SourcePolicy | SourceFailure]:
        """Yields every policy and every failure once, in a stable order.

        A failure that names the id of a policy handed over before withdraws that policy: two things claimed the id with
        different content, and neither can be believed.

        Raises a `runstore.errors.TenantAtlasError` before the first item when the place as a whole is unusable.
        """
        ...

    def beside(self) -> Beside:
        """What else it saw and did; only true once `read()` is exhausted."""
        ...
