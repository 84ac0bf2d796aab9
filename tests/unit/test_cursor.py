"""Cursors survive the round trip and refuse everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import BadInputError
from runstore.runs.cursor import BadCursorError, Cursor
from runstore.runs.filters import RunFilter, checked_limit

moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis wants it so and adds the zone itself
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(timezone(timedelta(hours=2))),
)


@given(moments, st.uuids(), st.booleans())
def test_round_trip(created_at: datetime, run_id: UUID, newer: bool) -> None:
    cursor = Cursor(created_at.astimezone(UTC), run_id, newer)
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text(max_size=300))
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadCursorError, match="not one that this list gave out"):
        Cursor.decode(text)


def test_a_filter_refuses_what_makes_no_sense() -> None:
    now = datetime.now(UTC)
    with pytest.raises(BadInputError, match="time zone"):
        RunFilter(since=now.replace(tzinfo=None))
    with pytest.raises(BadInputError, match="ends before it begins"):
        RunFilter(since=now, until=now - timedelta(seconds=1))
    for limit in (0, -1, 501):
        with pytest.raises(BadInputError, match="between 1 and 500"):
            checked_limit(limit)
