"""Questions to the table of policy types: which type is this, what is it called, which platform is it for.

Whatever other modules need of policy types they take from here; the entries themselves are in `type_table`.
"""

import re
from collections.abc import Mapping
from typing import Final

from flows._policies.type_model import Collection as Collection
from flows._policies.type_model import Lane as Lane
from flows._policies.type_model import Part as Part
from flows._policies.type_model import PlatformRule, PolicyType
from flows._policies.type_model import expand as expand
from flows._policies.type_table import POLICY_TYPES

UNKNOWN_TYPE: Final = "unknown"
_GRAPH: Final = "#microsoft.graph."

BY_SLUG: Final[Mapping[str, PolicyType]] = {entry.slug: entry for entry in POLICY_TYPES}

_BY_ODATA: Final = {name.casefold(): entry for entry in POLICY_TYPES for name in entry.odata_types}
_BY_SUFFIX: Final = sorted(
    ((suffix.casefold(), entry) for entry in POLICY_TYPES for suffix in entry.odata_suffixes),
    key=lambda pair: -len(pair[0]),
)
FROM_EXPORTS: Final = frozenset(entry.slug for entry in POLICY_TYPES if entry.signatures)
"""The types that exports of other tools hold as policies. A sync of before the others were known asked for these alone."""

_BY_PATH: Final = {
    path.split("/", 1)[1].casefold(): entry
    for entry in POLICY_TYPES
    for collection in entry.collections
    for path in (collection.path, *collection.typed_paths.values())
}
# Conditional Access ends in `policies`, which says nothing alone.
_BY_SEGMENT: Final = {
    path.rsplit("/", 1)[-1]: entry
    for path, entry in _BY_PATH.items()
    if entry.slug in FROM_EXPORTS and not path.endswith("/policies")
}
_NAMES: Final = ("Apple", "App", "Conditional", "Intune", "Managed", "PowerShell")
_CONTEXT_SEGMENT: Final = re.compile(r"[A-Za-z]+")
_PLATFORM_WORDS: Final[Mapping[str, str]] = {
    **{name: name for name in ("windows", "macos", "ios", "android", "linux", "chromeos")},
    "ipad": "ios",
    "aosp": "android",
}


def label_of(slug: str) -> str:
    """What to call a type in front of people; a slug the table does not know is shown with spaces."""
    entry = BY_SLUG.get(slug)
    return entry.label if entry else slug.replace("_", " ").capitalize()


def label_of_path(path: str) -> str:
    """What the policies below a path of Graph are called, for a sentence: "notification templates"; empty for another path."""
    words = path.partition("?")[0].casefold().split("/")[1:]
    heads = ("/".join(words[:size]) for size in range(len(words), 0, -1))
    entry = next((_BY_PATH[head] for head in heads if head in _BY_PATH), None)
    if entry is None:
        return ""
    label = entry.label if entry.label.split()[0] in _NAMES else entry.label[0].lower() + entry.label[1:]
    return label if label.endswith("s") else f"{label[:-1]}ies" if label.endswith("ry") else f"{label}s"


def name_property(slug: str) -> str:
    """The property that holds the name of a policy of this type."""
    entry = BY_SLUG.get(slug)
    return entry.name_property if entry else "displayName"


def type_for_odata(odata_type: object) -> PolicyType | None:
    """The type a policy's `@odata.type` belongs to: an exact name first, then the longest suffix; else `None`."""
    if not isinstance(odata_type, str) or not odata_type:
        return None
    wanted = odata_type.casefold()
    if not wanted.startswith("#"):
        wanted = "#" + wanted
    exact = _BY_ODATA.get(wanted)
    if exact:
        return exact
    if not wanted.startswith(_GRAPH):
        return None
    return next((entry for suffix, entry in _BY_SUFFIX if wanted.endswith(suffix)), None)


def type_for_context(odata_context: object) -> PolicyType | None:
    """The type whose collection an `@odata.context` names (`…#deviceManagement/configurationPolicies/$entity`).

    The first known segment wins: those after it name a part or a subtype. `None` for anything else.
    """
    if not isinstance(odata_context, str):
        return None
    _, _, fragment = odata_context.casefold().rpartition("#")
    place = fragment.removesuffix("/$entity")
    # What a tenant has one of may be named by its type.
    exact = _BY_PATH.get(place) or _BY_ODATA.get(_GRAPH + place.removeprefix("microsoft.graph."))
    if exact is not None:
        return exact
    if "conditionalaccess/policies" in fragment:
        return BY_SLUG["conditional_access"]
    words = _CONTEXT_SEGMENT.findall(fragment)
    return next((_BY_SEGMENT[word] for word in words if word in _BY_SEGMENT), None)


def type_for_properties(properties: Mapping[str, object]) -> PolicyType | None:
    """The type whose signature the object has; the signature of most properties wins. `None` if it has none's."""
    present = properties.keys()
    best = max(
        ((len(signature), entry) for entry in POLICY_TYPES for signature in entry.signatures if signature <= present),
        key=lambda pair: pair[0],
        default=None,
    )
    return best[1] if best else None


def types_for_folder(name: str) -> tuple[PolicyType, ...]:
    """The types an export tool may have put in a folder of this name, in table order; empty if none is known."""
    return _BY_FOLDER.get(letters_of(name), ())


def name_of(entry: PolicyType, body: Mapping[str, object]) -> str:
    """What the policy calls itself, by the type's own property first; without a name, the type's label for what there is one
    of in a tenant, else its id, or `""`."""
    for key in (entry.name_property, "displayName", "name"):
        value = body.get(key)
        if isinstance(value, str) and value.strip():
            return value
    if is_the_one(entry):
        return entry.label
    value = body.get("id")
    return value if isinstance(value, str) and value.strip() else ""


def is_the_one(entry: PolicyType) -> bool:
    """Whether a tenant has one of it, which needs neither name nor id."""
    return entry.collections[0].single


def platform_of(entry: PolicyType, body: Mapping[str, object]) -> str | None:
    """`windows`, `macos`, `ios`, `android`, `linux` or `chromeos`, several joined by a comma; `None` if unsaid."""
    rule = entry.platform
    if rule in (PlatformRule.WINDOWS, PlatformRule.MACOS):
        return rule.value
    if rule is PlatformRule.NONE:
        return None
    key = {PlatformRule.PLATFORMS: "platforms", PlatformRule.PLATFORM: "platform"}.get(rule, "@odata.type")
    value = body.get(key)
    if not isinstance(value, str):
        return None
    words = value.casefold().removeprefix(_GRAPH)
    found = {platform for word, platform in _PLATFORM_WORDS.items() if word in words}
    return ",".join(sorted(found)) or None


def letters_of(name: str) -> str:
    """A folder's name as it is compared: its letters and digits, case ignored."""
    return "".join(character for character in name.casefold() if character.isalnum())


_BY_FOLDER: Final[dict[str, tuple[PolicyType, ...]]] = {}
for _entry in POLICY_TYPES:
    for _folder in {letters_of(name) for name in _entry.folders}:
        _BY_FOLDER[_folder] = (*_BY_FOLDER.get(_folder, ()), _entry)
