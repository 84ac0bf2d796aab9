"""Bytes of an exported file → JSON, in every encoding exports come in; and what can be saved of a broken one.

PowerShell writes UTF-16 with a byte-order mark, UTF-8 with one, and now and then the JSON as a string inside JSON; files
that went through other systems come without the mark or with their bytes swapped.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson

_STARTS: Final = frozenset('{["')
_WRAPPINGS: Final = 3
_MOMENT: Final = re.compile(r"/Date\((-?\d{1,14})\)/")
_FIRST: Final = -62_135_596_800_000
"""The first moment there is, in milliseconds from 1970: the year 1."""
_DEEPEST: Final = 100
"""Levels in which moments are looked for; Graph's objects nest fewer than twenty."""


class JsonTextError(ValueError):
    """The bytes hold no JSON."""


class EmptyError(JsonTextError):
    """There is nothing in them."""


@dataclass(eq=False)
class EncodingError(JsonTextError):
    """They are text in no known encoding; `position` is the first byte that does not fit."""

    position: int


@dataclass(eq=False)
class SyntaxProblem(JsonTextError):
    """They are text but no JSON. `truncated` if it stops in the middle; `text` is what was there."""

    text: str
    line: int
    column: int
    truncated: bool
    too_deep: bool = False


def parse(data: bytes) -> Any:
    """The JSON value of a file's bytes, unwrapped if it is JSON in a JSON string.

    Raises EmptyError, EncodingError or SyntaxProblem.
    """
    text = text_of(data)
    value = _loads(text)
    for _ in range(_WRAPPINGS):
        if not isinstance(value, str):
            break
        inner = value.lstrip("\ufeff").strip()
        if not inner:
            raise EmptyError
        if inner[0] not in _STARTS:
            break
        value = _loads(inner)
    return _with_moments(value) if "/Date(" in text else value


def _with_moments(value: Any, depth: int = 0) -> Any:
    """The value with every moment as Graph writes it: Windows PowerShell's `/Date(1767744000000)/`, milliseconds from 1970."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        if {"value", "DateTime"} <= value.keys() <= {"value", "DateTime", "DisplayHint"}:
            # With the same moment in the words of the system's language beside it.
            return _with_moments(value["value"], depth + 1)
        return {key: _with_moments(item, depth + 1) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_with_moments(item, depth + 1) for item in cast(list[Any], value)]
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found.group(1)) < _FIRST:
        return value
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=int(found.group(1)))  # noqa: DTZ001 - written with its Z
    return moment.isoformat() + "Z"


def text_of(data: bytes) -> str:
    """The text of a file's bytes. Raises EmptyError when there is none, EncodingError when it is in no known encoding."""
    if not data.strip(b"\x00\t\n\r \xff\xfe\xef\xbb\xbf"):
        raise EmptyError
    return decode(data)


def decode(data: bytes) -> str:
    """The text of the bytes: by their byte-order mark, unless what follows it contradicts; by their zeros; as UTF-8.

    Behind a mark of UTF-16 may be bytes that never were any, swapped by pairs by whatever took them for it.
    """
    encoding = json.detect_encoding(data)
    candidates = [encoding]
    if is_utf16 := encoding.startswith("utf-16"):
        candidates = ["utf-16-le", "utf-16-be"]
        if encoding == "utf-16-be" or data[:2] == b"\xfe\xff":
            candidates.reverse()
    problem: UnicodeDecodeError | None = None
    first: str | None = None
    for candidate in candidates:
        # An odd byte at the end of UTF-16 is what a cut left over; the cut itself shows in the JSON.
        body = data[: len(data) // 2 * 2] if is_utf16 else data
        try:
            text = body.decode(candidate).lstrip("\ufeff\ufffe").strip("\x00").strip()
        except UnicodeDecodeError as found:
            problem = problem or found
            continue
        if text[:1] in _STARTS:
            return text
        first = first if first is not None else text
    if is_utf16 and (text := _unswapped(data[2:])) is not None:
        return text
    if first is not None:
        return first
    raise EncodingError(problem.start if problem else 0)


def _unswapped(data: bytes) -> str | None:
    """UTF-8 whose bytes were swapped by pairs; `None` when swapping them back gives no JSON."""
    swapped = bytearray(data)
    even = len(data) // 2 * 2
    swapped[0:even:2], swapped[1:even:2] = data[1:even:2], data[0:even:2]
    try:
        text = swapped.decode("utf-8-sig").strip("\x00").strip()
    except UnicodeDecodeError:
        return None
    return text if text[:1] in _STARTS else None


def leading_members(text: str) -> dict[str, Any]:
    """The members of the outermost object that are complete before the text breaks off; empty if it is not an object.

    Of a `value` list that breaks off, the first element's complete members are given, since its type is theirs all.
    """
    decoder = json.JSONDecoder()
    members: dict[str, Any] = {}
    position = _skip(text, 0)
    if text[position : position + 1] == "[":
        position = _skip(text, position + 1)
        if text[position : position + 1] == "[":
            return members
        inner = leading_members(text[position : position + 2_000_000])
        return {key: value for key, value in inner.items() if key != "id"}
    if text[position : position + 1] != "{":
        return members
    position += 1
    while True:
        position = _skip(text, position)
        try:
            key, position = decoder.raw_decode(text, position)
            position = _skip(text, position)
            if not isinstance(key, str) or text[position : position + 1] != ":":
                return members
            position = _skip(text, position + 1)
            start = position
            try:
                value, position = decoder.raw_decode(text, position)
            except (ValueError, RecursionError):
                if key == "value" and text[start : start + 1] == "[":
                    return {**leading_members(text[start:]), **members}
                return members
        except (ValueError, RecursionError):
            return members
        members[key] = value
        position = _skip(text, position)
        if text[position : position + 1] != ",":
            return members
        position += 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        line, column = problem.lineno, problem.colno
        deep = "depth limit" in str(problem)
        raise SyntaxProblem(text, line, column, not deep and _is_cut(text, problem.pos), deep) from None


def _is_cut(text: str, position: int) -> bool:
    """Whether nothing but an unfinished token follows the place where reading failed."""
    rest = text[position:].strip()
    if not rest or position >= len(text.rstrip()) - 1:
        return True
    try:
        json.loads(text)
    except json.JSONDecodeError as problem:
        return problem.pos >= len(text.rstrip()) - 1 or problem.msg.startswith("Unterminated string")
    except RecursionError:
        return False
    # The standard library accepts NaN, which is not JSON, and not a cut either.
    return False
