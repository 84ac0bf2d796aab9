"""What an answer means is decided by its status, its code and its headers, whatever else it holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows._sources.graph.answers import Answer, Problem, Setback, judge, seconds_to_wait
from flows._sources.graph.reasons import (
    GRAPH_ANSWER_UNREADABLE,
    GRAPH_REFUSED,
    GRAPH_THROTTLED,
    GRAPH_TOKEN_REFUSED,
    GRAPH_UNAVAILABLE,
)
from runstore.reasons import ReasonCode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def error(code: object = "Forbidden", **inner: object) -> dict[str, object]:
    return {"error": {"code": code, "message": "Refused for tenant contoso", "innerError": inner}}


@given(JSON, st.dictionaries(st.text(), st.text()), JSON)
def test_no_answer_makes_judging_raise(status: object, headers: dict[str, str], body: object) -> None:
    outcome = judge(status, headers, body)
    if isinstance(outcome, Problem):
        failure = outcome.failure("p1")
        assert len(failure.message) <= 500


@given(st.integers(200, 299), JSON)
def test_success_is_a_json_object_and_nothing_else(status: int, body: object) -> None:
    outcome = judge(status, {}, body)
    assert isinstance(outcome, Answer) == isinstance(body, dict)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, GRAPH_TOKEN_REFUSED),
        (302, GRAPH_ANSWER_UNREADABLE),
        (408, GRAPH_UNAVAILABLE),
        (429, GRAPH_THROTTLED),
        (500, GRAPH_UNAVAILABLE),
        (503, GRAPH_UNAVAILABLE),
        (504, GRAPH_UNAVAILABLE),
    ],
)
def test_what_may_pass_is_tried_again(status: int, reason: ReasonCode) -> None:
    outcome = judge(status, {"RETRY-after": "7"}, error())
    assert isinstance(outcome, Setback)
    assert outcome.reason is reason
    assert outcome.retry_after == (None if status in (302, 401) else 7.0)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 412, 423, 451, 501])
def test_what_will_not_pass_is_a_problem_at_once(status: int) -> None:
    outcome = judge(status, {}, error())
    assert isinstance(outcome, Problem)
    assert outcome.is_missing == (status in (404, 410))


def test_of_an_error_only_code_and_request_id_are_kept() -> None:
    request_id = "11111111-2222-3333-4444-555555555555"
    outcome = judge(400, {}, error("BadRequest", **{"request-id": request_id}))
    assert isinstance(outcome, Problem)
    failure = outcome.failure("p1")
    assert failure.reason_code == GRAPH_REFUSED.code
    assert "BadRequest" in failure.message
    assert request_id in failure.message
    assert "contoso" not in failure.message


def test_a_code_that_is_a_text_is_not_shown() -> None:
    outcome = judge(400, {}, error("The tenant contoso.onmicrosoft.com may not"))
    assert isinstance(outcome, Problem)
    assert "contoso" not in outcome.failure("p1").message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 1.5 ", 1.5),
        (3, 3.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-4", None),
        ("nan", None),
        ("1e300", None),
        (None, None),
        (True, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: object, seconds: float | None) -> None:
    assert seconds_to_wait(value, datetime(2026, 11, 23, 10, 0, tzinfo=UTC)) == seconds
