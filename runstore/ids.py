"""Ids as people and addresses write them."""

from __future__ import annotations

from uuid import UUID

from runstore.errors import BadInputError


def uuid_or_none(text: str) -> UUID | None:
    """The id that `text` writes out, or None when it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def checked_id(text: str, refusal: str) -> UUID:
    """The id that `text` writes out. BadInputError with the sentence `refusal` when it is none."""
    found = uuid_or_none(text)
    if found is None:
        raise BadInputError(refusal)
    return found
