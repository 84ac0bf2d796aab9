"""Reading ahead changes when things are read, not what."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows._sources.ahead import Ahead


@given(st.lists(st.integers() | st.none(), max_size=40), st.integers(1, 5))
def test_every_item_comes_in_order(items: list[int | None], size: int) -> None:
    with Ahead(items, size) as ahead:
        assert list(ahead) == items
        assert list(ahead) == []


def test_an_exception_comes_where_the_next_item_would() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    with Ahead(failing(), 5) as ahead:
        assert next(ahead) == 1
        with pytest.raises(KeyError):
            next(ahead)
        assert list(ahead) == []


def test_closing_early_lets_go_of_the_iterable() -> None:
    closed = threading.Event()
    taken: list[int] = []

    def endless() -> Iterator[int]:
        try:
            for number in range(10**9):
                taken.append(number)
                yield number
        finally:
            closed.set()

    with Ahead(endless(), 3) as ahead:
        assert next(ahead) == 0
    assert closed.is_set()
    assert len(taken) <= 8


def test_a_source_that_waits_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows._sources.ahead._LONGEST_GOODBYE", 0.2)
    release = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        release.wait(30)

    ahead = Ahead(waiting(), 3)
    assert next(ahead) == 1
    ahead.close()
    assert not release.is_set()
    release.set()
