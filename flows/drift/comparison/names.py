"""What ids are called in front of people. Findings keep ids, so that a new name is not drift; names are put beside them when shown.

Every rendering of findings takes what `named` makes of them: the names that the policies' own bodies carry, which a comparison
keeps with each change (`carried`), and those that are known from elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from flows._policies.json_shape import GUID, as_list, as_object
from flows._policies.names import CONTEXT, SCOPE_TAG, shown_name
from flows._policies.secrets import is_secret
from flows.drift.comparison.changes import Change, Facet

_PREFIXES: Final = re.compile(
    r"^(?:device|user)_vendor_msft_(?:policy_(?:config|result)_)?|^vendor_msft_|^com\.apple\.|^linux_", re.IGNORECASE
)
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_BREAKS: Final = re.compile(r"([/\[\],]\s*)")
_LONGEST_ID: Final = 600
_DEEPEST: Final = 20
_LONGEST_SHORT: Final = 10
_LONGEST_VALUE: Final = 20_000

HIDDEN: Final = "secret (not kept)"
CHANGED: Final = "secret changed (not kept)"

Json = Mapping[str, Any]
Names = Mapping[str, str]


def readable(identifier: str) -> str:
    """A readable form of a definition id or property name; one without words in it, such as a GUID, as it is.

    `device_vendor_msft_bitlocker_requiredeviceencryption` → `bitlocker › requiredeviceencryption`;
    `passwordMinimumLength` → `Password minimum length`.
    """
    if GUID.fullmatch(identifier) or not identifier:
        return identifier
    short = _PREFIXES.sub("", identifier)
    if "_" in short or short != identifier:
        return " › ".join(part for part in re.split(r"[_~]+", short) if part) or identifier
    words = _WORDS.findall(identifier)
    if len(words) < 2:
        return identifier
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:]


def carried(changes: Iterable[Change], names: Names) -> Iterator[Change]:
    """The changes, each with those names (id → name) that its place and its two sides need."""
    for change in changes:
        ids = _ids(change.path, change.before, change.after) if names else ()
        found = {one: shown_name(names[one]) for one in ids if one in names}
        yield change.with_extra(names=found) if found else change


def ids_of(findings: Iterable[Json]) -> set[str]:
    """What may be looked up for these findings: every text in their changes that could be an id."""
    found: set[str] = set()
    for one in findings:
        found.update(key for change in one["changes"] or () for key in _keys(change).values())
        found.update(one.get("policies", ()))
    return found


def named(findings: Iterable[Json], known: Names) -> list[dict[str, Any]]:
    """The findings with names: `known` (id → name) beside what their own policies carry, the known ones first."""
    return [_with_names(one, known) for one in findings]


def _with_names(finding: Json, known: Names) -> dict[str, Any]:
    # A version of a policy has none where its content is kept no longer.
    changes = finding["changes"]
    shown = {**finding, "changes": None if changes is None else [_named(change, known) for change in changes]}
    touched = {one: shown_name(known[one]) for one in finding.get("policies", ()) if one in known}
    return {**shown, "policy_names": touched} if touched else shown


def _named(change: Json, known: Names) -> dict[str, Any]:
    """The change with `name`, `path_name` where the place is more than that, words for its sides, and `names`, id → name."""
    names: dict[str, str] = {**change.get("names", {})}
    names |= {one: shown_name(known[key]) for one, key in _keys(change).items() if key in known}
    name = names.get(change["setting"]) or change.get("name") or readable(change["setting"])
    extra: dict[str, Any] = {"name": name, "names": names} if names else {"name": name}
    if (place := _place(change["path"], names)) != name:
        extra["path_name"] = place
    sides = {"before_name": change["before"], "after_name": change["after"]}
    if change["facet"] == Facet.ASSIGNMENT:
        extra |= _whom(as_object(sides["before_name"] if change["after"] is None else sides["after_name"]), names)
    secrets = [is_secret(side) for side in sides.values()]
    for word in ("members_added", "members_removed"):
        members = [_value(member, names) for member in change.get(word, ())]
        if any(members):
            extra[f"{word}_names"] = [said or member for said, member in zip(members, change[word], strict=True)]
    for word, side in sides.items():
        if any(secrets):
            # The fingerprints tell machines that it changed; a person is told in words.
            said = None if side is None else CHANGED if all(secrets) and word == "after_name" else HIDDEN
        elif change["facet"] == Facet.ASSIGNMENT and as_object(side):
            said = _assignment(as_object(side), names)
        else:
            said = _option(side, change["setting"], names) or _value(side, names)
        if said is not None:
            extra[word] = said
    return {**change, **extra}


def _keys(change: Json) -> dict[str, str]:
    """Each text that could be an id, and what it is looked up by."""
    of_tags, of_contexts = change["facet"] == Facet.SCOPE_TAG, "AuthenticationContextClassReferences" in change["path"]
    short = SCOPE_TAG if of_tags else CONTEXT if of_contexts else ""
    found = _ids(change["path"], change["before"], change["after"])
    return {one: f"{short}{one}" if len(one) < _LONGEST_SHORT else one for one in found}


def _ids(path: str, *sides: object) -> set[str]:
    found = {part.strip() for part in _BREAKS.split(path)}
    left = list(sides)
    while left:
        side = left.pop()
        if isinstance(side, str):
            found.add(side)
        inside = as_object(side)
        found.update(inside)
        left += [*inside.values(), *as_list(side)]
    return {one for one in found if one and len(one) <= _LONGEST_ID and " " not in one and "\n" not in one}


def _label(identifier: str, names: Names) -> str:
    """The name, with the id where that is all that tells two of one name apart."""
    name = names.get(identifier)
    if name is None:
        return identifier
    return f"{name} ({identifier})" if GUID.fullmatch(identifier) or identifier.lstrip("c").isdecimal() else name


def _place(path: str, names: Names) -> str:
    shown, above, depth = "", "", 0
    for part in _BREAKS.split(path):
        depth += part.count("[") - part.count("]")
        if part == "/" and not depth:
            shown += " › "
        elif part in names:
            shown += _label(part, names)
        elif depth or not part or part == "]":
            shown += part
        else:
            # A definition's id begins with that of the one above it.
            shown += readable(part.removeprefix(f"{above}_")) if above else readable(part)
        above = above if depth or part in ("", "/", "]") else part
    return shown


def _option(side: object, setting: str, names: Names) -> str | None:
    """An option by the end of its id, where nothing says its name: `…_block` → `block`."""
    if not isinstance(side, str) or side in names or not side.startswith(f"{setting}_") or "_" not in setting:
        return None
    end = readable(side[len(setting) + 1 :])
    return f"option {end}" if end.isdecimal() else end


def _value(side: object, names: Names) -> str | None:
    """A value in words; None where nothing in it has a name: then it speaks for itself."""
    if not names or names.keys().isdisjoint(_ids("", side)):
        return None
    return shown_name(_words(side, names, 0), _LONGEST_VALUE)


def _words(side: object, names: Names, depth: int) -> str:
    if depth > _DEEPEST:
        return "…"
    if isinstance(side, str):
        return _label(side, names)
    if inside := as_object(side):
        parts = [f"{_property(key, names)}: {_words(item, names, depth + 1)}" for key, item in inside.items()]
        return f"({'; '.join(parts)})" if depth else "; ".join(parts)
    if items := as_list(side):
        return ", ".join(_words(item, names, depth + 1) for item in items)
    return "none" if side == [] else orjson.dumps(side, default=str).decode()


def _property(key: str, names: Names) -> str:
    return _label(key, names) if key in names else readable(key)


def _assignment(assignment: Json, names: Names) -> str:
    """`include group Finance laptops (id), filter include Corporate devices (id)`."""
    said = dict(assignment)
    target, mode = str(said.pop("target", "")).replace("_", " "), str(said.pop("mode", ""))
    whom = [_label(str(text), names) for text in (said.pop("id", None), said.pop("name", None)) if text]
    parts = [" ".join(part for part in (mode, target, *whom) if part)]
    if chosen := said.pop("filter", None):
        parts.append(f"filter {said.pop('filter_mode', '')} {_label(str(chosen), names)}")
    parts += [f"{readable(key)} {_words(item, names, 1)}" for key, item in said.items()]
    return shown_name(", ".join(parts), _LONGEST_VALUE)


def _whom(assignment: Json, names: Names) -> dict[str, Any]:
    """The group and the filter of an assignment by id and by name, as far as they are known."""
    group = {"id": assignment.get("id"), "name": assignment.get("name") or names.get(str(assignment.get("id")))}
    known = assignment.get("filter")
    chosen = {"id": known, "name": names[known]} if isinstance(known, str) and known in names else {"name": known}
    sides = {"group": group, "filter": chosen if known else {}}
    said = {word: {key: text for key, text in side.items() if text} for word, side in sides.items()}
    return {word: side for word, side in said.items() if side}
