"""Every part of a batch is accounted for, whatever came back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows._policies.types import Lane
from flows._sources.graph.answers import Answer, Request, Setback, batch_outcomes, batch_payload
from flows._sources.graph.reasons import GRAPH_PART_UNANSWERED, GRAPH_THROTTLED


def part(position: int) -> dict[str, Any]:
    return {"id": str(position), "status": 200, "headers": {}, "body": {"position": position}}


@given(st.integers(1, 20).flatmap(lambda count: st.tuples(st.just(count), st.permutations(range(count)))), st.data())
def test_parts_find_their_reads_in_any_order_and_missing_ones_are_noticed(
    case: tuple[int, list[int]], data: st.DataObject
) -> None:
    count, order = case
    dropped, doubled, contradicted = (data.draw(st.sets(st.sampled_from(range(count)))) for _ in range(3))
    responses = [part(position) for position in order if position not in dropped]
    responses += [part(position) for position in order if position in doubled - dropped]
    responses += [part(position) | {"status": 500} for position in order if position in contradicted - dropped]
    outcomes = batch_outcomes({"responses": responses}, count, {})
    assert len(outcomes) == count
    for position, outcome in enumerate(outcomes):
        if position in dropped | contradicted:
            assert outcome == Setback(GRAPH_PART_UNANSWERED)
        else:
            assert outcome == Answer({"position": position})


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_nonsense_answers_nothing(body: object) -> None:
    assert batch_outcomes(body, 3, {}) == [Setback(GRAPH_PART_UNANSWERED)] * 3


def test_ids_that_were_not_sent_are_ignored() -> None:
    strange = [part(0) | {"id": name} for name in ("7", "-1", "", "x", "²", None, 0)]
    assert batch_outcomes({"responses": strange}, 1, {}) == [Setback(GRAPH_PART_UNANSWERED)]


def test_each_part_brings_its_own_retry_after() -> None:
    body = {"responses": [{"id": "0", "status": 429, "headers": {"Retry-After": "9"}, "body": {}}, part(1)]}
    outcomes = batch_outcomes(body, 2, {})
    assert outcomes[0] == Setback(GRAPH_THROTTLED, 429, 9.0)
    assert isinstance(outcomes[1], Answer)


def test_addresses_are_below_the_version() -> None:
    payload = batch_payload([Request("beta/deviceManagement/intents/1/settings?$top=5", Lane.INTUNE)])
    assert payload == {"requests": [{"id": "0", "method": "GET", "url": "/deviceManagement/intents/1/settings?$top=5"}]}
