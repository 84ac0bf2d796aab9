"""What one entry of the policy-type table says: where Graph keeps the type, what a whole policy consists of, how to
know one that came from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from flows._policies.content import DEFAULT, Content


class Lane(StrEnum):
    """The throttling budget a collection draws on; Graph counts each per app and tenant."""

    INTUNE = "intune"
    SCRIPTS = "scripts"
    CONDITIONAL_ACCESS = "conditional_access"
    DIRECTORY_LOGS = "directory_logs"


class PlatformRule(StrEnum):
    """Where a policy says which platform it is for."""

    NONE = "none"
    PLATFORMS = "platforms"
    PLATFORM = "platform"
    ODATA_TYPE = "odata_type"
    WINDOWS = "windows"
    MACOS = "macos"


@dataclass(frozen=True, slots=True)
class Part:
    """A collection below a policy that its list does not carry whole.

    `name` is the Graph property it is inlined under, and the path segment it is read from. `query` is appended to
    that read. `count_property` names the property of the policy that says how many elements there must be. `each`
    are the parts of every element, read by the element's `id`.
    """

    name: str
    query: str = ""
    count_property: str | None = None
    each: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """One Graph collection that holds policies of a type.

    `path` starts with the API version. `query` is asked of every page of the list; `expand` is added to its
    `$expand` where Graph accepts that, and dropped for the collection when it answers 400: the parts named there are
    then read one policy at a time. `by_id` says that a list leaves content out which only a GET of the single policy
    returns, `by_id_query` what to ask with it. `typed_paths` leads from an `@odata.type` to the collection that a
    policy of a mixed list is read through (Graph refuses expansions on the mixed one).
    """

    path: str
    query: str = ""
    expand: tuple[str, ...] = ()
    by_id: bool = False
    by_id_query: str = ""
    typed_paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    parts: tuple[Part, ...] = ()

    @property
    def segment(self) -> str:
        """The last path segment, which `@odata.context` of an exported policy names."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class PolicyType:
    """One kind of policy.

    `slug` is stored and shown in JSON, `label` is for people. `name_property` holds the policy's name. Recognition of
    a policy of unknown origin goes by `odata_types` (exact), `odata_suffixes` (a family of subtypes), `signatures`
    (sets of properties that together only this type has) and `folders` (names that export tools give its folder,
    compared by letters and digits only). `permission` is the least Microsoft Graph application permission that reads
    the type. `content` says how a policy of the type is read for comparison.
    """

    slug: str
    label: str
    collections: tuple[Collection, ...]
    permission: str
    lane: Lane = Lane.INTUNE
    name_property: str = "displayName"
    platform: PlatformRule = PlatformRule.NONE
    odata_types: frozenset[str] = frozenset()
    odata_suffixes: tuple[str, ...] = ()
    signatures: tuple[frozenset[str], ...] = ()
    folders: tuple[str, ...] = ()
    content: Content = DEFAULT
