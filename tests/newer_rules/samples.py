"""Made-up texts that a regular expression matches, with the part that its rule calls the secret."""

from __future__ import annotations

import random
import re
import string
import warnings
from collections.abc import Iterable
from typing import Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants as constants
    import sre_parse as parser

_PLAIN: Final = string.ascii_letters + string.digits
_SHOWN: Final = [chr(code) for code in range(32, 127)]
_MOST_REPEATS: Final = 12


def sample(pattern: str, group: int, chance: random.Random) -> tuple[str, str]:
    """A text that the pattern describes, and what its group `group` holds (0: the first group, or all without one).

    Go's few forms that Python lacks are turned into Python's. ValueError for a pattern that cannot be read.
    """
    text = re.sub(r"\(\?P?<[A-Za-z_]+>", "(", pattern).replace(r"\z", r"\Z")
    folded = "(?i" in text
    text = re.sub(r"\(\?[a-z-]+\)", "", text)
    text = re.sub(r"\(\?[a-z-]+:", "(?:", text)
    for name, members in (("alnum", "a-zA-Z0-9"), ("alpha", "a-zA-Z"), ("digit", "0-9"), ("xdigit", "0-9a-fA-F")):
        text = text.replace(f"[:{name}:]", members)
    text = text.replace(r"\x{", r"\x").replace(r"\h", " ")
    try:
        tree: Any = parser.parse(text)
    except (re.error, OverflowError) as problem:
        raise ValueError(f"not a pattern that can be read: {problem}") from None
    made = _Maker(chance, folded)
    whole = made.text(tree)
    return whole, made.groups.get(group or 1) or whole


class _Maker:
    def __init__(self, chance: random.Random, folded: bool) -> None:
        self._chance = chance
        self._folded = folded
        self.groups: dict[int, str] = {}

    def text(self, tree: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._one(kind, value) for kind, value in tree)

    def _one(self, kind: Any, value: Any) -> str:
        chance = self._chance
        if kind is constants.LITERAL:
            return chr(value)
        if kind is constants.NOT_LITERAL:
            return chance.choice([character for character in _SHOWN if character != chr(value)])
        if kind is constants.ANY:
            return chance.choice(_PLAIN)
        if kind is constants.IN:
            return chance.choice(_members(value))
        if kind is constants.BRANCH:
            return self.text(chance.choice(value[1]))
        if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT, getattr(constants, "POSSESSIVE_REPEAT", None)):
            low, high, inner = value
            most = min(int(high), max(int(low), low + _MOST_REPEATS if high > 1000 else int(high)), low + 40)
            return "".join(self.text(inner) for _ in range(chance.randint(int(low), int(most))))
        if kind is constants.SUBPATTERN:
            number, _, _, inner = value
            made = self.text(inner)
            if number is not None:
                self.groups[number] = made
            return made
        if kind is constants.GROUPREF:
            return self.groups.get(value, "")
        if kind is getattr(constants, "ATOMIC_GROUP", None):
            return self.text(value)
        # Boundaries and looks around take no place.
        return ""


def _members(items: Iterable[tuple[Any, Any]]) -> list[str]:
    items = list(items)
    negated = bool(items) and items[0][0] is constants.NEGATE
    found: set[str] = set()
    for kind, value in items[1:] if negated else items:
        if kind is constants.LITERAL:
            found.add(chr(value))
        elif kind is constants.RANGE:
            found |= {chr(code) for code in range(value[0], min(value[1], 126) + 1)}
        elif kind is constants.CATEGORY:
            found |= _category(value)
    if negated:
        return [character for character in _SHOWN if character not in found]
    return sorted(found & set(_SHOWN)) or sorted(found) or ["x"]


def _category(category: Any) -> set[str]:
    name = str(category)
    word, digits, spaces = set(_PLAIN + "_"), set(string.digits), {" "}
    members = {"WORD": word, "DIGIT": digits, "SPACE": spaces}[name.rpartition("_")[2]]
    return set(_SHOWN) - members if "NOT_" in name else members
