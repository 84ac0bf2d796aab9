"""How much looking one text is worth, so that the cost of a hostile one is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Span = tuple[int, int, str]
"""Start, end and kind of a secret in a text."""

Spend = Callable[[int], None]
"""Takes what a look cost from the text's budget; raises when nothing is left."""

_MOST_REMEMBERED = 20_000


def remember(words: set[bytes], word: bytes) -> None:
    """Adds a word to what is known of words, which is forgotten when it is too much."""
    if len(words) >= _MOST_REMEMBERED:
        words.clear()
    words.add(word)


class TooManyHits(Exception):
    """The text has more suspicious places than may be looked at in the time allowed."""


class Budget:
    """What is left of it, in units of `secret_scan.BUDGET`, and the words of the text that need no second look."""

    __slots__ = ("left", "signed", "words")

    def __init__(self, left: int) -> None:
        self.left = left
        self.words: set[bytes] = set()
        self.signed: set[bytes] = set()

    def spend(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise TooManyHits


def positions(data: bytes, anchor: bytes, budget: Budget, units: int) -> Iterator[int]:
    position = data.find(anchor)
    while position >= 0:
        budget.spend(units)
        yield position
        position = data.find(anchor, position + len(anchor))
