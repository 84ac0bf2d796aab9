"""An opaque place in the list of runs. It names its sort, so that one made for another list is refused."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from runstore.errors import BadInputError

SORT = "created_at"
MAX_LENGTH = 200


class BadCursorError(BadInputError):
    """The cursor is not one that this list gave out; open the list without it."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row after which a page begins, or before it going up (`newer`), by its sort values."""

    created_at: datetime
    run_id: UUID
    newer: bool = False

    def encode(self) -> str:
        payload = [SORT, "newer" if self.newer else "older", self.created_at.isoformat(), str(self.run_id)]
        return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        if not text or len(text) > MAX_LENGTH or not text.isascii():
            raise BadCursorError
        try:
            payload: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            sort, direction, created_at, run_id = payload
            moment = datetime.fromisoformat(created_at)
            cursor = cls(moment.astimezone(UTC), UUID(run_id), direction == "newer")
        except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise BadCursorError from None
        if sort != SORT or direction not in ("newer", "older") or moment.tzinfo is None:
            raise BadCursorError
        return cursor
