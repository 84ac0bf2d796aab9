"""What to call a setting in front of people: the name its definition carries, or a readable form of its id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flows._policies.json_shape import as_object
from flows._policies.secrets import FINGERPRINT
from flows._policies.settings_catalog import HELD
from flows._policies.tree import OWN
from flows.drift.comparison.change import MISSING, Change, Facet

_PREFIXES: Final = re.compile(
    r"^(?:device|user)_vendor_msft_(?:policy_(?:config|result)_)?|^vendor_msft_|^com\.apple\.|^linux_", re.IGNORECASE
)
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


HIDDEN: Final = "secret (not kept)"
CHANGED: Final = "secret changed (not kept)"


def _is_secret(side: object) -> bool:
    return isinstance(side, str) and (side == HELD or bool(FINGERPRINT.fullmatch(side)))


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


def _whom(assignment: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The group and the filter of an assignment by id and by name, as far as the exports say them."""
    group = {"id": assignment.get("id"), "name": assignment.get("name") or names.get(str(assignment.get("id")))}
    known = assignment.get("filter")
    chosen = {"id": known, "name": names[known]} if isinstance(known, str) and known in names else {"name": known}
    sides = {"group": group, "filter": chosen if known else {}}
    said = {word: {key: text for key, text in side.items() if text} for word, side in sides.items()}
    return {word: side for word, side in said.items() if side}


def named(changes: Iterable[Change], names: Mapping[str, str]) -> Iterator[Change]:
    """The changes with `name`, and with words for the sides: chosen options as their definitions name them, secrets as secrets."""
    for change in changes:
        extra: dict[str, Any] = {"name": names.get(change.setting) or readable(change.setting)}
        if change.facet is Facet.SETTING:
            for word, side in (("before_name", change.before), ("after_name", change.after)):
                chosen = as_object(side).get(OWN, side) if side is not MISSING else None
                if isinstance(chosen, str) and chosen in names:
                    extra[word] = names[chosen]
        elif change.facet is Facet.ASSIGNMENT:
            extra |= _whom(as_object(change.before if change.after is MISSING else change.after), names)
        if _is_secret(change.before) or _is_secret(change.after):
            # The fingerprints tell machines that it changed; a person is told in words.
            both = _is_secret(change.before) and _is_secret(change.after)
            extra |= {"before_name": HIDDEN, "after_name": CHANGED if both else HIDDEN}
            if change.before is MISSING:
                del extra["before_name"]
            if change.after is MISSING:
                del extra["after_name"]
        yield change.with_extra(**extra)
