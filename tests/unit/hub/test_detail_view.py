"""A run's page says what a producer noted in words: no dictionary, None or True of Python's comes through."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from monitoring_app import texts
from monitoring_app.operations.detail_view import facts, live_part
from monitoring_app.operations.list_view import why
from monitoring_app.presentation.nodes import Node
from monitoring_app.session import Viewer
from runstore.reasons import CRASHED, Catalogue
from runstore.runs.insights import FailureGroup, RunNote, RunOverview
from runstore.runs.operation import OperationType
from runstore.runs.run import Counts, Run, RunDetail, Source
from runstore.runs.status import RunStatus, StatusBucket
from runstore.tenancy import Trigger
from tests.support.nodes import text_of

NAMES = st.text("abcxyz_", min_size=1, max_size=8)
CONTEXTS = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 10**9) | st.text("pqr -", max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


class _Viewer:
    """As much of a viewer as the page's tree asks for."""

    class tenant:
        slug, name = "acme", "Acme"

    def may(self, _: object) -> bool:
        return False


VIEWER: Viewer = _Viewer()  # type: ignore[assignment]


def run(status: RunStatus = RunStatus.COMPLETED, bucket: StatusBucket = StatusBucket.SUCCEEDED) -> Run:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Run(
        id=uuid4(), tenant_id=uuid4(), tenant="acme", type=OperationType("a", "b"), status=status, bucket=bucket,
        attempt=1, idempotency_key="k", counts=Counts(), trigger=Trigger.USER, initiated_by="x",
        last_source=Source.HOOK, flow_run_id=None, created_at=at, started_at=at, finished_at=at, heartbeat_at=at,
        contact_lost_at=None,
    )  # fmt: skip


@given(CONTEXTS)
def test_facts_are_words(context: dict[str, Any]) -> None:
    said = text_of(facts(VIEWER, run(), context, None, ""))
    assert not re.search(r"[{}\[\]']|None|True|False", said)


def test_a_mapping_is_told_by_name() -> None:
    said = text_of(facts(VIEWER, run(), {"graph_cost": {"requests": 1200, "waited": None, "full": True}}, None, ""))
    assert "Graph costRequests: 1,200; Waited: –; Full: yes" in said


def test_a_row_says_why_a_run_failed_or_that_its_page_may() -> None:
    def said(bucket: StatusBucket, code: str | None) -> str:
        return why(bucket, RunNote((), code), Catalogue.core())

    assert said(StatusBucket.FAILED, "crashed") == CRASHED.meaning
    assert said(StatusBucket.FAILED, "of_another_version") == "of_another_version"
    assert said(StatusBucket.PARTIAL, None) == said(StatusBucket.FAILED, None) == texts.REASON_ON_PAGE
    assert said(StatusBucket.SUCCEEDED, None) == said(StatusBucket.RUNNING, None) == ""


def _page(failures: int, cause: Node | None) -> str:
    detail = RunDetail(run(RunStatus.FAILED, StatusBucket.FAILED), {}, (), (), (), ())
    return text_of(live_part(VIEWER, RunOverview(detail, 0, failures), None, "", cause))


def test_a_failed_run_begins_with_its_cause() -> None:
    from monitoring_app.operations.detail_view import failure_groups, no_reason

    group = FailureGroup("crashed", 1, "run", "run", CRASHED.failure().message)
    said = _page(1, failure_groups([group], Catalogue.core()))
    assert said.index(CRASHED.next_step) < said.index("Started by")
    silent = RunOverview(RunDetail(run(RunStatus.FAILED, StatusBucket.FAILED), {}, (), (), (), ()), 0, 0)
    assert "left no reason" in _page(0, no_reason(silent))
    assert no_reason(RunOverview(RunDetail(run(), {}, (), (), (), ()), 0, 0)) is None
