"""What one entry of the policy-type table says: where Graph keeps the type, what a whole policy consists of, how to
know one that came from elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from flows._policies.content import DEFAULT, Content

GRAPH: Final = "#microsoft.graph."


class Lane(StrEnum):
    """The throttling budget a collection draws on; Graph counts each per app and tenant."""

    INTUNE = "intune"
    SCRIPTS = "scripts"
    CONDITIONAL_ACCESS = "conditional_access"
    DIRECTORY = "directory"
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

    `name` is the Graph property it is inlined under, and the path segment it is read from. `count_property` names the
    property of the policy that says how many elements there must be, `said_by` one that says it of most policies only.
    `each` are the parts of every element, which come with it where Graph expands them there, and are read by the element's
    `id` otherwise. `single` says that it is one object and no list. `only` names the subtypes that have the part, empty for
    all. `in_list` says that the list is asked to show it (`$expand`), `in_exports` that an export without it lacks something.
    """

    name: str
    count_property: str | None = None
    said_by: str = ""
    each: "tuple[Part, ...]" = ()
    single: bool = False
    only: frozenset[str] = frozenset()
    in_list: bool = True
    in_exports: bool = True

    @property
    def expansion(self) -> str:
        """What an `$expand` says to bring it along."""
        return f"{self.name}({expand(self.each)})" if self.each else self.name


def expand(parts: Iterable[Part]) -> str:
    """The `$expand` that brings these parts along; empty for none."""
    names = ",".join(part.expansion for part in parts)
    return f"$expand={names}" if names else ""


@dataclass(frozen=True, slots=True)
class Collection:
    """One Graph collection that holds policies of a type.

    `path` starts with the API version. Where Graph refuses to show a part with the list, or shows it in a way that cannot be
    believed, the part is read one policy at a time, at every sync. `by_id` says that a list leaves content out which only a
    GET of the single policy returns: `only_by_id` are its properties, of which every policy has one at least. `typed_paths`
    leads from an `@odata.type` to the collection that a policy of a mixed list is read through (Graph refuses expansions
    on the mixed one). `single` says that the path leads to one object and not to a list: the type has that
    one policy, or none where Graph answers 404. `id_property` holds the id. `only_named`: such a policy has a name and no more.
    """

    path: str
    by_id: bool = False
    only_by_id: tuple[str, ...] = ()
    single: bool = False
    id_property: str = "id"
    only_named: bool = False
    typed_paths: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: tuple[Part, ...] = ()

    def parts_of(self, odata_type: object) -> tuple[Part, ...]:
        """The parts that a policy of this subtype has."""
        return tuple(part for part in self.parts if not part.only or odata_type in part.only)

    def expansion(self, odata_type: object = None) -> str:
        """The `$expand` that a list, or a single policy, of this subtype is asked with; empty for none."""
        return expand(part for part in self.parts_of(odata_type) if part.in_list)


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


def entry(
    slug: str, label: str, path: str, permission: str, *parts: Part,
    odata: str, signatures: str = "", folders: str = "", also: tuple[Collection, ...] = (), **more: Any,
) -> PolicyType:  # fmt: skip
    """A row of the table. `path`, `parts` and what else a collection has are of its first one; `also` are others.

    `odata` are names apart by spaces, with a star before the end of a family's; `signatures` are apart by a comma, and their
    properties by spaces; `folders` are apart by a comma.
    """
    of_first = {one.name: more.pop(one.name) for one in fields(Collection) if one.name in more}
    names = odata.split()
    return PolicyType(
        slug,
        label,
        (Collection(path, parts=parts, **of_first), *also),
        permission,
        odata_types=frozenset(GRAPH + name for name in names if not name.startswith("*")),
        odata_suffixes=tuple(name[1:] for name in names if name.startswith("*")),
        signatures=tuple(frozenset(one.split()) for one in signatures.split(",") if one),
        folders=tuple(name for name in folders.split(", ") if name),
        **more,
    )
