"""What the list shows is what its filter says: asked of the server branch by branch, and worked out here run by run."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from runstore.reasons import CRASHED, TIMED_OUT
from runstore.runs import reader as reader_module
from runstore.runs.filters import Cursor, RunFilter
from runstore.runs.insights import RunInsights
from runstore.runs.operation import OperationType
from runstore.runs.reader import RunReader
from runstore.runs.run import Run
from runstore.runs.status import RunStatus, StatusBucket
from tests.support.examples import examples
from tests.support.runs import RunSpec, add_runs

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TYPES = ("inventory.sync", "drift.generate", "never.seen")
PEOPLE = ("ada", "schedule", "nobody")
ITEMS = tuple(f"item-{number}" for number in range(6))
SCOPES = ("windows", "a" * 199 + "b", "never")
LASTING = (0, 1, 40, 59, 60, 61, 600, 4000)


def _specs() -> list[RunSpec]:
    chance = random.Random(11)

    def one(number: int) -> RunSpec:
        status = chance.choice((*RunStatus, RunStatus.COMPLETED, RunStatus.COMPLETED))
        failed = status in (RunStatus.COMPLETED_WITH_ERRORS, RunStatus.FAILED)
        return RunSpec(
            type=chance.choice(TYPES[:2]),
            status=status,
            total=5,
            succeeded=2 if status is not RunStatus.FAILED else 0,
            failures=[TIMED_OUT.failure("x", seconds=1), *([CRASHED.failure()] if number % 4 == 0 else [])]
            if failed
            else [],
            context={"scope": chance.choice(SCOPES[:2])} if number % 5 else {},
            # Pairs of runs share a moment; some say they began before they were created, as another machine's clock may.
            created_at=NOW - timedelta(minutes=37 * (number // 2)),
            waited=timedelta(seconds=chance.choice((-20, 0, 5))),
            lasted=timedelta(minutes=chance.choice(LASTING), seconds=30),
            initiated_by=chance.choice(PEOPLE[:2]),
            item_ids=chance.sample(ITEMS[:5], 2),
            flow_run_id=UUID(int=chance.getrandbits(128)) if number % 3 else None,
        )

    return [one(number) for number in range(240)]


@pytest.fixture
def listed(store: Any) -> tuple[RunReader, RunInsights, Sequence[tuple[Run, RunSpec]]]:
    scope = store.tenant("acme")
    specs = _specs()
    add_runs(store.worker, scope, specs)
    add_runs(store.worker, store.tenant("globex"), [RunSpec(item_ids=ITEMS, initiated_by="ada") for _ in range(5)])
    reader = RunReader(store.hub, scope)
    runs = {run.id: run for run in reader.list(RunFilter(), limit=500).runs}
    return reader, RunInsights(store.hub, scope), [(runs[spec.id], spec) for spec in specs]


def attended(everything: Sequence[tuple[Run, RunSpec]]) -> set[UUID]:
    """Of each operation and scope the newest run that has ended, if it failed or succeeded in part."""
    newest: dict[object, Run] = {}
    for run, spec in everything:
        kind = (run.type, spec.context.get("scope"))
        place = (run.created_at, run.id)
        if run.finished_at and (kind not in newest or place > (newest[kind].created_at, newest[kind].id)):
            newest[kind] = run
    return {run.id for run in newest.values() if run.bucket in (StatusBucket.FAILED, StatusBucket.PARTIAL)}


def is_wanted(run: Run, spec: RunSpec, wanted: RunFilter, waiting: Collection[UUID]) -> bool:
    """The filter's words, as its docstring has them."""
    if wanted.needs_attention and run.id not in waiting:
        return False
    if wanted.scope and spec.context.get("scope") != wanted.scope:
        return False
    codes = sorted(spec.failures, key=lambda failure: failure.item_id != "run")
    if wanted.reason and not (
        codes and run.bucket in (StatusBucket.FAILED, StatusBucket.PARTIAL) and codes[0].reason_code == wanted.reason
    ):
        return False
    if (wanted.type and run.type != wanted.type) or (wanted.buckets and run.bucket not in wanted.buckets):
        return False
    if run.created_at < (wanted.created_since or run.created_at):
        return False
    if wanted.created_before and run.created_at >= wanted.created_before:
        return False
    if wanted.until and run.created_at > wanted.until:
        return False
    if wanted.initiated_by and run.initiated_by != wanted.initiated_by:
        return False
    ids = [str(one) for one in (run.id, spec.flow_run_id) if one]
    if wanted.search and not any(one.startswith(wanted.search) for one in ids):
        items = [*spec.item_ids, *(failure.item_id for failure in spec.failures)]
        if not any(wanted.search.lower() in item or item in wanted.named for item in items):
            return False
    if wanted.running_at and not (run.started_at and run.started_at <= wanted.running_at):
        return False
    if run.finished_at is None:
        return True
    latest = max((moment for moment in (wanted.since, wanted.running_at) if moment), default=run.finished_at)
    return latest <= run.finished_at <= (wanted.until or run.finished_at)


MOMENTS = st.integers(0, 80 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.none() | st.sampled_from(TYPES).map(OperationType.parse),
    "buckets": st.frozensets(st.sampled_from(StatusBucket), max_size=3),
    "initiated_by": st.none() | st.sampled_from(PEOPLE),
    "times": st.one_of(
        st.just({}),
        st.lists(MOMENTS, min_size=2, max_size=2).map(lambda two: {"since": min(two), "until": max(two)}),
        MOMENTS.map(lambda moment: {"since": moment}),
        MOMENTS.map(lambda moment: {"until": moment}),
        MOMENTS.map(lambda moment: {"running_at": moment}),
    ),
    "created": st.just({})
    | st.lists(MOMENTS, min_size=2, max_size=2, unique=True).map(
        lambda two: {"created_since": min(two), "created_before": max(two)}
    ),
    "day": st.integers(0, 8),
    "scope": st.none() | st.sampled_from(SCOPES),
    "reason": st.none() | st.sampled_from((TIMED_OUT.code, CRASHED.code, "never_seen")),
    "needs_attention": st.booleans(),
    "search": st.none()
    | st.sampled_from((*ITEMS, "ITEM", "m-1", "un"))
    | st.tuples(st.integers(0, 239), st.sampled_from((8, 13, 36))),
    "named": st.just(()) | st.sampled_from(ITEMS).map(lambda item: (item, "never")),
}

OPEN = {"type": None, "buckets": frozenset[StatusBucket](), "initiated_by": None, "created": {}, "times": {}, "day": 0,
        "scope": None, "reason": None, "needs_attention": False}  # fmt: skip


def filter_of(parts: dict[str, Any], everything: Sequence[tuple[Run, RunSpec]]) -> RunFilter:
    """Of a pair, the search is the beginning of that run's id, or of its flow run's where it has one and the number is odd."""
    search = parts["search"]
    if isinstance(search, tuple):
        (number, length), (run, spec) = search, everything[search[0]]
        search = str(spec.flow_run_id if spec.flow_run_id and number % 2 else run.id)[:length]
    rest = {name: parts[name] for name in ("type", "buckets", "initiated_by", "scope", "reason", "needs_attention")}
    return RunFilter(**rest, **parts["times"], **parts["created"], search=search, named=parts.get("named", ()))


@given(st.fixed_dictionaries(FILTERS), st.integers(1, 60))
@example({**OPEN, "times": {"running_at": NOW}, "search": (3, 36)}, 7)
@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
def test_pages_and_counts_are_what_the_filter_says(
    listed: tuple[RunReader, RunInsights, Sequence[tuple[Run, RunSpec]]], parts: dict[str, Any], size: int
) -> None:
    reader, _, everything = listed
    wanted = filter_of(parts, everything)
    waiting = attended(everything)
    expected = [run for run, spec in everything if is_wanted(run, spec, wanted, waiting)]
    expected.sort(key=lambda run: (run.created_at, run.id), reverse=True)

    assert read_down(reader, wanted, size) == expected
    now = datetime.now(UTC)
    started = [run for run in expected if run.started_at]
    took = sorted(started, key=lambda run: (run.finished_at or now) - (run.started_at or now), reverse=True)
    listed_longest = [run.id for run in reader.longest(wanted, limit=size).runs]
    assert listed_longest == [run.id for run in [*took, *(run for run in expected if not run.started_at)]][:size]
    for bucket, count in reader.bucket_counts(wanted).items():
        one_bucket = replace(wanted, buckets=frozenset({bucket}))
        assert count == sum(is_wanted(run, spec, one_bucket, waiting) for run, spec in everything)


@given(st.fixed_dictionaries(FILTERS))
@settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
def test_tiles_chart_and_list_count_the_same_runs(
    listed: tuple[RunReader, RunInsights, Sequence[tuple[Run, RunSpec]]], parts: dict[str, Any]
) -> None:
    """Whatever the filters: a bar says how many runs its link lists, and so do the tiles beside it."""
    reader, insights, everything = listed
    wanted = filter_of(parts, everything)
    first = datetime(2026, 5, 25, tzinfo=UTC)
    begins = [first + timedelta(days=day) for day in range(9)]
    bars = insights.history(begins, wanted).days
    chosen: datetime = first + timedelta(days=parts["day"])
    day = replace(wanted, created_since=chosen, created_before=chosen + timedelta(days=1))
    rows = Counter(run.bucket for run in reader.list(day, limit=500).runs)
    tiles = reader.bucket_counts(day)
    for bucket in StatusBucket:
        assert bars[chosen.date()].get(bucket, 0) == rows[bucket]
        if not wanted.buckets or bucket in wanted.buckets:
            assert tiles[bucket] == rows[bucket]
    assert not wanted.until or all(run.created_at <= wanted.until for run in reader.list(wanted, limit=500).runs)


def read_down(reader: RunReader, wanted: RunFilter, size: int) -> list[Run]:
    """Every page on the way down; on the way back up, each page has to be the same again."""
    down: list[tuple[Run, ...]] = []
    cursor: Cursor | None = None
    while True:
        page = reader.list(wanted, limit=size, cursor=cursor)
        down.append(page.runs)
        cursor = page.older
        if cursor is None:
            break
    back = page.newer
    for runs in reversed(down[:-1]):
        assert back is not None
        page = reader.list(wanted, limit=size, cursor=back)
        assert page.runs == runs
        back = page.newer
    return [run for runs in down for run in runs]


def test_counts_stop_at_their_cap(
    listed: tuple[RunReader, RunInsights, Sequence[tuple[Run, RunSpec]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, *_ = listed
    monkeypatch.setattr(reader_module, "COUNT_CAP", 9)
    full = reader.bucket_counts(RunFilter(since=NOW - timedelta(days=30)))
    assert set(full.values()) == {10}


def test_a_part_of_an_item_is_looked_for_in_as_many_runs_as_is_said(store: Any) -> None:
    scope = store.tenant("acme")
    insights, reader = RunInsights(store.hub, scope), RunReader(store.hub, scope)

    def found(search: str, *named: str) -> list[UUID]:
        wanted = RunFilter(search=search, named=named)
        runs = [run.id for run in reader.list(wanted).runs]
        assert sum(reader.bucket_counts(wanted).values()) == len(runs)
        return runs

    odd = RunSpec(created_at=NOW, item_ids=['a "b" \\ Ä', "Policy-1"])
    missed = RunSpec(created_at=NOW, failures=[TIMED_OUT.failure("Policy-2", seconds=1)], status=RunStatus.FAILED)
    # Older than the two: of what is equally new, ids would decide which is looked at.
    large = RunSpec(created_at=NOW - timedelta(seconds=1), item_ids=["policy-3", *(str(uuid4()) for _ in range(2_000))])
    add_runs(store.worker, scope, [odd, missed, large])
    add_runs(store.worker, store.tenant("globex"), [RunSpec(item_ids=["policy-1"])])
    assert insights.searched() == 2
    assert found('B" \\ Ä') == found('a "b" \\ Ä') == found("nothing", "Policy-1", "x") == [odd.id]
    assert set(found("policy-")) == {odd.id, missed.id}
    assert found("policy-3") == [large.id], "an id in full is found in every run"
    assert found('", "') == []
    add_runs(store.worker, scope, [RunSpec(created_at=NOW + timedelta(hours=1)) for _ in range(999)])
    assert len(found("policy-")) == 1 and insights.searched() == 1000
    add_runs(store.worker, scope, [RunSpec(created_at=NOW + timedelta(hours=2))])
    assert found("policy-") == [] and found("Policy-1") == [odd.id]


def test_the_view_of_items_shows_nothing_without_a_tenant_and_nothing_of_another(
    store: Any, listed: tuple[RunReader, RunInsights, Sequence[tuple[Run, RunSpec]]]
) -> None:
    def seen(connection: Connection) -> int:
        return connection.execute(
            text("SELECT count(*) FROM finished_runs WHERE item_keys @> ARRAY['item-5']")
        ).scalar_one()

    with store.hub.across_tenants() as connection:
        assert seen(connection) == 0
    with store.hub.transaction(store.tenant("acme")) as connection:
        assert seen(connection) == 0
    with store.hub.transaction(store.tenant("globex")) as connection:
        assert seen(connection) == 5
