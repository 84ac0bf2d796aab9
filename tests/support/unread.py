"""What the failures of a source leave unknown, as a sync keeps it."""

from collections.abc import Iterable

from flows._policies.protocol import SourceFailure
from flows._policies.unread import Unread


def unenumerated(failures: Iterable[SourceFailure]) -> set[str]:
    """The types that were not read to their end."""
    unread = Unread()
    for one in failures:
        unread.failed(one)
    return unread.types
