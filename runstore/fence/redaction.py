"""Scrubs any text or JSON before it is stored or logged: what looks like a secret is replaced by `[redacted:<kind>]`.

This is the second fence. The first is that failures are made of catalogued messages and typed fields (`reasons`), so
nothing from outside should get this far; this one holds when something did. It errs towards redacting: an operator can
do without a word of a message, and a leaked credential cannot be called back.

Cost: linear in the text. A literal search finds the places worth a look, one bounded expression looks at each, and a
text with more such places than any honest text has is withheld whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from runstore.fence.budget import TooManyHits
from runstore.fence.credential_names import is_secret_key
from runstore.fence.secret_scan import Look, find_spans
from runstore.fence.text_safety import to_safe_bytes

TEXT_LIMIT: Final = 500_000
"""Bytes of UTF-8. What is stored or logged is thousands of times shorter; this bounds what a hostile text can cost."""

JSON_LIMIT: Final = 10_000_000
"""Characters of all texts of one JSON value: a hundred thousand item ids; each single text has its own limit."""

_LONGEST_WORD: Final = 8192
DEPTH_LIMIT: Final = 64
NODE_LIMIT: Final = 200_000
WITHHELD: Final = "[redacted:withheld, too many suspected secrets]"
TOO_DEEP: Final = "[redacted:nested too deep]"
TOO_LARGE: Final = "[redacted:too large]"

Replace = Callable[[str, str], str]
"""Given the kind of a secret and its text, what stands in its place."""


class Redaction(NamedTuple):
    """A scrubbed text and the kinds of secrets that were in it, in the order they stood there."""

    text: str
    kinds: tuple[str, ...]


def marker(kind: str, _text: str) -> str:
    """What stands in the place of a secret."""
    return f"[redacted:{kind}]"


def scrub_text(text: str, *, limit: int = TEXT_LIMIT, replace: Replace = marker) -> str:
    """`text` without control characters and secrets, at most about `limit` bytes long; never raises for a string.

    Scrubbing a scrubbed text changes nothing. A text beyond the limit is cut at the last white space before it, so that
    no half of a secret stays behind, and says that it was cut.
    """
    return redact(text, limit=limit, replace=replace).text


def redact(text: str, *, limit: int = TEXT_LIMIT, replace: Replace = marker, look: Look | None = None) -> Redaction:
    """Like `scrub_text`, and also says what kinds of secrets were found. `look`: that of the text before they were replaced."""
    data = to_safe_bytes(text[:limit])
    cut = len(text) > limit or len(data) > limit
    if cut:
        data = _cut(data, limit)
    try:
        spans = find_spans(data, look or Look())
    except TooManyHits:
        return Redaction(WITHHELD, ("withheld",))
    pieces: list[str] = []
    position = 0
    for start, end, kind in spans:
        pieces.append(data[position:start].decode("utf-8", "replace"))
        pieces.append(replace(kind, data[start:end].decode("utf-8", "replace")))
        position = end
    pieces.append(data[position:].decode("utf-8", "replace") + " [cut]" * cut)
    return Redaction("".join(pieces), tuple(kind for _, _, kind in spans))


def looks_secret(text: str) -> bool:
    """Whether a text holds what would be scrubbed: such a one is refused where it would have to be kept as it is."""
    return bool(redact(text).kinds)


def _cut(data: bytes, limit: int) -> bytes:
    """The text up to the last white space before the limit, or well before it: half a secret is still a secret."""
    head = data[:limit]
    space = max(head.rfind(b" ", limit - _LONGEST_WORD), head.rfind(b"\n", limit - _LONGEST_WORD))
    return head[:space] if space >= 0 else head[: max(0, limit - _LONGEST_WORD)]


def scrub_json(value: object, *, limit: int = JSON_LIMIT, replace: Replace = marker) -> Any:
    """A JSON-ready copy of `value` with every text in it scrubbed, keys included, at any depth; never raises.

    Under a key that names a credential (`clientSecret`, `db_password`) every text and longer number is replaced,
    whatever it looks like. What nests deeper than 64 levels, lies beyond 200,000 nodes or beyond `limit` characters
    in total is replaced by a note. Dates, UUIDs, decimals and enums become text, sets and tuples lists, NaN and
    infinities null, integers beyond 64 bits text; bytes and unknown objects become a note that names only their type.
    """
    return _JsonScrubber(limit, replace).scrub(value, 0, secret=False)


class _JsonScrubber:
    def __init__(self, limit: int, replace: Replace) -> None:
        self._characters = limit
        self._nodes = NODE_LIMIT
        self._replace = replace

    def scrub(self, value: object, depth: int, *, secret: bool) -> Any:
        self._nodes -= 1
        if self._nodes < 0 or self._characters < 0:
            return TOO_LARGE
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str):
            return self._text(value, secret=secret)
        if isinstance(value, int):
            return self._integer(value, secret=secret)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if depth >= DEPTH_LIMIT:
            return TOO_DEEP
        unknown = f"[{type(value).__name__[:80]}]"
        try:
            if isinstance(value, date | time):
                return value.isoformat()
            if isinstance(value, UUID | Decimal):
                return self._text(str(value), secret=secret)
            if isinstance(value, bytes | bytearray | memoryview):
                return "[bytes]"
            if isinstance(value, Mapping):
                return self._mapping(cast("Mapping[object, object]", value), depth, secret=secret)
            if isinstance(value, Set):
                # Sorted by what is shown: a set has no order, and what is stored should not depend on hash seeds.
                return sorted(self._members(cast("Iterable[object]", value), depth, secret=secret), key=repr)
            if isinstance(value, Sequence):
                return self._members(cast("Iterable[object]", value), depth, secret=secret)
        except Exception:
            # A container of somebody else's may raise while it is read; what it held is then not ours to show.
            return unknown
        return unknown

    def _members(self, members: Iterable[object], depth: int, *, secret: bool) -> list[Any]:
        return [self.scrub(member, depth + 1, secret=secret) for member in members]

    def _text(self, text: str, *, secret: bool) -> str:
        self._characters -= len(text)
        if self._characters < 0:
            return TOO_LARGE
        if secret and text.strip() and not is_marked(text):
            return self._replace("credential", text)
        return scrub_text(text, replace=self._replace)

    def _integer(self, number: int, *, secret: bool) -> int | str:
        if secret and abs(number) > 99_999:
            return self._replace("credential", str(number) if abs(number) < 10**40 else "number")
        # PostgreSQL's JSONB takes any integer; orjson and every reader in JavaScript do not.
        if -(2**63) <= number < 2**63:
            return int(number)
        return str(number) if abs(number) < 10**40 else "[number]"

    def _mapping(self, mapping: Mapping[object, object], depth: int, *, secret: bool) -> dict[str, Any]:
        scrubbed: dict[str, Any] = {}
        for key, member in mapping.items():
            name = key if isinstance(key, str) else str(self.scrub(key, depth + 1, secret=False))
            shown = self._text(name, secret=False)
            if shown in scrubbed:
                shown = f"{shown} #{len(scrubbed)}"
            scrubbed[shown] = self.scrub(member, depth + 1, secret=secret or is_secret_key(name))
        return scrubbed


def is_marked(text: str) -> bool:
    """Whether a text is already a replacement of ours, which says nothing more and must not be replaced again."""
    return text.startswith(("[redacted:", "secret:v1:")) or text in {"secret:set", "****"}
