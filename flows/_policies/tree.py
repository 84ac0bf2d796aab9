"""The tree a policy's canonical form is made of: JSON with four marked kinds of node, and how to write it down as bytes.

A node is a scalar, or an object that maps a step of the path (a definition id, a property name) to a node. Marked keys:

- `=`      the value of the step itself, beside the children it brings (a choice setting)
- `$set`   scalars without order
- `$each`  objects without order; comparison finds an identity for them, or compares them as a set
- `$list`  values whose order means something, compared as one
- `?`      something of a kind not known here, kept and compared generically

A property whose own name starts with one of these marks is escaped with a backslash.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson

Tree = Any
"""A node: a scalar or a dictionary as described above. It is JSON, so it can be stored as it is."""

OWN: Final = "="
SET: Final = "$set"
EACH: Final = "$each"
LIST: Final = "$list"
UNKNOWN: Final = "?"

MAX_DEPTH: Final = 320
"""Levels a policy may nest. Graph's own nest fewer than twenty; deeper ones are refused instead of half read."""

_MARKS: Final = ("=", "$", "?", "\\")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<part>\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_DURATION: Final = re.compile(
    r"P(?=[\dT])(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,10})(?:\.0+)?S)?)?"
)
_GUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:\}|_\d{1,3})?")
_CLOCK: Final = re.compile(r"(\d\d:\d\d:\d\d)\.0+")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


class TooDeepError(ValueError):
    """The policy nests deeper than `MAX_DEPTH` levels."""


def escaped(name: str) -> str:
    """The step for a property of this name."""
    return f"\\{name}" if name.startswith(_MARKS) else name


def unescaped(step: str) -> str:
    """The property name of a step."""
    return step[1:] if step.startswith("\\") else step


def comparable(value: Any) -> Any:
    """A scalar as it counts for equality: exporters write `5`, `5.0` and `"5"`, `1.5` and `"1.5"`, `true` and `"True"`.

    Graph's schema gives every property one type, so a text `"5"` and a number `5` at one place never differ in
    meaning. Text with leading zeros, signs or spaces stays text. One instant is one value, whether it ends in `Z`,
    `.0000000Z` or an offset; so is a time of day with and without its fraction of zero, a duration (`PT1H`, `PT60M`), and a
    GUID in either case.
    """
    if isinstance(value, str):
        folded = value.lower() if len(value) <= 5 else ""
        if folded in ("true", "false"):
            return folded == "true"
        if len(value) <= 20 and _INTEGER.fullmatch(value):
            return int(value)
        if value[:1] == "P" and len(value) <= 24 and (found := _DURATION.fullmatch(value)):
            days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return f"PT{((days * 24 + hours) * 60 + minutes) * 60 + seconds}S"
        if 10 <= len(value) <= 36 and value[0].isdigit() and ":" in value:
            return _time(value)
        return in_one_case(value)
    if isinstance(value, float):
        # As text, not the text as a number: `"1.10"` and `"1.1"` may be two versions.
        return int(value) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return value


def in_one_case(value: str) -> str:
    """A GUID in small letters, in braces or with a template's number as well; any other text as it is."""
    return value.lower() if 36 <= len(value) <= 40 and _GUID.fullmatch(value) else value


def _time(value: str) -> str:
    if clock := _CLOCK.fullmatch(value):
        return clock.group(1)
    found = _INSTANT.fullmatch(value)
    if found is None:
        return value
    part = (found["part"] or "").rstrip("0").rstrip(".")
    whole = value if not found["part"] else value.replace(found["part"], "", 1)
    try:
        moment = datetime.fromisoformat(whole.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return value
    return f"{moment:%Y-%m-%dT%H:%M:%S}{part}Z"


def comparable_tree(tree: Tree) -> Any:
    """The tree with every scalar in comparable form and sets in one order; equal trees give equal results."""
    if isinstance(tree, dict):
        node = cast(dict[str, Any], tree)
        kind = kind_of(node)
        if kind in (SET, EACH):
            members = sorted(((dumps(one), one) for one in map(comparable_tree, node[kind])), key=lambda pair: pair[0])
            # Two equal elements of a collection are two; two equal members of a set are one.
            return {kind: [one for _, one in members] if kind == EACH else list(dict(members).values())}
        if set(node) == {OWN}:
            return comparable(node[OWN])
        return {key: comparable_tree(child) for key, child in node.items()}
    if isinstance(tree, list):
        return [comparable_tree(item) for item in cast(list[Any], tree)]
    return comparable(tree)


def kind_of(node: Mapping[str, Any]) -> str:
    """`$set`, `$each`, `$list` or `""` for a plain object."""
    if len(node) == 1:
        key = next(iter(node))
        if key in (SET, EACH, LIST):
            return key
    return ""


def dumps(value: Any) -> bytes:
    """JSON bytes with sorted keys, the same for equal values, at any depth a tree may have."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # orjson stops at 254 levels and at integers beyond 64 bits; the standard library at neither.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def set_of(values: Iterable[Any]) -> dict[str, Any]:
    """A set node of scalars: each comparable value once, in one order."""
    unique: dict[bytes, Any] = {}
    for value in values:
        unique.setdefault(dumps(comparable(value)), value)
    return {SET: [unique[key] for key in sorted(unique)]}


def each_of(elements: Iterable[Tree]) -> dict[str, Any]:
    """A collection node, its elements in one order."""
    return {EACH: sorted(elements, key=lambda element: dumps(comparable_tree(element)))}


def digest(tree: Tree) -> bytes:
    """The SHA-256 of a tree; equal for trees that differ in order or in how scalars are written."""
    return hashlib.sha256(dumps(comparable_tree(tree))).digest()


def plain(tree: Tree) -> Any:
    """A node as JSON a person reads: marks gone, sets and collections as lists, a choice's own value as `value`."""
    if not isinstance(tree, dict):
        return tree
    node = cast(dict[str, Any], tree)
    kind = kind_of(node)
    if kind:
        return [plain(member) for member in node[kind]]
    if set(node) == {OWN}:
        return node[OWN]
    if set(node) == {UNKNOWN}:
        return plain(node[UNKNOWN])
    return {"value" if key == OWN else unescaped(key): plain(child) for key, child in node.items()}
