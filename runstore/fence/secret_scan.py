"""Finds where secrets stand in a cleaned UTF-8 text: spans of (start, end, kind), sorted and disjoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runstore.fence.assignments import assignments
from runstore.fence.budget import Budget, Span, positions
from runstore.fence.credential_names import KEY_ANCHORS
from runstore.fence.credential_values import looks_chosen
from runstore.fence.opaque_words import RANDOM, opaque_words
from runstore.fence.opaque_words import SHORTEST as SHORTEST_OPAQUE
from runstore.fence.secret_patterns import RULES, Rule
from runstore.fence.shaped_words import chosen, keys_in_groups
from runstore.fence.signed_words import signed_words
from runstore.fence.token_forms import token_forms

BUDGET: Final = 40_000
"""How much looking one text is worth; looking at a place costs 1 to 30. Honest texts of 100 KB stay below."""

_FOUND: Final = 10
"""What a secret costs that a cheap look found: it is taken out and what stands for it is made."""

SHORTEST: Final = 6
"""No secret worth the name is shorter, with its name, than this many bytes."""

# Whether an anchor is there at all is asked of the same bytes as a Latin-1 string: `in` costs a fifth of what it costs
# on bytes (measured: 6 µs against 32 µs for all anchors in a line), and almost every text has none.
_RULES: Final = [(rule.anchor.decode("latin-1"), rule, rule.folded) for rule in RULES]
_KEYS: Final = [(anchor.decode("latin-1"), anchor, not anchor.isascii()) for anchor in KEY_ANCHORS]
# What `lower` does not fold in bytes, of the letters that names of credentials have.
_CAPITALS: Final = tuple((letter.upper().encode(), letter.encode()) for letter in "éèîñóü")


class Look(Budget):
    """What is left to spend on a text, and the anchors in it: what stands for a secret brings no new ones in."""

    __slots__ = ("keys", "rules")

    def __init__(self, left: int = BUDGET) -> None:
        super().__init__(left)
        self.rules, self.keys = _RULES, _KEYS


def find_spans(data: bytes, left: Look) -> list[Span]:
    """The secrets in a text that `text_safety.to_safe_bytes` has cleaned. Raises TooManyHits for a hostile one."""
    if len(data) < SHORTEST:
        return []
    if b"[redacted:" in data or b"secret:" in data:
        # What was replaced before is opaque: no expression may read it as part of anything, and none can match this byte.
        data = _MARKER.sub(_hidden, data)
    if not data.isascii():
        # Spaces of other kinds are spaces, at the same places.
        data = data.replace(b"\xc2\xa0", b"  ").replace(b"\xe3\x80\x80", b"   ")
    folded = data.lower()
    for capital, small in _CAPITALS if b"\xc3" in data else ():
        folded = folded.replace(capital, small)
    spans: list[Span] = []
    view, folded_view = data.decode("latin-1"), folded.decode("latin-1")
    left.rules = [one for one in left.rules if one[0] in (folded_view if one[2] else view)]
    for _, rule, is_folded in left.rules:
        spans.extend(_rule(rule, data, folded if is_folded else data, left))
    is_ascii = data.isascii()
    left.keys = [one for one in left.keys if not (is_ascii and one[2]) and one[0] in folded_view]
    for _, anchor, _ in left.keys:
        spans.extend(assignments(anchor, data, folded, left))
    spans.extend(chosen(data, left.spend))
    spans.extend(keys_in_groups(data, left.spend))
    if len(data) >= SHORTEST_OPAQUE:
        spans.extend(_opaque(data, left))
    if _OPAQUE in data:
        spans = [span for span in spans if data[span[0] : span[1]].strip(_OPAQUE)]
    return _disjoint(data, spans) if spans else spans


def _rule(rule: Rule, data: bytes, searched: bytes, budget: Budget) -> Iterator[Span]:
    done = 0
    for hit in positions(searched, rule.anchor, budget, 4):
        start = max(hit - rule.back, done if rule.back > _NEAR else 0)
        if start < done:
            continue
        match = rule.pattern.match(data, start)
        if match is None:
            continue
        found = match.lastindex or 0
        begin, end = match.span(found)
        if not found:
            # A token's expression is bounded; what follows without a break belongs to it all the same.
            end = _WORD_END.match(data, end).end()  # pyright: ignore[reportOptionalMemberAccess]
        if rule.kind == "authorization" and not looks_chosen(data[begin:end]) and b" " not in data[begin:end]:
            continue
        budget.spend(_FOUND)
        yield begin, end, rule.kind
        done = end


_NEAR: Final = 32
"""An expression that starts further before its anchor looks for where it begins by itself."""
_IN_WORD: Final = re.compile(rb"[A-Za-z0-9]{0,64}+")
_WORD_END: Final = re.compile(rb"[A-Za-z0-9_-]{0,4096}+")

_FOUND_HERE: Final = (
    b"assigned near-credential recovery-key product-key random-text base32-text base36-text credential".split()
)
_OPAQUE: Final = b"\x01"
# A replacement of ours, exactly: brackets around anything else protect nothing.
_MARKER: Final = re.compile(rb"\[redacted:([a-z0-9-]{1,60})\]|secret:(?:v1:[0-9a-f]{32}|set\b)")
_NAMED_HASH: Final = re.compile(rb"(?:sha-?\d{1,3}|md5|etag|thumbprint|skiptoken|deltatoken)[-:= \"']{1,4}\Z", re.I)
_KINDS: Final = {*(one.kind.encode() for one in (*RULES, *token_forms())), *_FOUND_HERE}


def _hidden(marker: re.Match[bytes]) -> bytes:
    return marker[0] if marker[1] is not None and marker[1] not in _KINDS else _OPAQUE * len(marker[0])


def _opaque(data: bytes, budget: Budget) -> Iterator[Span]:
    for start, end, kind in opaque_words(data, budget):
        if not (kind == RANDOM and _NAMED_HASH.search(data, max(0, start - 16), start)):
            yield start, end, kind
    for start, end in signed_words(data, budget):
        # What is left of its last letters would be taken for a part of the fingerprint.
        yield start, _IN_WORD.match(data, end).end(), RANDOM  # pyright: ignore[reportOptionalMemberAccess]


def _disjoint(data: bytes, spans: list[Span]) -> list[Span]:
    spans.sort(key=lambda span: (span[0], -span[1]))
    merged: list[Span] = []
    for start, end, kind in spans:
        if merged and (start < merged[-1][1] or (start == merged[-1][1] and kind == merged[-1][2] == RANDOM)):
            first, last, known = merged[-1]
            if RANDOM in (known, kind) and known != kind:
                said = end if known == RANDOM else last
                if _NEXT_NAME.match(data, said):
                    merged[-1] = (first, said, kind if known == RANDOM else known)
                    continue
            # What a name or a form says is said of the whole.
            merged[-1] = (first, max(last, end), kind if known == RANDOM else known)
        elif end > start:
            merged.append((start, end, kind))
    return merged


_NEXT_NAME: Final = re.compile(rb"[;&,][A-Za-z_][\w .-]{0,40}=|@[\w-]{1,63}[.:/]|</?[A-Za-z]")
"""What follows a value is another name with its own, or the host of an address."""
