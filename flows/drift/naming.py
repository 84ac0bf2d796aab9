"""What to call a setting in front of people: the name its definition carries, or a readable form of its id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flows._policies.json_shape import as_object
from flows._policies.tree import OWN
from flows.drift.change import MISSING, Change, Facet

_PREFIXES: Final = re.compile(
    r"^(?:device|user)_vendor_msft_(?:policy_(?:config|result)_)?|^vendor_msft_|^com\.apple\.|^linux_", re.IGNORECASE
)
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def readable(identifier: str) -> str:
    """A readable form of a definition id or property name; one without words in it, such as a GUID, as it is.

    `device_vendor_msft_bitlocker_requiredeviceencryption` → `bitlocker › requiredeviceencryption`;
    `passwordMinimumLength` → `Password minimum length`.
    """
    if _GUID.fullmatch(identifier) or not identifier:
        return identifier
    short = _PREFIXES.sub("", identifier)
    if "_" in short or short != identifier:
        return " › ".join(part for part in re.split(r"[_~]+", short) if part) or identifier
    words = _WORDS.findall(identifier)
    if len(words) < 2:
        return identifier
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:]


def named(changes: Iterable[Change], names: Mapping[str, str]) -> Iterator[Change]:
    """The changes with `name`, and with the names of chosen options where the export carries definitions."""
    for change in changes:
        extra: dict[str, Any] = {"name": names.get(change.setting) or readable(change.setting)}
        if change.facet is Facet.SETTING:
            for word, side in (("before_name", change.before), ("after_name", change.after)):
                chosen = as_object(side).get(OWN, side) if side is not MISSING else None
                if isinstance(chosen, str) and chosen in names:
                    extra[word] = names[chosen]
        yield change.with_extra(**extra)
