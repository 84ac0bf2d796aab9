"""Ids as people and addresses write them."""

from collections.abc import Mapping
from uuid import UUID

from runstore.errors import BadInputError


def uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


SHORTEST = 8
"""As many digits of an id as a list shows; fewer are not taken for the beginning of one."""


def ids_from(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begin with these digits, dashes or not; None for what is not an id's beginning."""
    if (whole := uuid_or_none(text)) is not None:
        return whole, whole
    digits = text.strip().replace("-", "").lower()
    if not SHORTEST <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def by_name(identifier: str, names: Mapping[str, str]) -> str:
    """An id as people are shown it: its name with the id beside it, or the id alone where it has no name."""
    return f"{names[identifier]} ({identifier})" if identifier in names else identifier


def checked_id(text: str, refusal: str) -> UUID:
    found = uuid_or_none(text)
    if found is None:
        raise BadInputError(refusal)
    return found
