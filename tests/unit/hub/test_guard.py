"""What a page that fails shows its reader. The pages run as Streamlit runs them; what they show is read from the tree."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st

from monitoring_app import texts
from monitoring_app.presentation import guard
from monitoring_app.presentation.nodes import Node
from runstore.errors import BadInputError, ForbiddenError, NotFoundError, StoreUnavailableError

AWAY = StoreUnavailableError("postgresql://someone:hunter2@db/store is away")


VIEWER: Any = object()
"""Who is looking: the guard only hands it on."""


class Screen:
    """What was shown, key by key; and the fragments that a page left to be run again."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.again: list[tuple[Any, Any]] = []
        self.reruns: list[str] = []

    def show(self, tree: Node, key: str, **_: object) -> None:
        self.shown[key] = str(tree)

    def fragment(self, part: Any = None, *, run_every: float | None = None) -> Any:
        def made(function: Any) -> Any:
            self.again.append((function, run_every))
            return function

        return made if part is None else made(part)

    @property
    def text(self) -> str:
        return "\n".join(self.shown.values())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A page's surroundings without a browser: the guard decides what is shown, Streamlit only carries it."""
    made = Screen()
    monkeypatch.setattr(guard, "show", made.show)
    monkeypatch.setattr(guard, "still_there", lambda viewer: viewer)
    monkeypatch.setattr(st, "fragment", made.fragment)
    monkeypatch.setattr(st, "rerun", lambda scope: made.reruns.append(scope))
    yield made


def raising(*problems: Exception | None) -> Any:
    """A page or part that fails so each time it is drawn; with None it does not."""
    left = list(problems)

    def draw(*_: object) -> None:
        problem = left.pop(0)
        if problem is not None:
            raise problem

    return draw


@pytest.mark.parametrize(
    ("problem", "key", "said"),
    [
        (AWAY, "unavailable", texts.UNAVAILABLE_TITLE),
        (ForbiddenError(), "forbidden", texts.FORBIDDEN_TITLE),
        (NotFoundError(), "not-found", texts.NOT_FOUND_TITLE),
        (BadInputError("The address is too long."), "problem", "The address is too long."),
    ],
)
def test_a_deliberate_error_is_a_sentence(screen: Screen, problem: Exception, key: str, said: str) -> None:
    guard.guarded(raising(problem))()
    assert list(screen.shown) == [key]
    assert said in screen.text
    assert "hunter2" not in screen.text


def test_a_page_that_works_is_left_alone(screen: Screen) -> None:
    guard.guarded(raising(None))()
    assert (screen.shown, screen.again) == ({}, [])


def test_what_nobody_foresaw_goes_to_the_log_under_an_id(screen: Screen, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        guard.guarded(raising(ValueError("hunter2")))()
    ((key, shown),) = screen.shown.items()
    reference = key.removeprefix("problem-")
    assert len(reference) == 12 and reference in shown and "hunter2" not in shown
    (record,) = caplog.records
    assert reference in record.getMessage()
    assert record.exc_info and isinstance(record.exc_info[1], ValueError)


def test_an_outage_looks_again_by_itself_every_few_seconds(screen: Screen) -> None:
    guard.guarded(raising(AWAY))()
    ((again, every),) = screen.again
    assert every == guard.RETRY_SECONDS == 5
    assert screen.reruns == [], "drawing it the first time is not looking again"
    again()
    again()
    assert screen.reruns == ["app", "app"]


@pytest.mark.parametrize("problem", [AWAY, ForbiddenError(), BadInputError("No."), ValueError("no")])
def test_a_parts_first_error_is_the_pages(screen: Screen, problem: Exception) -> None:
    with pytest.raises(type(problem)):
        guard.live(VIEWER, raising(problem), 2.5, "tiles")
    assert screen.shown == {}


def test_a_part_that_fails_later_says_so_alone_and_goes_on(screen: Screen) -> None:
    later = BadInputError("No such filter.")
    guard.live(VIEWER, raising(None, AWAY, None, later, ValueError("hunter2"), None), 2.5, "tiles")
    ((again, every),) = screen.again
    assert every == 2.5
    again()
    assert list(screen.shown) == ["tiles-away"] and texts.UNAVAILABLE in screen.text and "hunter2" not in screen.text
    again()
    again()
    assert list(screen.shown)[1:] == ["tiles-problem"] and "No such filter." in screen.text
    again()
    assert list(screen.shown)[2].startswith("problem-") and "hunter2" not in screen.text
    again()
    assert len(screen.shown) == 3


def test_a_part_is_told_who_looks_now_and_which_time_is_the_first(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: Any = object()
    monkeypatch.setattr(guard, "still_there", {VIEWER: now}.__getitem__)
    told: list[Any] = []
    guard.live(VIEWER, lambda *given: told.append(given), None, "tiles")
    screen.again[0][0]()
    assert told == [(VIEWER, True), (now, False)]
