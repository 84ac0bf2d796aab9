"""Cursors survive the round trip and refuse everything else."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import BadInputError
from runstore.runs.filters import DEFAULT_LIMIT, MAX_LENGTH, BadCursorError, Cursor, RunFilter, checked_limit

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
    assert [checked_limit(limit) for limit in (1, 500)] == [1, 500]
    assert DEFAULT_LIMIT == 50
    for bounds in ({"since": now}, {"until": now}, {"since": now, "until": now}, {"needs_attention": True}):
        assert not RunFilter(**bounds).is_open
    assert RunFilter().is_open and not RunFilter().needs_attention


def written(*parts: Any) -> str:
    """A cursor as `encode` writes one, of any parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


GOOD = ("created_at", "older", "2026-03-01T06:00:00+00:00", str(UUID(int=5)))


def test_the_written_form_is_the_one_that_shared_links_hold() -> None:
    cursor = Cursor(datetime(2026, 3, 1, 6, tzinfo=UTC), UUID(int=5))
    assert cursor.newer is False
    assert cursor.encode() == written(*GOOD)
    elsewhere = written(GOOD[0], "newer", "2026-03-01T08:00:00+02:00", GOOD[3])
    assert Cursor.decode(elsewhere) == Cursor(cursor.created_at, cursor.run_id, newer=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        written("finished_at", *GOOD[1:]),
        written(GOOD[0], "sideways", *GOOD[2:]),
        written(*GOOD[:2], "2026-03-01T06:00:00", GOOD[3]),
        written(*GOOD[:2], "yesterday", GOOD[3]),
        written(*GOOD[:2], 5, GOOD[3]),
        written(*GOOD[:3], "5"),
        written(*GOOD[:3]),
        written(*GOOD, 1),
        written(*GOOD)[:-3] + "é",
        "[" * 190,
        base64.urlsafe_b64encode(b"[" * 140).decode(),
        base64.urlsafe_b64encode(json.dumps(GOOD).encode().ljust(MAX_LENGTH)).decode(),
        written(*GOOD[:2], "0001-01-01T00:00:00+14:00", GOOD[3]),
    ],
)
def test_what_no_list_gave_out_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        Cursor.decode(text)


def test_the_longest_cursor_is_read_and_one_that_is_longer_is_not_looked_at() -> None:
    good = written(*GOOD)
    spaced = base64.urlsafe_b64encode(json.dumps(GOOD).encode().ljust(MAX_LENGTH * 3 // 4)).decode()
    assert len(good) < len(spaced) == MAX_LENGTH == 200
    for spaces in range(6):
        text = base64.urlsafe_b64encode(json.dumps(GOOD).encode() + b" " * spaces).decode().rstrip("=")
        assert Cursor.decode(text) == Cursor.decode(good)
    assert Cursor.decode(spaced) == Cursor.decode(good)
    with pytest.raises(BadCursorError):
        Cursor.decode(spaced + "=")
