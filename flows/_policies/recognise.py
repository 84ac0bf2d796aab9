"""Which policy a JSON object from elsewhere is: its type, id, name and platform, or that it is none.

The surest sign decides: the policy's own `@odata.type`, the collection its `@odata.context` names, then the properties
only one type has, then the folder an export tool put it in. Something that has the bearing of a policy but no type
the table knows is `unknown`: kept, and compared without knowing its meaning.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from flows._policies.content import names
from flows._policies.json_shape import GUID
from flows._policies.types import (
    BY_SLUG,
    UNKNOWN_TYPE,
    PolicyType,
    is_the_one,
    name_of,
    platform_of,
    type_for_context,
    type_for_odata,
    type_for_properties,
    types_for_folder,
)
from runstore.fence.redaction import looks_secret

_IDLESS: Final = UUID("5d3f6f6e-2f0b-4d7e-9a56-1f2c0f0a7c11")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}")
_DATED: Final = re.compile(r"[ _.-]*\d{4}-?\d\d-?\d\d(?:[T _.-]?\d\d[:_.-]?\d\d(?:[:_.-]?\d\d)?(?:[.,_]\d+)?Z?)?")
"""The moment of the export, which some tools and the portal put into the file's name."""

_WITHOUT_ID: Final = names("settings assignments scriptContent")
"""What only a policy has, whether its export keeps ids or not."""

_BEARING: Final = _WITHOUT_ID | names(
    "assignments@odata.context createdDateTime lastModifiedDateTime modifiedDateTime roleScopeTagIds version"
)
_NO_POLICIES: Final = re.compile(
    r"#?microsoft\.graph\.(group|user|device|manageddevice|serviceprincipal|application|organization|directory\w*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a JSON object turned out to be. `policy_id` is the object's own, or made up if it has none (`is_made_up`)."""

    policy_id: str
    policy_type: str
    name: str
    platform: str | None


def recognise(body: Mapping[str, Any], folders: Sequence[str] = (), file_stem: str = "") -> Recognised | None:
    """What the object is, or `None` if it is not a policy.

    `folders` are the names of the folders it lay in, innermost first; `file_stem` serves as the id's last resort (tools
    append the id to the file's name) and as the name of a policy that has none of its own. A policy without any id
    gets one made from what tells policies apart, so that two exports of it match: type and subtype, name,
    technologies, platforms, and the file's name without a date in it.
    """
    entry = _type_of(body, folders)
    if entry is None:
        if not _has_bearing(body):
            return None
        name = next((str(body[key]) for key in ("displayName", "name") if isinstance(body.get(key), str)), "")
        policy_id = _id_of(body, file_stem, UNKNOWN_TYPE, name)
        return Recognised(policy_id, UNKNOWN_TYPE, name or file_stem or policy_id, None)
    name = name_of(entry, body) if body.get("id") != name_of(entry, body) else ""
    shown = name or file_stem
    policy_id = _id_of(body, file_stem, entry.slug, shown)
    return Recognised(policy_id, entry.slug, shown or policy_id, platform_of(entry, body))


def types_for(folders: Sequence[str]) -> frozenset[str]:
    """The types that something lying in these folders could be; empty when the names say nothing, which means any."""
    for folder in folders:
        found = types_for_folder(folder)
        if found:
            return frozenset(entry.slug for entry in found)
    return frozenset()


def _type_of(body: Mapping[str, Any], folders: Sequence[str]) -> PolicyType | None:
    odata = body.get("@odata.type")
    if isinstance(odata, str) and _NO_POLICIES.match(odata):
        return None
    found = type_for_odata(odata) or type_for_context(body.get("@odata.context"))
    if found is None and not isinstance(odata, str):
        found = type_for_properties(body)
    if found is None and not isinstance(odata, str) and _has_bearing(body):
        hinted = types_for(folders)
        found = BY_SLUG[next(iter(hinted))] if len(hinted) == 1 else None
    if found is None or _named(body) or is_the_one(found):
        return found
    return found if {"settings", "id", found.collections[0].id_property} & body.keys() else None


def _named(body: Mapping[str, Any]) -> bool:
    return any(isinstance(body.get(key), str) for key in ("displayName", "name"))


def _has_bearing(body: Mapping[str, Any]) -> bool:
    odata = body.get("@odata.type")
    if isinstance(odata, str) and _NO_POLICIES.match(odata):
        return False
    typed = isinstance(odata, str) and odata.startswith("#microsoft.graph.")
    return _named(body) and (
        # An export without ids says the type of what has subtypes.
        typed or (bool(_BEARING & body.keys()) and (isinstance(body.get("id"), str) or bool(_WITHOUT_ID & body.keys())))
    )


def _id_of(body: Mapping[str, Any], file_stem: str, slug: str, name: str) -> str:
    entry = BY_SLUG.get(slug)
    own = body.get(entry.collections[0].id_property if entry else "id")
    if own is None and entry is not None and is_the_one(entry):
        return slug
    if isinstance(own, int) and not isinstance(own, bool):
        own = str(own)
    if isinstance(own, str) and _ID.fullmatch(own.strip()):
        text = own.strip()
        if GUID.fullmatch(text):
            return text.lower()
        # An id is kept and shown as it is: one that looks like a secret is none.
        if not looks_secret(text):
            return text
    in_name = GUID.search(file_stem)
    if in_name:
        return in_name.group().lower()
    kind = [str(body.get(key) or "") for key in ("@odata.type", "technologies", "platforms")]
    return str(uuid5(_IDLESS, "\n".join([slug, name, *kind, _DATED.sub("", file_stem)])))


def is_made_up(policy_id: str) -> bool:
    """Whether the id was made here, for a policy whose export has none. Directories give out random ones (version 4)."""
    return len(policy_id) == 36 and policy_id[14] == "5"
